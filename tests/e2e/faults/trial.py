"""One run of the loop against the faulty server, and what was lost."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from revloop import AsyncReviser, Draft, StopReason, Trajectory
from revloop.batch import Batch, InputSource, Progress
from revloop.concurrency import task_group
from revloop.engines import Deadlines, HttpEngine, RetryPolicy
from revloop.evaluation.models import ModelJudge
from revloop.evaluation.prompts import JudgePrompts
from revloop.options import BatchOptions
from revloop.store import Store

from .server import FaultyServer
from .ways import TWO_PASSES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from revloop import Version

    from .kinds import Plan
    from .ways import Way

    Told = list[tuple[str, int, str]]
    """Drafts' ids, rounds and texts."""

INPUT, OUTPUT, STORE = "drafts.jsonl", "out.jsonl", "out.jsonl.sqlite"
"""The files of a run in its folder."""

RETRIES = RetryPolicy(first_wait_s=0.02, longest_wait_s=2.4)
"""The production number of tries, with waits 25 times shorter."""


class Door(StrEnum):
    """Where drafts come from."""

    PYTHON = "Python"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a run.

    Attributes:
        completed: Share of the trajectories that did all of their rounds, from 0 to 1.
        requests: Requests that reached the server.
        extra: Requests beyond those of a run without faults.
        wasted: Repeated requests whose reply was already complete.
        strayed: Connections to the host of redirects.
        wall_s: Seconds that the run took.
        lost: Versions that were reported, but not stored exactly.
        twice: Versions that were reported, or are stored, more than once.
        texts: All texts of each trajectory in the store, by the draft's id.
        ends: Stop reasons of incomplete trajectories.
    """

    completed: float
    requests: int
    extra: int
    wasted: int
    strayed: int
    wall_s: float
    lost: int
    twice: int
    texts: dict[str, tuple[str, ...]]
    ends: tuple[str, ...]


def drafts(count: int) -> list[Draft]:
    """Distinct drafts with non-ASCII text."""
    return [
        Draft(id=f"d{i}", prompt=f"Ask {i}: ## why é?", response=f"Answer {i} is 漢字 & $x.")
        for i in range(count)
    ]


def write_input(folder: Path, count: int) -> None:
    """Write the input of a batch; create its folder if necessary."""
    folder.mkdir(exist_ok=True)
    rows = [draft.model_dump(include={"id", "prompt", "response"}) for draft in drafts(count)]
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    (folder / INPUT).write_text("".join(lines), encoding="utf-8")


async def run(
    plan: Plan,
    folder: Path,
    *,
    way: Way = TWO_PASSES,
    door: Door = Door.PYTHON,
    trajectories: int = 12,
    rounds: int = 3,
    deadlines: Deadlines | None = None,
    retries: RetryPolicy = RETRIES,
) -> Outcome:
    """Revise drafts concurrently against a server with these faults, into a store.

    Args:
        plan: The faults.
        folder: Folder of the store; created if missing.
        way: How a round is made.
        door: Where the drafts go in.
        trajectories: How many drafts.
        rounds: Rounds for each.
        deadlines: When the engine gives a request up.
        retries: How often it tries.
    """
    told: Told = []
    write_input(folder, trajectories)
    async with FaultyServer(plan) as server:
        started = time.perf_counter()
        engine = await HttpEngine.connect(
            server.base_url, retries=retries, deadlines=deadlines or Deadlines()
        )
        judge = ModelJudge(engine, JudgePrompts.load()) if way.is_judged else None
        try:
            async with AsyncReviser(
                engine=engine, judge=judge, store=folder / STORE, **way.options
            ) as reviser:
                if door is Door.BATCH:
                    await _through_batch(reviser, folder, rounds, told)
                else:
                    await _through_python(reviser, drafts(trajectories), rounds, told)
        finally:
            await engine.aclose()
        wall_s = time.perf_counter() - started
    found = stored(folder)
    return Outcome(
        completed=sum(is_complete(t) for t in found) / trajectories,
        requests=server.requests,
        extra=server.extra,
        wasted=len(server.wasted),
        strayed=server.strayed,
        wall_s=wall_s,
        lost=lost(told, found),
        twice=twice(told) + twice(versions_of(found)),
        texts=texts_of(found),
        ends=tuple(t.end.detail for t in found if t.end is not None and not is_complete(t)),
    )


def stored(folder: Path) -> list[Trajectory]:
    """All that is in the folder's store."""
    with Store.open_to_read(folder / STORE) as store:
        return list(store.trajectories())


def versions_of(trajectories: Iterable[Trajectory]) -> Told:
    """All their versions."""
    return [(str(t.draft.id), v.round, v.text) for t in trajectories for v in t.versions]


def texts_of(trajectories: Iterable[Trajectory]) -> dict[str, tuple[str, ...]]:
    """All texts of each trajectory, by the draft's id."""
    return {str(t.draft.id): tuple(v.text for v in t.versions) for t in trajectories}


def lost(told: Told, found: Iterable[Trajectory]) -> int:
    """How many reported versions are not stored exactly."""
    kept = set(versions_of(found))
    return sum(version not in kept for version in told)


def twice(versions: Told) -> int:
    """How many versions exist more than once."""
    counts = Counter((name, round_) for name, round_, _ in versions)
    return sum(number - 1 for number in counts.values())


def is_complete(trajectory: Trajectory) -> bool:
    """Whether it did all of its rounds."""
    return trajectory.end is not None and trajectory.end.reason is StopReason.ROUNDS_DONE


def read_output(folder: Path) -> list[Trajectory]:
    """The trajectories that a batch wrote; empty without output."""
    path = folder / OUTPUT
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [Trajectory.model_validate_json(line) for line in lines]


async def _through_python(
    reviser: AsyncReviser, all_: list[Draft], rounds: int, told: Told
) -> None:
    def tell(draft: Draft, version: Version) -> None:
        told.append((str(draft.id), version.round, version.text))

    async def one(draft: Draft) -> None:
        await reviser.revise(draft, iterations=rounds, on_version=partial(tell, draft))

    async with task_group() as tasks:
        for draft in all_:
            tasks.start_soon(one, draft)


async def _through_batch(reviser: AsyncReviser, folder: Path, rounds: int, told: Told) -> None:
    options = BatchOptions(retry_failed=True)
    source = InputSource(str(folder / INPUT))
    batch = Batch(source, folder / OUTPUT, reviser, options, Progress(), iterations=rounds)
    await batch.run()
    told += versions_of(read_output(folder))
