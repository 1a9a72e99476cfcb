"""Available memory: `revloop.models.memory`, and the KV cache sized by it.

Most tests write the files of /proc and /sys that the kernel would show.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from revloop.errors import DoesNotFitError
from revloop.models.config import known_shape
from revloop.models.cpu import cpu_environment
from revloop.models.memory import available_memory_gib, memory_limits, node_memory_gib
from tests.helpers.model_configs import FALCON_7B, TINY_FALCON

if TYPE_CHECKING:
    from collections.abc import Iterator

GIB = 2**30
ON_V2 = "25 24 0:22 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw"
ON_V1 = "33 25 0:28 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
TINY = known_shape(TINY_FALCON, "tiny")
BIG = known_shape(FALCON_7B, "big")
"""Weights of 13.4 GiB, and a KV cache that would fill all memory in these tests."""


def write(root: Path, **files: object) -> None:
    """Write files below a root; two underscores mean a slash, one a dot."""
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n", encoding="ascii")


def machine(root: Path, gib: float, **files: object) -> Path:
    """A machine with that much available memory."""
    kib = int(gib * 2**20)
    write(root, proc__meminfo=f"MemTotal: {2 * kib} kB\nMemAvailable: {kib} kB", **files)
    return root


def node(root: Path, number: int, cores: str, **kib: int) -> None:
    """A NUMA node with some of meminfo's fields, in GiB."""
    lines = [f"Node {number} {name}: {gib * 2**20} kB" for name, gib in kib.items()]
    folder = f"sys__devices__system__node__node{number}__"
    write(root, **{f"{folder}meminfo": "\n".join(lines), f"{folder}cpulist": cores})


def group(root: Path, folder: str, limit: object, used: int, cache: int = 0) -> None:
    """A control group of version 2."""
    prefix = f"sys__fs__cgroup{folder.replace('/', '__')}__memory_DOT_"
    files = {"max": limit, "current": used, "stat": f"anon 1\ninactive_file {cache}"}
    write(root, **{prefix + name: content for name, content in files.items()})


def kv_cache_gib(root: Path, shape: object = BIG, workers: int = 1) -> int:
    return int(cpu_environment(shape, workers, {}, root)["VLLM_CPU_KVCACHE_SPACE"])  # type: ignore[arg-type] # a shape or None


# available memory


def test_without_a_control_group_the_machine_counts(tmp_path: Path) -> None:
    assert available_memory_gib(machine(tmp_path, 24)) == 24


def test_a_system_that_says_nothing_has_no_figure(tmp_path: Path) -> None:
    assert available_memory_gib(tmp_path) is None
    assert kv_cache_gib(tmp_path) == 1


def test_the_limit_of_a_control_group_counts_less_what_it_uses(tmp_path: Path) -> None:
    machine(tmp_path, 24, proc__self__cgroup="0::/app", proc__self__mountinfo=ON_V2)
    group(tmp_path, "/app", 6 * GIB, GIB)
    assert available_memory_gib(tmp_path) == 5


def test_file_cache_of_a_control_group_can_be_had_but_is_not_free(tmp_path: Path) -> None:
    machine(tmp_path, 24, proc__self__cgroup="0::/app", proc__self__mountinfo=ON_V2)
    group(tmp_path, "/app", 6 * GIB, 4 * GIB, cache=3 * GIB)
    found = memory_limits(tmp_path)[-1]
    assert (found.available_gib, found.free_gib) == (5, 2)


def test_the_limit_of_a_group_above_counts_too(tmp_path: Path) -> None:
    machine(tmp_path, 24, proc__self__cgroup="0::/pod/app", proc__self__mountinfo=ON_V2)
    group(tmp_path, "/pod/app", "max", 0)
    group(tmp_path, "/pod", 4 * GIB, GIB)
    assert available_memory_gib(tmp_path) == 3
    assert memory_limits(tmp_path)[-1].where == "its control group (sys/fs/cgroup/pod)"


def test_a_group_that_is_slowed_down_above_a_mark_has_that_limit(tmp_path: Path) -> None:
    machine(tmp_path, 24, proc__self__cgroup="0::/app", proc__self__mountinfo=ON_V2)
    group(tmp_path, "/app", 6 * GIB, 0)
    write(tmp_path, sys__fs__cgroup__app__memory_DOT_high=2 * GIB)
    assert available_memory_gib(tmp_path) == 2


def test_a_container_that_sees_its_own_group_as_the_root_has_its_limit(tmp_path: Path) -> None:
    inside = ON_V2.replace("0:22 / ", "0:22 /docker/ab12 ")
    machine(tmp_path, 24, proc__self__cgroup="0::/docker/ab12", proc__self__mountinfo=inside)
    group(tmp_path, "", 8 * GIB, 2 * GIB)
    assert available_memory_gib(tmp_path) == 6


def test_a_group_outside_of_what_is_mounted_is_taken_for_the_root(tmp_path: Path) -> None:
    machine(tmp_path, 24, proc__self__cgroup="0::/../other", proc__self__mountinfo=ON_V2)
    group(tmp_path, "", 8 * GIB, 2 * GIB)
    assert available_memory_gib(tmp_path) == 6


def test_a_control_group_of_version_1_has_a_limit_too(tmp_path: Path) -> None:
    lines = "5:cpu:/other\n4:memory:/app\n0::/"
    machine(tmp_path, 24, proc__self__cgroup=lines, proc__self__mountinfo=ON_V1)
    prefix = "sys__fs__cgroup__memory__app__memory_DOT_"
    files = {"limit_in_bytes": 3 * GIB, "usage_in_bytes": GIB, "stat": "total_inactive_file 0"}
    write(tmp_path, **{prefix + name: content for name, content in files.items()})
    write(tmp_path, sys__fs__cgroup__memory__memory_DOT_limit_in_bytes=9223372036854771712)
    assert available_memory_gib(tmp_path) == 2


def test_only_the_nodes_of_the_cores_at_hand_count_as_vllm_counts_them(tmp_path: Path) -> None:
    fields = {"MemFree": 3, "Active(file)": 1, "Inactive(file)": 2, "SReclaimable": 1}
    node(tmp_path, 0, "0-3,8", MemTotal=64, **fields)
    node(tmp_path, 1, "4-7", MemTotal=64, MemFree=60)
    assert node_memory_gib({2, 8}, tmp_path) == {0: 7}
    assert node_memory_gib({4}, tmp_path) == {1: 60}


# the size of the KV cache


def test_the_kv_cache_stays_below_the_limit_of_the_control_group(tmp_path: Path) -> None:
    machine(tmp_path, 200, proc__self__cgroup="0::/app", proc__self__mountinfo=ON_V2)
    before = kv_cache_gib(tmp_path)
    group(tmp_path, "/app", 20 * GIB, 2 * GIB)
    assert before == 4  # all that is useful
    assert kv_cache_gib(tmp_path) == 2  # half of what the weights leave


def test_the_kv_cache_stays_below_what_the_numa_node_has(tmp_path: Path) -> None:
    machine(tmp_path, 200)
    cores = ",".join(str(core) for core in os.sched_getaffinity(0))
    node(tmp_path, 0, cores, MemTotal=100, MemFree=20)
    assert kv_cache_gib(tmp_path) == 3


def test_workers_on_one_node_share_it(tmp_path: Path) -> None:
    machine(tmp_path, 200)
    cores = ",".join(str(core) for core in os.sched_getaffinity(0))
    node(tmp_path, 0, cores, MemTotal=100, MemFree=24)
    assert kv_cache_gib(tmp_path, workers=2) == 2


def test_a_cache_that_no_node_can_hold_is_refused_before_the_start(tmp_path: Path) -> None:
    machine(tmp_path, 200)
    cores = ",".join(str(core) for core in os.sched_getaffinity(0))
    node(tmp_path, 0, cores, MemTotal=100, MemFree=9)
    with pytest.raises(DoesNotFitError, match=r"10 GiB of KV cache, and NUMA node 0 has 9\.0 GiB"):
        cpu_environment(TINY, 1, {"VLLM_CPU_KVCACHE_SPACE": "10"}, tmp_path)


def test_weights_beyond_the_limit_of_the_control_group_are_refused(tmp_path: Path) -> None:
    machine(tmp_path, 200, proc__self__cgroup="0::/app", proc__self__mountinfo=ON_V2)
    group(tmp_path, "/app", 6 * GIB, GIB)
    with pytest.raises(DoesNotFitError, match=r"its control group \(sys/fs/cgroup/app\) has 5\.0"):
        cpu_environment(BIG, 1, {}, tmp_path)


# real control groups


@pytest.fixture
def real_group() -> Iterator[Path]:
    """A control group of 3 GiB below that of this process."""
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        number, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            parent, limit = Path("/sys/fs/cgroup/memory") / path.strip("/"), "limit_in_bytes"
        elif number == "0":
            parent, limit = Path("/sys/fs/cgroup") / path.strip("/"), "max"
        else:
            continue
        folder = parent / f"revloop-{uuid.uuid4().hex[:8]}"
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            (folder / f"memory.{limit}").write_text(str(3 * GIB), encoding="ascii")
            yield folder
        except OSError:
            continue
        else:
            return
        finally:
            folder.rmdir()
    pytest.skip("no control group can be made here")


def test_a_real_control_group_is_found(real_group: Path) -> None:
    code = (
        "import os, sys; from revloop.models.memory import available_memory_gib; "
        "open(sys.argv[1] + '/cgroup.procs', 'w').write(str(os.getpid())); "
        "print(available_memory_gib())"
    )
    command = [sys.executable, "-c", code, str(real_group)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert 2.5 < float(told) <= 3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells its free memory in /proc")
def test_free_memory_is_below_what_the_machine_has() -> None:
    available_gib = available_memory_gib()
    total_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    assert available_gib is not None
    assert 0 < available_gib <= total_gib
