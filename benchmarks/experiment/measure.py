"""Revise held-out drafts with a critic on a real server, and count what each round did."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import numpy as np
from scipy.stats import bootstrap

from revloop import arevise_many
from revloop.demo import CRITIC_FOLDER, demo_drafts
from revloop.demo.figures import (
    critique_statements,
    fault_counts,
    round_figures,
    unusable_replies,
)
from revloop.engines import open_engine
from revloop.options import EngineOptions
from revloop.serving import ServerOptions, VllmServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from revloop.trajectory import Trajectory

ROUNDS = 5
RESAMPLES = 10_000


@dataclass(frozen=True)
class Condition:
    """One way to revise one set of drafts.

    Attributes:
        name: How the results name it.
        drafts: How many.
        seed: Which held-out drafts.
        faults: The fewest and the most faults of a draft; None: the demo's own mixture.
        options: What differs from the reviser's defaults.
    """

    name: str
    drafts: int
    seed: int = 1
    faults: tuple[int, int] | None = None
    options: dict[str, Any] = field(default_factory=dict)


@contextmanager
def served(critic: Path, log: Path) -> Iterator[EngineOptions]:
    """A vLLM server with that critic, tensor-parallel size 2, while the block runs."""
    options = ServerOptions(
        model=str(critic),
        served_model_name="critic",
        tensor_parallel_size=2,
        enforce_eager=True,
        log_path=log,
    )
    with VllmServer(options) as server:
        # with the tokenizer at hand exact tokens are sent, as `revloop demo` does
        yield EngineOptions(base_url=server.base_url, model="critic", tokenizer=str(critic))


def measure(condition: Condition, engine: EngineOptions) -> dict[str, Any]:
    """Revise the drafts of a condition; its figures, ready for JSON."""
    return figures_of(condition, anyio.run(_revise_all, condition, engine))


def figures_of(condition: Condition, trajectories: Sequence[Trajectory]) -> dict[str, Any]:
    """What became of the drafts of a condition, ready for JSON."""
    made, true = critique_statements(trajectories)
    useless, requests = unusable_replies(trajectories)
    rounds = [
        figures._asdict() | {"win_rate": figures.win_rate, "interval": interval}
        for figures, interval in zip(
            round_figures(trajectories, ROUNDS), _intervals(trajectories), strict=True
        )
    ]
    return {
        **asdict(condition),
        "rounds": rounds,
        "statements": made,
        "true_statements": true,
        "requests": requests,
        "useless_requests": useless,
        "rounds_made": sum(trajectory.rounds for trajectory in trajectories),
    }


async def _revise_all(condition: Condition, options: EngineOptions) -> list[Trajectory]:
    """The trajectories of a condition's drafts, in the order of the drafts."""
    drafts = demo_drafts(condition.drafts, seed=condition.seed, faults=condition.faults)
    engine = await open_engine(options, shipped_critic=CRITIC_FOLDER)
    try:
        revised = arevise_many(drafts, iterations=ROUNDS, engine=engine, **condition.options)
        done = {trajectory.draft.id: trajectory async for trajectory in revised}
    finally:
        await engine.aclose()
    return [done[draft.id] for draft in drafts]


def _intervals(trajectories: Sequence[Trajectory]) -> list[tuple[float, float]]:
    """The 95% interval of each round's win rate, by bootstrap over drafts (percentiles)."""
    counts = [fault_counts(trajectory, ROUNDS) for trajectory in trajectories]
    intervals: list[tuple[float, float]] = []
    for round_ in range(ROUNDS + 1):
        scores = np.array([(1 + np.sign(row[0] - row[round_])) / 2 for row in counts])
        found = bootstrap(
            (scores,), np.mean, method="percentile", n_resamples=RESAMPLES, rng=0
        ).confidence_interval
        intervals.append((float(found.low), float(found.high)))
    return intervals
