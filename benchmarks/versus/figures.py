"""Compute rates and ratios, and their range over the repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.saving import spread
from benchmarks.versus.sides import ASYNC, EDITS, REVLOOP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.versus.sides import SideRun


def done_per_s(run: SideRun) -> float:
    """Versions a second; rounds saved by early stopping count as done."""
    return run.versions_done / run.wall_s


def ratios(ours: Sequence[SideRun], other: Sequence[SideRun]) -> list[float]:
    """Our speed relative to the other side in each repeat."""
    return [done_per_s(one) / done_per_s(two) for one, two in zip(ours, other, strict=True)]


def same_share(ours: SideRun, other: SideRun) -> float:
    """The share of common drafts with the same final text."""
    shared = ours.made.keys() & other.made.keys()
    same = sum(ours.made[one].final == other.made[one].final for one in shared)
    return same / len(shared) if shared else 0.0


def summary(runs: dict[str, list[SideRun]]) -> dict[str, Any]:
    """The figures of each side, and revloop's ratio to it, ready for JSON.

    Args:
        runs: The runs of each side, in the order of the repeats.
    """
    return {side: _figures(of_side, runs[REVLOOP]) for side, of_side in runs.items()}


def _figures(runs: Sequence[SideRun], ours: Sequence[SideRun]) -> dict[str, Any]:
    pairs = list(zip(ours, runs, strict=True))
    return {
        "drafts": runs[0].drafts,
        "versions_per_s": spread([done_per_s(run) for run in runs]),
        "versions_made_per_s": spread([run.versions_made / run.wall_s for run in runs]),
        "revloop_over_it": spread(ratios(ours, runs)),
        "wall_s": spread([run.wall_s for run in runs]),
        "client_cpu_ms_per_version": spread(
            [run.cpu_s * 1000 / max(run.versions_made, 1) for run in runs]
        ),
        "generated_tokens_per_s": spread(
            [run.counted.generated_tokens / run.wall_s for run in runs]
        ),
        "prompt_tokens": spread([run.counted.prompt_tokens for run in runs]),
        "cached_share_of_prompt_tokens": spread([run.counted.cached_share for run in runs]),
        "same_final_text_as_revloop": spread([same_share(one, two) for one, two in pairs]),
        "failed": max(sum(one.is_failed for one in run.made.values()) for run in runs),
    }


def edits_over_rewrites(runs: dict[str, list[SideRun]]) -> dict[str, Any]:
    """The speed of edits relative to the sides that rewrite, by the share of the words edited."""
    return {
        f"{share:.0%}": {side: spread(ratios(runs[edits], runs[side])) for side in (REVLOOP, ASYNC)}
        for share, edits in EDITS.items()
        if edits in runs
    }


def timeline_rows(runs: dict[str, list[SideRun]]) -> list[dict[str, Any]]:
    """The server's load in the last run of each side: a row for each sample."""
    return [
        {"side": side} | moment._asdict()
        for side, of_side in runs.items()
        for moment in of_side[-1].timeline
    ]
