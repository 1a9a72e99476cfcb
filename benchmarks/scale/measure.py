"""Measure this machine, and how fast it revises the demo's drafts with a vLLM server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import anyio

from benchmarks.scale.compare import Machine, Measured
from revloop import AsyncReviser, Usage
from revloop.concurrency import task_group
from revloop.demo import CRITIC_FOLDER, demo_drafts
from revloop.engines import open_engine
from revloop.models.memory import available_memory_gib
from revloop.options import EngineOptions
from revloop.planning import TokenLengths
from revloop.serving import ServerOptions, VllmServer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from revloop import Trajectory
    from revloop.engines import Engine

ROUNDS = 5
WORKERS = 2
_SIDE = 1024
_READ_BYTES = 2**28
_TIMES = 5


def machine(name: str, workers: int = WORKERS) -> Machine:
    """The speed of one core: the best of a few runs, in bf16 as vLLM serves the critic."""
    import torch

    torch.set_num_threads(1)
    square = torch.ones(_SIDE, _SIDE, dtype=torch.bfloat16)
    memory = torch.ones(_READ_BYTES // 4)
    return Machine(
        name=name,
        gflops=2 * _SIDE**3 / _best_s(lambda: square @ square) / 1e9,
        bandwidth_gb_s=_READ_BYTES / _best_s(memory.sum) / 1e9,
        memory_gib=(available_memory_gib() or 8.0) / workers,
        workers=workers,
    )


def measure(
    machine: Machine, engine: str, at_once: Sequence[int], drafts: int, log: Path
) -> list[Measured]:
    """Revise drafts on one server at each concurrency."""
    options = ServerOptions(
        model=str(CRITIC_FOLDER),
        served_model_name="critic",
        tensor_parallel_size=machine.workers,
        log_path=log,
    )
    with VllmServer(options) as server:
        reached = EngineOptions(
            base_url=server.base_url, model="critic", tokenizer=str(CRITIC_FOLDER)
        )
        # warm up, with other drafts, so that no prefix is cached
        anyio.run(_revise, reached, 16, 16, 99)
        return [
            _measured(machine, engine, n, *anyio.run(_revise, reached, _drafts(n, drafts), n, seed))
            for seed, n in enumerate(at_once, 1)
        ]


def _drafts(at_once: int, drafts: int) -> int:
    """Fewer drafts at low concurrency, where few are enough."""
    return max(at_once, min(drafts, 16 * at_once))


def _measured(
    machine: Machine, engine: str, at_once: int, trajectories: list[Trajectory], seconds: float
) -> Measured:
    usage = sum((trajectory.usage for trajectory in trajectories), Usage())
    return Measured(
        machine=machine,
        engine=engine,
        drafts=len(trajectories),
        at_once=at_once,
        lengths=TokenLengths.of(trajectories),
        seconds=seconds,
        generated_tokens=usage.generated_tokens,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens or 0,
    )


async def _revise(
    options: EngineOptions, drafts: int, at_once: int, seed: int
) -> tuple[list[Trajectory], float]:
    """The trajectories of held-out drafts, and the seconds they took."""
    engine = await open_engine(options, shipped_critic=CRITIC_FOLDER)
    try:
        return await _timed(engine, drafts, at_once, seed)
    finally:
        await engine.aclose()


async def _timed(
    engine: Engine, drafts: int, at_once: int, seed: int
) -> tuple[list[Trajectory], float]:
    done: list[Trajectory] = []
    limiter = anyio.CapacityLimiter(at_once)
    async with AsyncReviser(engine=engine) as reviser:

        async def revise(draft: Any) -> None:
            async with limiter:
                done.append(await reviser.revise(draft, iterations=ROUNDS))

        start_s = time.perf_counter()
        async with task_group() as tasks:
            for draft in demo_drafts(drafts, seed=seed):
                tasks.start_soon(revise, draft)
        return done, time.perf_counter() - start_s


def _best_s(work: Callable[[], object]) -> float:
    work()
    times_s = []
    for _ in range(_TIMES):
        start_s = time.perf_counter()
        work()
        times_s.append(time.perf_counter() - start_s)
    return min(times_s)
