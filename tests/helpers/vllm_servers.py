"""vLLM servers of a test's own, beside the session's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.helpers.repository import free_port, need_vllm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STOP_S = 90.0
REWARDS = ("--runner", "pooling", "--convert", "classify", "--dtype", "float32")
"""Options of vLLM for a reward model."""


@contextmanager
def served(model: Path, folder: Path, name: str, *options: str) -> Iterator[str]:
    """A model served with `revloop serve`; its address.

    Args:
        model: The model's folder.
        folder: Where the log goes.
        name: The name that it is served under.
        options: Of vLLM.
    """
    need_vllm()
    log = folder / f"{name}.log"
    command = [
        *(sys.executable, "-m", "revloop", "serve", str(model), "--eager"),
        *("--served-model-name", name, "--port", str(free_port()), "--log", str(log)),
        *("--", *options),
    ]
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        announced = process.stdout.readline()
        assert announced, f"`revloop serve` did not come up; the log: {log}"
        yield announced.split()[-1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_S)
        assert process.stdout is not None
        process.stdout.close()
