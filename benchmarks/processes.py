"""Run a process and measure its time and memory."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished process.

    Attributes:
        code: Its exit code.
        wall_s: Seconds from start to end.
        cpu_s: CPU seconds, in user and system mode.
        peak_mib: Peak resident memory in MiB.
    """

    code: int
    wall_s: float
    cpu_s: float
    peak_mib: float


def run_measured(command: Sequence[str], **options: Any) -> Finished:
    """Run a command to its end; the options are those of :class:`subprocess.Popen`."""
    started = time.perf_counter()
    process = subprocess.Popen(command, **options)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Finished(
        code=process.returncode,
        wall_s=time.perf_counter() - started,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mib=usage.ru_maxrss * 1024 / MIB,
    )


def resident_mib(*pids: int) -> float:
    """The total resident memory of processes; ended ones count as zero."""
    pages = 0
    for pid in pids:
        try:
            pages += int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        except OSError:
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB
