"""Available memory: of the machine, of its control groups and of its NUMA nodes.

Sources: `memory.max`, `memory.high` and `memory.current` of control groups version 2
(https://docs.kernel.org/admin-guide/cgroup-v2.html), `memory.limit_in_bytes` of version 1
(https://docs.kernel.org/admin-guide/cgroup-v1/memory.html), and mountinfo (proc(5)). The limits of
parent groups apply too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_GIB = 2**30
_KIB = 2**10
_NO_LIMIT_BYTES = 2**60
"""Version 1 reports "no limit" as a very large number."""

_NO_MEMORY = re.compile(
    r"out of memory|not enough memory|can(no|')t allocate memory|bad_alloc", re.IGNORECASE
)
_ROOT = Path("/")
_NODE_FIELDS = ("MemFree", "Active(file)", "Inactive(file)", "SReclaimable")


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """Memory that is available under one limit.

    Attributes:
        where: What sets the limit, for messages: "this machine", or the control group's name.
        available_gib: Available memory in GiB: free memory and reclaimable file cache.
        free_gib: The same without the file cache of a control group, which vLLM does not count.
    """

    where: str
    available_gib: float
    free_gib: float


def available_memory_gib(root: Path = _ROOT) -> float | None:
    """Memory available to new processes, in GiB, or None if the system does not say.

    Args:
        root: Where /proc and /sys are; tests use another.
    """
    return min((limit.available_gib for limit in memory_limits(root)), default=None)


def memory_limits(root: Path = _ROOT) -> list[MemoryLimit]:
    """The limits of this machine and of each control group with a limit around this process."""
    machine = _fields(root / "proc/meminfo").get("MemAvailable")
    if machine is None:
        return []
    gib = machine * _KIB / _GIB
    return [MemoryLimit("this machine", gib, gib), *_control_groups(root)]


def node_memory_gib(cores: Collection[int], root: Path = _ROOT) -> dict[int, float]:
    """Memory available on each NUMA node, in GiB, counted as vLLM counts it.

    Empty if the system does not say. A virtual machine may be given memory only as it uses it: its
    node then has less than the machine, and vLLM checks the node.

    Args:
        cores: Only nodes with one of these cores.
        root: Where /proc and /sys are; tests use another.
    """
    found = {}
    for folder in sorted((root / "sys/devices/system/node").glob("node[0-9]*")):
        # each line begins with "Node 0"
        fields = _fields(folder / "meminfo", skip=2)
        if _core_list(folder / "cpulist") & set(cores) and "MemFree" in fields:
            kib = sum(fields.get(name, 0) for name in _NODE_FIELDS)
            found[int(folder.name.removeprefix("node"))] = kib * _KIB / _GIB
    return found


def ran_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error or one of its causes is a failed allocation.

    torch raises OutOfMemoryError on GPUs and a plain RuntimeError on CPUs; Python, MemoryError.
    """
    while error is not None:
        names = {kind.__name__ for kind in type(error).__mro__}
        if {"OutOfMemoryError", "MemoryError"} & names or _NO_MEMORY.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _control_groups(root: Path) -> Iterator[MemoryLimit]:
    for line in _lines(root / "proc/self/cgroup"):
        number, controllers, path = line.split(":", 2)
        limits: tuple[str, ...]
        if number == "0":
            kind, limits, used = "cgroup2", ("memory.max", "memory.high"), "memory.current"
            cache = "inactive_file"
        elif "memory" in controllers.split(","):
            kind, limits, used = "cgroup", ("memory.limit_in_bytes",), "memory.usage_in_bytes"
            cache = "total_inactive_file"
        else:
            continue
        for folder in _folders_of(root, kind, path):
            limit = min((_number(folder / name) for name in limits), default=_NO_LIMIT_BYTES)
            if limit < _NO_LIMIT_BYTES:
                free = max(0, limit - _number(folder / used, 0))
                cached = _fields(folder / "memory.stat").get(cache, 0)
                where = f"its control group ({folder.relative_to(root)})"
                yield MemoryLimit(where, min(limit, free + cached) / _GIB, free / _GIB)


def _folders_of(root: Path, kind: str, path: str) -> Iterator[Path]:
    """The folders of a control group and its parents, as far as they are mounted here."""
    for line in _lines(root / "proc/self/mountinfo"):
        mount, _, filesystem = line.partition(" - ")
        fields, kinds = mount.split(), filesystem.split()
        if len(fields) < 5 or not kinds or kinds[0] != kind:
            continue
        if kind == "cgroup" and "memory" not in kinds[-1].split(","):
            continue
        mount_point = root / fields[4].lstrip("/")
        # a container may see its own group as the root of the mounted file system
        inside = path.removeprefix(fields[3].rstrip("/")).strip("/")
        folder = mount_point / inside if ".." not in inside.split("/") else mount_point
        while folder != mount_point:
            yield folder
            folder = folder.parent
        yield mount_point


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _fields(path: Path, skip: int = 0) -> dict[str, int]:
    """The numbers in a file with lines such as ``MemFree:  123 kB``, by name."""
    words = [line.split()[skip:] for line in _lines(path)]
    return {w[0].rstrip(":"): int(w[1]) for w in words if len(w) > 1 and w[1].isdigit()}


def _number(path: Path, default: int = _NO_LIMIT_BYTES) -> int:
    """The number in a file, or the default if it is missing or says ``max``."""
    text = "".join(_lines(path)[:1]).strip()
    return int(text) if text.isdigit() else default


def _core_list(path: Path) -> set[int]:
    """The numbers in a file such as ``0-3,8``."""
    cores: set[int] = set()
    for part in "".join(_lines(path)[:1]).strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            cores |= set(range(int(first), int(last or first) + 1))
    return cores
