"""How much memory processes have."""

from __future__ import annotations

import os
from pathlib import Path

MIB = 2**20


def resident_mib(*pids: int) -> float:
    """The resident memory of processes, those counted out that have ended."""
    pages = 0
    for pid in pids:
        try:
            pages += int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        except OSError:
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB
