"""Report known weaknesses of the packages in the lock file; a report never fails a build.

    python tools/audit.py FOLDER

pip-audit is installed into a virtual environment of its own, in FOLDER. What it says goes into
`audit.log`, and one line to stdout.
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
    """Run a command; its exit status, and all that it wrote."""
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return -1, f"{command[0]} took longer than {LIMIT_S:g} s"
    return ended.returncode, ended.stdout + ended.stderr


def verdict(status: int, said: str) -> str:
    """One line for an exit status of pip-audit and what it wrote."""
    if status == 0:
        return "audit: no known weakness in the locked packages"
    table = [line for line in said.splitlines() if "known vulnerabilit" in line]
    if status == _FOUND_SOME and table:
        return f"audit: {table[0].strip()}: see {LOG}"
    return f"audit: not done, the index or the vulnerability service is out of reach: see {LOG}"


def main(folder: str) -> int:
    """Write the report; always 0."""
    python = Path(folder) / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    status, said = run(str(python), "-m", "pip", "install", "--quiet", "pip-audit")
    if status == 0:
        audit = ("--requirement", LOCK, "--no-deps", "--disable-pip", "--progress-spinner", "off")
        status, said = run(str(python), "-m", "pip_audit", *audit)
    else:
        status = -1
    LOG.write_text(said, encoding="utf-8")
    print(verdict(status, said))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
