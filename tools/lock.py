"""Write `requirements-dev.lock`: every package of a development environment, with hashes.

    make lock

uv resolves for Linux and the oldest Python that revloop supports. torch and the packages that
depend on its build are left out, because their builds differ by machine; `tools/install.py` pins
torch.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tools.install import EVERYWHERE, LOCK, LOCKED_PYTHON, UNUSED

PYTHON = ".".join(map(str, LOCKED_PYTHON))
LEFT_OUT = ("torch", "triton", *UNUSED)


def command(excludes: str) -> list[str]:
    """The command line of the resolver; packages come from the index that uv is configured for."""
    chosen = [f"--extra={extra}" for extra in ("cpu", *EVERYWHERE.split(","))]
    return [
        *(sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", *chosen),
        *("--excludes", excludes, "--generate-hashes", "--python-version", PYTHON),
        *("--python-platform", "linux", "--no-header", "--no-annotate", "--no-emit-index-url"),
        *("--no-emit-package", "revloop", "--quiet", "--output-file", str(LOCK)),
    ]


def main() -> int:
    """Write the lock file; return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        excludes = Path(folder) / "excludes.txt"
        excludes.write_text("\n".join(LEFT_OUT), encoding="utf-8")
        return subprocess.run(command(str(excludes)), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
