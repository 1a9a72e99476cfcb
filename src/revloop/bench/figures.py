"""Compute rates, latencies and shares from requests and trajectories."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from revloop.trajectory import REVISION_KINDS, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from revloop.bench.recording import Recording
    from revloop.trajectory import Trajectory

PERCENTILES = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a side took in total.

    Attributes:
        wall_s: Seconds from start to end.
        cpu_s: CPU seconds of the process that drives the engine.
        peak_mib: Peak memory of that process, in MiB.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float


@dataclass(slots=True)
class RoundTotals:
    """Totals of one round over all trajectories.

    Attributes:
        versions: Versions made.
        usage: Tokens of their requests.
        request_s: Total seconds of their requests.
        latencies_s: Seconds from the previous version, for each.
    """

    versions: int = 0
    usage: Usage = field(default_factory=Usage)
    request_s: float = 0.0
    latencies_s: list[float] = field(default_factory=list)


@dataclass(slots=True)
class WorkDone:
    """Totals over the trajectories of a run, from :func:`work_of`.

    Attributes:
        trajectories: Number of trajectories.
        failed: Those that failed before their last round.
        calls_saved: Requests saved by early stopping.
        rounds: Totals of each round, from round 1 on.
        by_kind: Tokens by the kind of request.
        trajectory_latencies_s: Seconds from the start of a draft to its last version.
        first_latencies_s: Seconds from the start of a draft to its first revision.
    """

    trajectories: int = 0
    failed: int = 0
    calls_saved: int = 0
    rounds: dict[int, RoundTotals] = field(default_factory=lambda: defaultdict(RoundTotals))
    by_kind: dict[str, Usage] = field(default_factory=lambda: defaultdict(Usage))
    trajectory_latencies_s: list[float] = field(default_factory=list)
    first_latencies_s: list[float] = field(default_factory=list)

    @property
    def versions(self) -> int:
        """Versions made, without each trajectory's version 0."""
        return sum(round_.versions for round_ in self.rounds.values())


def work_of(trajectories: Iterable[Trajectory]) -> WorkDone:
    """The totals over trajectories, which are read one at a time."""
    work = WorkDone()
    for trajectory in trajectories:
        _add(work, trajectory)
    return work


def _add(work: WorkDone, trajectory: Trajectory) -> None:
    versions = trajectory.versions
    work.trajectories += 1
    if trajectory.end is not None:
        work.failed += trajectory.end.reason.is_failure
        work.calls_saved += trajectory.end.calls_saved
    for step in trajectory.steps:
        work.by_kind[step.kind] += step.usage
    for before, version in pairwise(versions):
        round_ = work.rounds[version.round]
        round_.versions += 1
        round_.usage += version.usage
        round_.request_s += version.latency_s
        round_.latencies_s.append((version.created_at - before.created_at).total_seconds())
    if len(versions) > 1:
        begun_at = versions[0].created_at
        work.first_latencies_s.append((versions[1].created_at - begun_at).total_seconds())
        work.trajectory_latencies_s.append((versions[-1].created_at - begun_at).total_seconds())


def request_figures(recording: Recording, cost: Cost) -> dict[str, float]:
    """Figures of any side: rates of requests and tokens, and the share of cached tokens."""
    usage = sum((sent.usage for sent in recording.answered), Usage())
    computed = usage.prompt_tokens - (usage.cached_tokens or 0)
    figures = {
        "wall_s": cost.wall_s,
        "requests": float(len(recording.answered)),
        "requests_per_s": len(recording.answered) / cost.wall_s,
        "prompt_tokens_per_s": usage.prompt_tokens / cost.wall_s,
        "computed_prompt_tokens_per_s": computed / cost.wall_s,
        "generated_tokens_per_s": usage.generated_tokens / cost.wall_s,
        "cpu_ms_per_request": 1000 * cost.cpu_s / max(1, len(recording.answered)),
        "peak_mib": cost.peak_mib,
        "failed_requests": float(recording.failed),
        "retries": float(sum(sent.retries for sent in recording.answered)),
    }
    if usage.cached_tokens is not None:
        figures["cached_prompt_share"] = usage.cached_tokens / max(1, usage.prompt_tokens)
    return figures


def work_figures(work: WorkDone, cost: Cost, iterations: int) -> dict[str, float]:
    """Figures of a run's trajectories, in addition to those of its requests.

    ``rounds_per_s`` counts all requested rounds: those skipped by early stopping count as done.
    """
    versions = work.versions
    done = work.trajectories - work.failed
    figures = {
        "versions": float(versions),
        "versions_per_s": versions / cost.wall_s,
        "rounds_per_s": done * iterations / cost.wall_s,
        "trajectories_per_s": done / cost.wall_s,
        "engine_s_per_version": cost.wall_s / max(1, versions),
        "cpu_ms_per_version": 1000 * cost.cpu_s / max(1, versions),
        "failed_trajectories": float(work.failed),
        "calls_saved": float(work.calls_saved),
    }
    latencies = {
        "round_latency_s": [s for r in work.rounds.values() for s in r.latencies_s],
        "trajectory_latency_s": work.trajectory_latencies_s,
        "first_revision_s": work.first_latencies_s,
    }
    for name, values in latencies.items():
        for percent, value in percentiles(values).items():
            figures[f"{name}_p{percent}"] = value
    revision = sum((work.by_kind.get(kind, Usage()) for kind in REVISION_KINDS), Usage())
    if revision.cached_tokens is not None:
        figures["cached_revision_prompt_share"] = revision.cached_tokens / revision.prompt_tokens
    return figures


def round_rows(work: WorkDone) -> list[dict[str, float]]:
    """One row for each round: versions, tokens and times."""
    return [
        {
            "round": float(number),
            "versions": float(round_.versions),
            "prompt_tokens": float(round_.usage.prompt_tokens),
            "cached_tokens": float(round_.usage.cached_tokens or 0),
            "generated_tokens": float(round_.usage.generated_tokens),
            "request_s_per_version": round_.request_s / round_.versions,
            **{f"latency_s_p{p}": value for p, value in percentiles(round_.latencies_s).items()},
        }
        for number, round_ in sorted(work.rounds.items())
    ]


def percentiles(values: Sequence[float]) -> dict[int, float]:
    """The 50th, 90th and 99th percentile, linearly interpolated; empty for no values."""
    if not values:
        return {}
    if len(values) == 1:
        return dict.fromkeys(PERCENTILES, values[0])
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {percent: cuts[percent - 1] for percent in PERCENTILES}
