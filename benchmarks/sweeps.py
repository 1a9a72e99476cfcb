"""Throughput, and its share of the engine's limit, over one varied parameter.

    python -m benchmarks.sweeps drafts             from 512 to 8,192 drafts, one round each
    python -m benchmarks.sweeps concurrency        concurrent requests, from 8 to 512
    python -m benchmarks.sweeps iterations         rounds, from 1 to 5
    python -m benchmarks.sweeps length             answers of 0.5 to 2 times the real length
    python -m benchmarks.sweeps passes             two requests a round, or one
    python -m benchmarks.sweeps tensor-parallel    workers that share the model, 1 and 2
    python -m benchmarks.sweeps plot               only the plots, from the results

Several sweeps can be named; they share servers. Each point is a revloop batch and its oracle replay
(see ``revloop bench throughput``). The points run in turn on a server with the settings of
``revloop serve``. Results go to ``benchmarks/results/sweep-*.json``, with plots beside them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import saving
from benchmarks.arguments import command_parser
from benchmarks.lengths import LengthScript, ScriptedEngine
from benchmarks.lengths import drafts as drafts_of_real_lengths
from benchmarks.versus.server import served
from revloop.bench import ORACLE, REVLOOP, Spread, Workload, figures_of, run_batch, run_oracle
from revloop.bench.plots import plot_sweep
from revloop.demo import demo_drafts
from revloop.engines import Engine, HttpEngine
from revloop.options import Concurrency, RunOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KEPT = ("rounds_per_s", "generated_tokens_per_s", "running_mean", "cached_prompt_share", "wall_s")
RATIO = "revloop / oracle"


@dataclass(frozen=True, slots=True)
class Point:
    """One value of the parameter.

    Attributes:
        workload: What to run.
        scale: Factor for real lengths; None for the demo critic's own.
        tensor_parallel_size: Of the server.
        with_oracle: Whether to run the oracle too.
    """

    workload: Workload
    scale: float | None = None
    tensor_parallel_size: int = 1
    with_oracle: bool = True


@dataclass(frozen=True, slots=True)
class Sweep:
    """A parameter and its values.

    Attributes:
        over: Label of the plot's axis.
        values: The values.
        point: Makes a point from a value, a number of drafts and a number of rounds.
        figure: The figure to plot.
    """

    over: str
    values: tuple[float | str, ...]
    point: Callable[[Any, int, int], Point]
    figure: str = "generated_tokens_per_s"


def _workload(drafts: int, rounds: int, **changes: Any) -> Workload:
    loop = RunOptions(iterations=rounds, early_stop=False, **changes.pop("loop", {}))
    return Workload(demo_drafts(drafts), loop, **changes)


def _at_once(requests: int, drafts: int, rounds: int) -> Point:
    bounds = Concurrency(min(requests, drafts), requests)
    return Point(_workload(drafts, rounds, bounds=bounds), with_oracle=False)


def _of_length(scale: float, drafts: int, rounds: int) -> Point:
    lengths = Workload(
        drafts_of_real_lengths(drafts, scale=scale),
        RunOptions(iterations=rounds, early_stop=False),
    )
    return Point(lengths, scale=scale)


SWEEPS = {
    "drafts": Sweep(
        "drafts",
        (512, 1024, 2048, 4096, 8192),
        lambda value, _drafts, _rounds: Point(_workload(value, 1), with_oracle=False),
        figure="rounds_per_s",
    ),
    "concurrency": Sweep("most concurrent requests", (8, 32, 64, 128, 256, 512), _at_once),
    "iterations": Sweep(
        "rounds", (1, 2, 3, 5), lambda value, drafts, _: Point(_workload(drafts, value))
    ),
    "length": Sweep("length of the answers (real ones: 1)", (0.5, 1.0, 1.5, 2.0), _of_length),
    "passes": Sweep(
        "requests a round",
        ("two", "one"),
        lambda value, drafts, rounds: Point(
            _workload(drafts, rounds, loop={"single_pass": value == "one"})
        ),
        figure="rounds_per_s",
    ),
    "tensor-parallel": Sweep(
        "tensor-parallel size",
        (1, 2),
        lambda value, drafts, rounds: Point(_workload(drafts, rounds), tensor_parallel_size=value),
    ),
}


@dataclass(slots=True)
class Found:
    """Results of a point's repeats.

    Attributes:
        sides: Figures of each side, by repeat.
        ratios: Of the two sides, by repeat.
    """

    sides: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    ratios: list[float] = field(default_factory=list)

    def add(self, side: str, figures: dict[str, float]) -> None:
        """Add the figures of one run."""
        kept = {name: figures[name] for name in KEPT if name in figures}
        self.sides.setdefault(side, []).append(kept)

    def spreads(self) -> dict[str, Any]:
        """The results, ready for JSON."""
        found: dict[str, Any] = {
            side: {name: _spread([one[name] for one in runs]) for name in runs[0]}
            for side, runs in self.sides.items()
        }
        return found | ({RATIO: _spread(self.ratios)} if self.ratios else {})


async def measure(base_url: str, point: Point, found: Found) -> None:
    """Run both sides of a point once."""
    server = await HttpEngine.connect(base_url)
    engine: Engine = server
    if point.scale is not None:
        engine = ScriptedEngine(server, LengthScript(scale=point.scale))
    try:
        await server.reset_prefix_cache()
        batch = await run_batch(engine, point.workload)
        found.add(REVLOOP, figures_of(batch, point.workload.loop.iterations))
        if point.with_oracle:
            await server.reset_prefix_cache()
            oracle = await run_oracle(engine, batch.recording)
            found.add(ORACLE, figures_of(oracle, point.workload.loop.iterations))
            found.ratios.append(oracle.cost.wall_s / batch.cost.wall_s)
    finally:
        await engine.aclose()


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of the points.

    Attributes:
        drafts: Drafts of a point, unless varied.
        rounds: Rounds of a point, unless varied.
        repeats: Runs of each point.
        values: Only these values; None for all.
    """

    drafts: int
    rounds: int
    repeats: int
    values: list[str] | None = None

    def points(self, sweep: Sweep) -> dict[Any, Point]:
        """The points of a sweep, by value."""
        return {
            value: sweep.point(value, self.drafts, self.rounds)
            for value in sweep.values
            if self.values is None or str(value) in self.values
        }


def run(names: Sequence[str], plan: Plan) -> None:
    """Measure sweeps one after the other on the same servers, and write their results."""
    points = {name: plan.points(SWEEPS[name]) for name in names}
    found = {name: {value: Found() for value in points[name]} for name in names}
    with tempfile.TemporaryDirectory() as folder:
        sizes = {one.tensor_parallel_size for of in points.values() for one in of.values()}
        for size in sorted(sizes):
            options = ("--tensor-parallel-size", str(size))
            log = Path(folder) / f"server-{size}.log"
            with served(log, vllm_options=options if size > 1 else ()) as base_url:
                asyncio.run(measure(base_url, Point(_workload(32, 1), with_oracle=False), Found()))
                for name, _ in itertools.product(names, range(plan.repeats)):
                    for value, point in points[name].items():
                        if point.tensor_parallel_size == size:
                            asyncio.run(measure(base_url, point, found[name][value]))
    for name in names:
        _save(name, plan, found[name])


def _save(name: str, plan: Plan, found: dict[Any, Found]) -> None:
    saving.save(
        f"sweep-{name}",
        {
            "what": f"throughput over {SWEEPS[name].over}",
            "drafts": plan.drafts,
            "rounds": plan.rounds,
            "repeats": plan.repeats,
            "points": {str(value): of_value.spreads() for value, of_value in found.items()},
        },
    )


def plot(name: str) -> None:
    """Plot a sweep's results."""
    sweep, path = SWEEPS[name], saving.FOLDER / f"sweep-{name}.json"
    points = json.loads(path.read_text(encoding="utf-8"))["points"]
    sides = {
        value: {
            side: Spread.model_validate(figures[sweep.figure])
            for side, figures in of_value.items()
            if side != RATIO and sweep.figure in figures
        }
        for value, of_value in points.items()
    }
    unit = sweep.figure.replace("_per_s", " a second").replace("_", " ")
    title = f"Throughput over {sweep.over}"
    plot_sweep(sides, path.with_suffix(".png"), over=sweep.over, unit=unit, title=title)


def _spread(values: list[float]) -> dict[str, Any]:
    return Spread.of([round(value, 4) for value in values]).model_dump()


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    parser.add_argument("what", choices=[*SWEEPS, "plot"], nargs="+")
    parser.add_argument("--drafts", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--values", nargs="*", help="only these values")
    chosen = parser.parse_args()
    names = [name for name in chosen.what if name != "plot"]
    if names:
        run(names, Plan(chosen.drafts, chosen.rounds, chosen.repeats, chosen.values))
    for name in names or SWEEPS:
        if (saving.FOLDER / f"sweep-{name}.json").is_file():
            plot(name)


if __name__ == "__main__":
    main()
