"""The one server that all sides use in turn: start it, empty its cache, read its counters."""

from __future__ import annotations

import os
import re
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from revloop.demo import CRITIC_FOLDER
from revloop.engines.load import Load, read_load
from revloop.serving import ServerOptions, VllmServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAIN_PROGRAM = (sys.executable, "-m", "benchmarks.versus.plain_server")
_COUNTERS = {
    "prompt_tokens": "vllm:prompt_tokens_total",
    "generated_tokens": "vllm:generation_tokens_total",
    "cache_queries": "vllm:prefix_cache_queries_total",
    "cache_hits": "vllm:prefix_cache_hits_total",
}


@dataclass(frozen=True, slots=True)
class Counters:
    """What a server has done since it was started, or between two moments.

    Attributes:
        prompt_tokens: Tokens of prompts, those from the prefix cache included.
        generated_tokens: Tokens that were generated.
        cache_queries: Prompt tokens that were looked up in the prefix cache.
        cache_hits: Those of them that were found.
    """

    prompt_tokens: float
    generated_tokens: float
    cache_queries: float
    cache_hits: float

    @property
    def cached_share(self) -> float:
        """Share of the prompt tokens that came from the prefix cache."""
        return self.cache_hits / self.cache_queries if self.cache_queries else 0.0

    def since(self, before: Counters) -> Counters:
        """What was done between two moments."""
        return Counters(*(getattr(self, name) - getattr(before, name) for name in _COUNTERS))


@contextmanager
def served(
    log: Path, *, plain: bool = False, eager: bool = False, vllm_options: tuple[str, ...] = ()
) -> Iterator[str]:
    """A vLLM server of the demo's critic while the block runs; gives its address.

    Args:
        log: Where its output goes.
        plain: With vLLM's defaults, not with those of ``revloop serve``.
        eager: Do not compile the model: for a short trial.
        vllm_options: Further options for vLLM.
    """
    # only so it lets its prefix cache be emptied
    os.environ["VLLM_SERVER_DEV_MODE"] = "1"
    options = ServerOptions(
        model=str(CRITIC_FOLDER), log_path=log, enforce_eager=eager, vllm_options=vllm_options
    )
    server = VllmServer(options, program=PLAIN_PROGRAM) if plain else VllmServer(options)
    with server:
        yield server.base_url


def reset_prefix_cache(base_url: str) -> None:
    """Empty the prefix cache, so that no side finds what another one left."""
    request = urllib.request.Request(f"{base_url}/reset_prefix_cache", method="POST")
    with urllib.request.urlopen(request):
        pass


def metrics(base_url: str) -> str:
    """The server's metrics in Prometheus' text format."""
    with urllib.request.urlopen(f"{base_url}/metrics") as reply:
        text: str = reply.read().decode()
        return text


def load(base_url: str) -> Load:
    """How many requests run and wait in the server."""
    return read_load(metrics(base_url), refused=0)


def counters(text: str) -> Counters:
    """The counters in the text of a server's metrics; of several engines, all together."""
    return Counters(*(_total(text, name) for name in _COUNTERS.values()))


def _total(text: str, name: str) -> float:
    pattern = rf"^{re.escape(name)}(?:\{{[^}}\n]*\}})? (\S+)$"
    return sum(float(value) for value in re.findall(pattern, text, re.MULTILINE))
