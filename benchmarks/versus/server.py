"""The server that all sides use in turn: start it, empty its cache, read its counters."""

from __future__ import annotations

import os
import sys
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

from revloop.demo import CRITIC_FOLDER
from revloop.engines.metrics import Counters, ServerLoad, read_counters, read_load
from revloop.serving import ServerOptions, VllmServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAIN_PROGRAM = (sys.executable, "-m", "benchmarks.versus.plain_server")


@contextmanager
def served(
    log: Path, *, plain: bool = False, eager: bool = False, vllm_options: tuple[str, ...] = ()
) -> Iterator[str]:
    """Serve the demo's critic with vLLM while the block runs; yields the address.

    Args:
        log: File for its output.
        plain: Use vLLM's defaults instead of those of ``revloop serve``.
        eager: Do not compile the model, for a short trial.
        vllm_options: Further options for vLLM.
    """
    # allows emptying the prefix cache
    os.environ["VLLM_SERVER_DEV_MODE"] = "1"
    options = ServerOptions(
        model=str(CRITIC_FOLDER), log_path=log, enforce_eager=eager, vllm_options=vllm_options
    )
    server = VllmServer(options, program=PLAIN_PROGRAM) if plain else VllmServer(options)
    with server:
        yield server.base_url


def reset_prefix_cache(base_url: str) -> None:
    """Empty the prefix cache, so that no side benefits from another."""
    request = urllib.request.Request(f"{base_url}/reset_prefix_cache", method="POST")
    with urllib.request.urlopen(request):
        pass


def metrics(base_url: str) -> str:
    """The server's metrics in Prometheus' text format."""
    with urllib.request.urlopen(f"{base_url}/metrics") as reply:
        text: str = reply.read().decode()
        return text


def load(base_url: str) -> ServerLoad:
    """The requests running and queued in the server."""
    return read_load(metrics(base_url), refused=0)


def counters(base_url: str) -> Counters:
    """The server's counters so far."""
    return read_counters(metrics(base_url)) or Counters()
