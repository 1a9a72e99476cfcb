"""Write `requirements-dev.lock`: every package of a development set-up, with its hashes.

    make lock

The resolver is uv, on Linux with the oldest Python that revloop supports. Left out is what has no
one file for all machines: torch, in a build for the machine that `tools/install.py` chooses by its
exact version, and what hangs on it.
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
    """The resolver's command line; packages come from wherever the machine's uv looks for them."""
    chosen = [f"--extra={extra}" for extra in ("cpu", *EVERYWHERE.split(","))]
    return [
        *(sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", *chosen),
        *("--excludes", excludes, "--generate-hashes", "--python-version", PYTHON),
        *("--python-platform", "linux", "--no-header", "--no-annotate", "--no-emit-index-url"),
        *("--no-emit-package", "revloop", "--quiet", "--output-file", str(LOCK)),
    ]


def main() -> int:
    """Write the lock; the exit code tells whether it went well."""
    with tempfile.TemporaryDirectory() as folder:
        excludes = Path(folder) / "excludes.txt"
        excludes.write_text("\n".join(LEFT_OUT), encoding="utf-8")
        return subprocess.run(command(str(excludes)), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
