"""Revise held-out drafts with a critic on a vLLM server, and score each round."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from revloop import arevise_many
from revloop.demo import CRITIC_FOLDER, demo_drafts
from revloop.demo.figures import (
    critique_statements,
    fault_counts,
    round_figures,
    unusable_replies,
)
from revloop.engines import open_engine
from revloop.evaluation import Outcome
from revloop.evaluation.figures import win_rate_interval
from revloop.options import EngineOptions
from revloop.serving import ServerOptions, VllmServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from revloop.trajectory import Trajectory

ROUNDS = 5


@dataclass(frozen=True)
class Condition:
    """One way to revise one set of drafts.

    Attributes:
        name: Its name in the results.
        drafts: Number of drafts.
        seed: Seed of the held-out drafts.
        faults: Fewest and most faults of a draft; None for the demo's default mixture.
        options: Changes to the reviser's defaults.
    """

    name: str
    drafts: int
    seed: int = 1
    faults: tuple[int, int] | None = None
    options: dict[str, Any] = field(default_factory=dict)


@contextmanager
def served(critic: Path, log: Path) -> Iterator[EngineOptions]:
    """Serve a critic with vLLM, tensor-parallel size 2, while the block runs."""
    options = ServerOptions(
        model=str(critic),
        served_model_name="critic",
        tensor_parallel_size=2,
        enforce_eager=True,
        log_path=log,
    )
    with VllmServer(options) as server:
        # with the tokenizer, prompts are sent as token ids, as by `revloop demo`
        yield EngineOptions(base_url=server.base_url, model="critic", tokenizer=str(critic))


def measure(condition: Condition, engine: EngineOptions) -> dict[str, Any]:
    """Revise the drafts of a condition; its figures, ready for JSON."""
    return figures_of(condition, anyio.run(revise_all, condition, engine))


def figures_of(condition: Condition, trajectories: Sequence[Trajectory]) -> dict[str, Any]:
    """The figures of a condition's trajectories, ready for JSON."""
    made, true = critique_statements(trajectories)
    unusable, requests = unusable_replies(trajectories)
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
        "useless_requests": unusable,
        "rounds_made": sum(trajectory.rounds for trajectory in trajectories),
    }


async def revise_all(condition: Condition, options: EngineOptions) -> list[Trajectory]:
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
    """The 95% interval of each round's win rate; a point if there is none."""
    counts = [fault_counts(trajectory, ROUNDS) for trajectory in trajectories]
    intervals: list[tuple[float, float]] = []
    for round_ in range(ROUNDS + 1):
        scores = [(row[round_] <= row[0]) / 2 + (row[round_] < row[0]) / 2 for row in counts]
        outcomes = [
            Outcome(number, "", "original", round_, (score, None), 0, True, False, (0, 0))
            for number, score in enumerate(scores)
        ]
        rate = sum(scores) / len(scores)
        intervals.append(win_rate_interval(outcomes) or (rate, rate))
    return intervals
