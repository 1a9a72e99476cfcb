"""One run of the loop against the server that misbehaves, and what was lost in it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from revloop import AsyncReviser, Draft, StopReason
from revloop.engines import Deadlines, HttpEngine, RetryPolicy
from revloop.store import Store

from .server import FaultyServer

if TYPE_CHECKING:
    from pathlib import Path

    from revloop import Trajectory

    from .kinds import Plan

    Place = tuple[str, int]

RETRIES = RetryPolicy(first_wait_s=0.02, longest_wait_s=2.4)
"""As many tries as in earnest, with waits a 25th as long."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run.

    Attributes:
        completed: Share of the trajectories that did all of their rounds, from 0 to 1.
        requests: Requests that reached the server.
        extra: Requests beyond those of a run without faults.
        in_vain: Requests for what had been answered well before.
        strayed: Connections to the host that redirects name.
        wall_s: Seconds that the run took.
        lost: Versions that were told of, and are not in the store to the letter.
        twice: Versions that were told of, or are stored, more than once.
        texts: All texts of each trajectory in the store, by the draft's id.
        ends: Why trajectories ended that did not complete.
    """

    completed: float
    requests: int
    extra: int
    in_vain: int
    strayed: int
    wall_s: float
    lost: int
    twice: int
    texts: dict[str, tuple[str, ...]]
    ends: tuple[str, ...]


def drafts(count: int) -> list[Draft]:
    """Drafts that all differ, with text that is not plain ASCII."""
    return [
        Draft(id=f"d{i}", prompt=f"Ask {i}: ## why é?", response=f"Answer {i} is 漢字 & $x.")
        for i in range(count)
    ]


async def run(
    plan: Plan,
    folder: Path,
    *,
    trajectories: int = 12,
    rounds: int = 3,
    deadlines: Deadlines | None = None,
    retries: RetryPolicy = RETRIES,
) -> Outcome:
    """Revise drafts all at once against a server with these faults, into a store in the folder.

    Args:
        plan: The faults.
        folder: Where the store is put; made where it is not there.
        trajectories: How many drafts.
        rounds: Rounds for each.
        deadlines: When the engine gives a request up.
        retries: How often it tries.
    """
    told: list[tuple[Place, str]] = []
    path = _store_in(folder)
    async with FaultyServer(plan) as server:
        started = time.perf_counter()
        engine = await HttpEngine.connect(
            server.base_url, retries=retries, deadlines=deadlines or Deadlines()
        )
        try:
            done = await _revise_all(engine, path, drafts(trajectories), rounds, told)
        finally:
            await engine.aclose()
        wall_s = time.perf_counter() - started
    stored = _stored(path)
    rows = Counter((t.draft.id, v.round) for t in stored for v in t.versions)
    times_told = Counter(place for place, _ in told)
    kept = {(t.draft.id, v.round): v.text for t in stored for v in t.versions}
    return Outcome(
        completed=sum(_is_complete(t) for t in done) / len(done),
        requests=server.requests,
        extra=server.extra,
        in_vain=len(server.in_vain),
        strayed=server.strayed,
        wall_s=wall_s,
        lost=sum(kept.get(place) != text for place, text in told),
        twice=sum(n - 1 for counts in (times_told, rows) for n in counts.values()),
        texts={str(t.draft.id): tuple(v.text for v in t.versions) for t in stored},
        ends=tuple(t.end.detail for t in done if t.end is not None and not _is_complete(t)),
    )


async def _revise_all(
    engine: HttpEngine, path: Path, all_: list[Draft], rounds: int, told: list[tuple[Place, str]]
) -> list[Trajectory]:
    async with AsyncReviser(engine=engine, store=path, temperature=0) as reviser:

        async def one(draft: Draft) -> Trajectory:
            return await reviser.revise(
                draft,
                iterations=rounds,
                on_version=lambda version: told.append(
                    ((str(draft.id), version.round), version.text)
                ),
            )

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(draft)) for draft in all_]
    return [task.result() for task in tasks]


def _store_in(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder / "versions.sqlite"


def _stored(path: Path) -> list[Trajectory]:
    with Store.open_to_read(path) as store:
        return list(store.trajectories())


def _is_complete(trajectory: Trajectory) -> bool:
    return trajectory.end is not None and trajectory.end.reason is StopReason.ROUNDS_DONE
