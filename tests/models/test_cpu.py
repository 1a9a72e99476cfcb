"""vLLM's environment on a machine without a GPU: `revloop.models.cpu`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import DoesNotFitError
from revloop.models.config import known_shape
from revloop.models.cpu import computes_bf16, core_lists, cpu_environment, worker_is_in_engine
from tests.helpers import published_models as published
from tests.helpers.model_configs import FALCON_40B, TINY_FALCON

if TYPE_CHECKING:
    from pathlib import Path

TINY = known_shape(TINY_FALCON, "tiny")
BIG = known_shape(FALCON_40B | {"num_hidden_layers": 6000}, "big")


def test_two_workers_on_two_cores_get_one_each() -> None:
    assert core_lists([0, 1], 2) == "0|1"


def test_only_the_cores_of_this_process_are_shared_out() -> None:
    assert core_lists([3, 5, 8, 9], 2) == "3,5|8,9"


def test_workers_share_cores_where_there_are_too_few() -> None:
    assert core_lists([0, 1], 4) == "0|1|0|1"


@given(st.sets(st.integers(0, 255), min_size=1), st.integers(1, 16))
def test_every_worker_gets_cores_and_none_gets_a_strange_one(cores: set[int], workers: int) -> None:
    lists = core_lists(sorted(cores), workers).split("|")
    assert len(lists) == workers
    assert all({int(core) for core in one.split(",")} <= cores for one in lists)


def test_more_workers_than_numa_nodes_are_bound_one_by_one() -> None:
    added = cpu_environment(TINY, 64, {"VLLM_CPU_KVCACHE_SPACE": "0"})
    assert len(added["VLLM_CPU_OMP_THREADS_BIND"].split("|")) == 64


@pytest.mark.parametrize(
    ("cores", "workers", "is_in_engine"),
    [(1, 1, True), (2, 1, True), (3, 1, False), (64, 1, False), (2, 2, False)],
)
def test_a_worker_of_one_thread_needs_no_process(
    cores: int, workers: int, is_in_engine: bool
) -> None:
    assert worker_is_in_engine(cores, workers) is is_in_engine


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds a process to cores")
def test_the_cores_that_count_are_those_that_the_process_may_use() -> None:
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_cores)})
    try:
        added = cpu_environment(TINY, 1, {})
    finally:
        os.sched_setaffinity(0, all_cores)
    assert added["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"


def test_the_cache_of_a_tiny_model_is_kept_small() -> None:
    added = cpu_environment(TINY, 1, {})
    assert added["VLLM_CPU_KVCACHE_SPACE"] == "1"
    assert added["OMP_NUM_THREADS"] == "1"


def test_a_single_worker_is_left_to_vllms_own_binding() -> None:
    assert "VLLM_CPU_OMP_THREADS_BIND" not in cpu_environment(TINY, 1, {})


def test_what_the_user_has_set_stays() -> None:
    mine = {
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_CPU_KVCACHE_SPACE": "0",
        "OMP_NUM_THREADS": "7",
    }
    assert cpu_environment(TINY, 64, mine) == {}


def test_a_model_of_unknown_shape_gets_one_gib_of_cache() -> None:
    assert cpu_environment(None, 1, {})["VLLM_CPU_KVCACHE_SPACE"] == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells its free memory in /proc")
def test_a_cache_larger_than_the_memory_is_refused() -> None:
    with pytest.raises(DoesNotFitError, match=r"99999 for each of 2 worker.*Set VLLM_CPU_KVCACHE"):
        cpu_environment(TINY, 2, {"VLLM_CPU_KVCACHE_SPACE": "99999"})


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells its free memory in /proc")
def test_weights_larger_than_the_memory_are_refused() -> None:
    with pytest.raises(DoesNotFitError, match="GiB of weights, and this machine has"):
        cpu_environment(BIG, 1, {})


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells its free memory in /proc")
def test_quantised_weights_count_with_the_size_they_have() -> None:
    awq = {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}}
    sizes = []
    for config in (published.LLAMA_31_70B, published.LLAMA_31_70B | awq):
        shape = known_shape(config | {"num_hidden_layers": 8000}, "big")
        with pytest.raises(DoesNotFitError, match="GiB of weights") as told:
            cpu_environment(shape, 1, {})
        sizes.append(float(str(told.value).partition(" GiB of weights")[0].split()[-1]))
    assert sizes[0] / sizes[1] == pytest.approx(16 / 4.16, rel=0.01)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 avx512_vnni\n", True),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", True),
        ("Features\t: fp asimd bf16 i8mm\n", True),
        ("flags\t\t: fpu avx2 avx512f\nvmx flags\t: avx512_bf16\n", False),
        ("model name\t: a bf16 processor\n", False),
        ("", False),
    ],
)
def test_the_processor_tells_whether_it_computes_in_bf16(
    tmp_path: Path, told: str, expected: bool
) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text(told)
    assert computes_bf16(tmp_path) is expected


def test_a_machine_without_cpuinfo_is_not_said_to_compute_in_bf16(tmp_path: Path) -> None:
    assert not computes_bf16(tmp_path)
