"""Paths in the repository, and what this machine provides."""

from __future__ import annotations

import importlib.util
import os
import socket
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DATA = Path(os.environ.get("REVLOOP_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
TINY_CRITIC = Path(__file__).parent / "tiny_critic"  # made by tools/make_tiny_critic.py


def need_vllm() -> None:
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("vLLM is not installed: it has no build for this machine")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
