"""Serve a small model on the CPU while a block runs: for the stages of `make evidence`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from revloop.serving import ServerOptions, VllmServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_REQUESTS = 128
"""Requests that the server answers at a time."""


@contextmanager
def served(model: Path, *, context_tokens: int, log_path: Path | None = None) -> Iterator[str]:
    """Start vLLM on a model's folder, and stop it after the block.

    Args:
        model: The folder.
        context_tokens: Most tokens of a prompt and its reply.
        log_path: File for vLLM's output; None: one in the temporary folder.

    Yields:
        The server's address.
    """
    options = ServerOptions(
        model=str(model),
        enforce_eager=True,  # so small a model starts twice as fast so, and is hardly slower
        log_path=log_path,
        vllm_options=(
            *("--max-num-seqs", str(MOST_REQUESTS), "--max-model-len", str(context_tokens)),
        ),
    )
    with VllmServer(options) as server:
        yield server.base_url
