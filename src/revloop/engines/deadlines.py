"""How long a request to a server may take."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp

_UPLOAD_BYTES_PER_S = 2**16
"""A slower upload is given up."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a request may take before it is given up and tried again.

    They limit the complete answer, so a server cannot evade them by sending single bytes. By
    default a request for 512 tokens has 376 seconds.

    Attributes:
        connect_s: Seconds to connect.
        answer_s: Seconds to the complete answer, apart from generating it.
        token_s: Additional seconds per requested token: a busy server is slow, not dead.
    """

    connect_s: float = 10.0
    answer_s: float = 120.0
    token_s: float = 0.5

    def timeout(self, max_tokens: int = 0, upload_bytes: int = 0) -> aiohttp.ClientTimeout:
        """The limits for a request for up to ``max_tokens``, or that uploads a file."""
        total_s = self.answer_s + self.token_s * max_tokens + upload_bytes / _UPLOAD_BYTES_PER_S
        return aiohttp.ClientTimeout(total=total_s, sock_connect=self.connect_s)

    def download(self) -> aiohttp.ClientTimeout:
        """The limits for a file of any size: each part of it has its own."""
        return aiohttp.ClientTimeout(sock_connect=self.connect_s, sock_read=self.answer_s)
