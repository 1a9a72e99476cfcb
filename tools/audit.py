"""Report known vulnerabilities of the packages in the lock file; never fail a build.

    python tools/audit.py FOLDER

pip-audit runs in its own virtual environment, FOLDER. Its output goes to `audit.log`, a one-line
verdict to stdout.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

LOCK = "requirements-dev.lock"
LOG = Path("audit.log")
LIMIT_S = 300.0
_FOUND_SOME = 1


def run(*command: str) -> tuple[int, str]:
    """Run a command; return its exit status and its output."""
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return -1, f"{command[0]} took longer than {LIMIT_S:g} s"
    return ended.returncode, ended.stdout + ended.stderr


def verdict(status: int, printed: str) -> str:
    """Summarise pip-audit's exit status and output in one line."""
    if status == 0:
        return "audit: no known vulnerabilities in the locked packages"
    table = [line for line in printed.splitlines() if "known vulnerabilit" in line]
    if status == _FOUND_SOME and table:
        return f"audit: {table[0].strip()}: see {LOG}"
    return f"audit: not done, the index or the vulnerability service is unreachable: see {LOG}"


def main(folder: str) -> int:
    """Write the report; always return 0."""
    python = Path(folder) / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    status, printed = run(str(python), "-m", "pip", "install", "--quiet", "pip-audit")
    if status == 0:
        audit = ("--requirement", LOCK, "--no-deps", "--disable-pip", "--progress-spinner", "off")
        status, printed = run(str(python), "-m", "pip_audit", *audit)
    else:
        status = -1
    LOG.write_text(printed, encoding="utf-8")
    print(verdict(status, printed))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
