"""Sample how busy an engine is, by its own figures."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import anyio

from revloop.concurrency import task_group
from revloop.engines.metrics import ReportsLoad

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from revloop.engines.base import Engine

SAMPLE_EVERY_S = 0.5


class Moment(NamedTuple):
    """One sample of an engine's load.

    Attributes:
        at_s: Seconds since the first sample.
        running: Requests being generated.
        waiting: Requests queued in the engine.
    """

    at_s: float
    running: int
    waiting: int


@asynccontextmanager
async def watched(engine: Engine, every_s: float = SAMPLE_EVERY_S) -> AsyncIterator[list[Moment]]:
    """Sample an engine while the block runs, into a list that stays empty if it reports no load.

    Args:
        engine: The engine itself, without wrappers.
        every_s: Seconds between samples. Each costs a server some milliseconds.
    """
    moments: list[Moment] = []
    async with task_group() as background:
        if isinstance(engine, ReportsLoad):
            background.start_soon(_watch, engine, moments, every_s)
        yield moments
        background.cancel_scope.cancel()


async def _watch(engine: ReportsLoad, moments: list[Moment], every_s: float) -> None:
    started = time.perf_counter()
    while True:
        load = await engine.load()
        if load.running is not None:
            at_s = time.perf_counter() - started
            moments.append(Moment(round(at_s, 3), load.running, load.waiting or 0))
        await anyio.sleep(every_s)


def occupancy_figures(moments: Sequence[Moment]) -> dict[str, float]:
    """Mean and most requests in the engine, and the share of samples in which it was idle.

    The first sample is left out: it precedes the first request.
    """
    samples = moments[1:]
    if not samples:
        return {}
    return {
        "running_mean": sum(moment.running for moment in samples) / len(samples),
        "running_most": float(max(moment.running for moment in samples)),
        "waiting_mean": sum(moment.waiting for moment in samples) / len(samples),
        "idle_share": sum(moment.running == 0 for moment in samples) / len(samples),
    }
