"""Measure a batch's throughput, and the share of its engine's limit that it reaches."""

from __future__ import annotations

import gc
import json
import resource
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revloop.batch import Batch, Ending, InputSource, Progress
from revloop.bench.figures import Cost, request_figures, round_rows, work_figures, work_of
from revloop.bench.occupancy import occupancy_figures, watched
from revloop.bench.oracle import exact_requests, replay
from revloop.bench.recording import Recording, RecordingEngine
from revloop.bench.results import BenchResult, side_of
from revloop.engines.metrics import ReportsCounters
from revloop.errors import EngineError, RevloopError
from revloop.evaluation import reviser_keywords
from revloop.options import BatchOptions, Concurrency, RunOptions
from revloop.reviser import AsyncReviser
from revloop.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from revloop.bench.figures import WorkDone
    from revloop.bench.occupancy import Moment
    from revloop.engines.base import Engine
    from revloop.engines.metrics import Counters
    from revloop.trajectory import Draft

REVLOOP, ORACLE = "revloop", "oracle"
HEADLINE = "revloop / oracle"
_ALWAYS_REPORTED = {"iterations", "prompts", "single_pass", "early_stop", "seed"}
_MIB = 2**20
_MAXRSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 2**10


@dataclass(frozen=True, slots=True)
class Workload:
    """The work of a benchmark.

    Attributes:
        drafts: The drafts to revise.
        loop: How they are revised.
        bounds: Fewest and most concurrent requests.
    """

    drafts: Sequence[Draft]
    loop: RunOptions = field(default_factory=RunOptions)
    bounds: Concurrency = field(default_factory=Concurrency)

    def settings(self) -> dict[str, Any]:
        """Its part of a result's settings: of the loop, changed options and a few others."""
        loop, defaults = self.loop.model_dump(mode="json"), RunOptions().model_dump(mode="json")
        return {
            "drafts": len(self.drafts),
            "min_concurrency": self.bounds.least,
            "max_concurrency": self.bounds.most,
            **{k: v for k, v in loop.items() if k in _ALWAYS_REPORTED or v != defaults[k]},
        }


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of one side.

    Attributes:
        cost: Time and memory.
        recording: Its requests.
        moments: Samples of the engine's load.
        counters: The engine's own counters; None if not reported.
        work: Totals over its trajectories; None for the oracle, which has none.
    """

    cost: Cost
    recording: Recording
    moments: Sequence[Moment]
    counters: Counters | None = None
    work: WorkDone | None = None


async def measure_throughput(
    engine: Engine,
    workload: Workload,
    *,
    repeats: int = 3,
    with_oracle: bool = True,
    on_run: Callable[[str, Measurement], None] | None = None,
) -> BenchResult:
    """Run a batch and its oracle replay in turn, several times.

    The batch runs as in ``revloop batch``: drafts from a file, every version committed to a store
    on disk, the output written. Both sides start with an empty prefix cache if the engine can
    empty it.

    Args:
        engine: An open engine.
        workload: What to run.
        repeats: Number of repeats.
        with_oracle: Whether to measure the engine's limit too.
        on_run: Called after each run with the name of its side.

    Raises:
        RevloopError: A side could not be finished.
    """
    runs: dict[str, list[Measurement]] = {REVLOOP: []}
    if with_oracle:
        runs[ORACLE] = []
    emptied = True
    for _ in range(repeats):
        for name, done in runs.items():
            emptied &= await _emptied(engine)
            if name == REVLOOP:
                run = await run_batch(engine, workload)
            else:
                run = await run_oracle(engine, runs[REVLOOP][-1].recording)
            done.append(run)
            if on_run is not None:
                on_run(name, run)
    notes = () if emptied else ("The prefix cache could not be emptied before each side.",)
    settings = {**workload.settings(), **engine.info.model_dump(), "repeats": repeats}
    return BenchResult.made_now(
        "throughput",
        settings=settings,
        sides={
            name: side_of(
                [figures_of(run, workload.loop.iterations) for run in done],
                rounds=() if done[-1].work is None else round_rows(done[-1].work),
                occupancy=done[-1].moments,
            )
            for name, done in runs.items()
        },
        ratios={HEADLINE: _ratios(runs)} if with_oracle else {},
        notes=notes,
    )


async def run_batch(engine: Engine, workload: Workload) -> Measurement:
    """Revise the drafts as ``revloop batch`` does, in a temporary folder.

    Raises:
        RevloopError: The batch did not finish.
    """
    recorder = RecordingEngine(engine)
    with tempfile.TemporaryDirectory(prefix="revloop-bench-") as name:
        folder = Path(name)
        store = folder / "store.sqlite"
        source = _write_drafts(folder / "drafts.jsonl", workload.drafts)
        loop, bounds = workload.loop, workload.bounds
        options = BatchOptions(min_concurrency=bounds.least, max_concurrency=bounds.most)
        async with AsyncReviser(
            engine=recorder,
            store=store,
            loop=loop,
            **reviser_keywords(loop),
        ) as reviser:
            batch = Batch(
                *(source, folder / "out.jsonl", reviser, options, Progress()),
                iterations=loop.iterations,
            )
            before = await _counted(engine)
            async with watched(engine) as moments:
                with _metered() as meter:
                    outcome = await batch.run()
            counters = _since(before, await _counted(engine))
        if outcome.ending is not Ending.DONE:
            raise EngineError(f"The batch did not finish: {outcome.detail}")
        with Store.open_to_read(store) as written:
            work = work_of(written.trajectories())
    return Measurement(meter[0], recorder.recording, moments, counters, work)


async def run_oracle(engine: Engine, recording: Recording) -> Measurement:
    """Replay the requests of a run, all at once.

    Raises:
        EngineError: A request failed.
    """
    requests = exact_requests(recording)
    before = await _counted(engine)
    async with watched(engine) as moments:
        with _metered() as meter:
            replayed = await replay(engine, requests)
    return Measurement(meter[0], replayed, moments, _since(before, await _counted(engine)))


def figures_of(run: Measurement, iterations: int) -> dict[str, float]:
    """All figures of one run, by names that include the unit."""
    figures = request_figures(run.recording, run.cost) | occupancy_figures(run.moments)
    if run.counters is not None and run.counters.proposed_tokens:
        counters = run.counters
        figures["accepted_draft_share"] = counters.accepted_tokens / counters.proposed_tokens
    if run.work is not None:
        figures |= work_figures(run.work, run.cost, iterations)
    return figures


def _ratios(runs: dict[str, list[Measurement]]) -> list[float]:
    """The share of the oracle's speed that the batch reached in each repeat."""
    pairs = zip(runs[REVLOOP], runs[ORACLE], strict=True)
    return [oracle.cost.wall_s / batch.cost.wall_s for batch, oracle in pairs]


async def _counted(engine: Engine) -> Counters | None:
    return await engine.counters() if isinstance(engine, ReportsCounters) else None


def _since(before: Counters | None, after: Counters | None) -> Counters | None:
    return None if before is None or after is None else after.since(before)


async def _emptied(engine: Engine) -> bool:
    reset = getattr(engine, "reset_prefix_cache", None)
    if reset is None:
        return False
    try:
        await reset()
    except RevloopError:
        return False
    return True


def _write_drafts(path: Path, drafts: Sequence[Draft]) -> InputSource:
    with path.open("w", encoding="utf-8") as file:
        for draft in drafts:
            row = draft.model_dump(mode="json", exclude={"extra"}, exclude_none=True)
            file.write(json.dumps(row) + "\n")
    return InputSource(str(path))


@contextmanager
def _metered() -> Iterator[list[Cost]]:
    """Measure the block; the list holds the cost once it has ended."""
    gc.collect()
    cost: list[Cost] = []
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    yield cost
    wall_s, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    cost.append(Cost(wall_s, cpu_s, after.ru_maxrss * _MAXRSS_UNIT_BYTES / _MIB))
