"""How busy an engine was while something ran: its own figures, looked at again and again."""

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

LOOK_EVERY_S = 0.5


class Moment(NamedTuple):
    """What the engine said at one moment.

    Attributes:
        at_s: Seconds since the first look.
        running: Requests that it was generating.
        waiting: Requests that waited inside.
    """

    at_s: float
    running: int
    waiting: int


@asynccontextmanager
async def watched(engine: Engine, every_s: float = LOOK_EVERY_S) -> AsyncIterator[list[Moment]]:
    """Look at an engine while the block runs; the list grows, and stays empty if it tells nothing.

    Args:
        engine: The engine itself, not something that stands before it.
        every_s: Seconds between two looks. Each costs a server some milliseconds.
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
    """Mean and most requests in the engine, and the share of looks that found it idle.

    The first look is left out: nothing has been sent by then.
    """
    looks = moments[1:]
    if not looks:
        return {}
    return {
        "running_mean": sum(moment.running for moment in looks) / len(looks),
        "running_most": float(max(moment.running for moment in looks)),
        "waiting_mean": sum(moment.waiting for moment in looks) / len(looks),
        "idle_share": sum(moment.running == 0 for moment in looks) / len(looks),
    }
