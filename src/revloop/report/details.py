"""One trajectory in full, as the page's script reads it when it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.edits.changes import changes_between
from revloop.evaluation import ORIGINAL, pairs_of
from revloop.evaluation.outcomes import group_of
from revloop.report.checks import candidates_of, checks_of
from revloop.trajectory import Comparison

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from revloop.edits import EditResult
    from revloop.report.source import ReportSource
    from revloop.trajectory import Critique, Step, Trajectory, Verdict, Version

_KINDS = ("same", "removed", "added")
_PASSAGE_CHARACTERS = 200
_RESULTS = {"first": "lost", "second": "won", "tie": "tie", "unparseable": "could not be read"}
"""What a preference means for the later text, if the earlier one is shown first."""


def details_of(trajectory: Trajectory, source: ReportSource) -> dict[str, Any]:
    """A trajectory with its critiques, differences and verdicts, ready for JSON."""
    end = trajectory.end
    return {
        "id": trajectory.draft.id,
        "trajectory": trajectory.id,
        "prompt": [{"role": m.role, "text": m.content} for m in trajectory.draft.conversation],
        "fields": {name: group_of(trajectory, name) for name in trajectory.draft.extra},
        "end": None if end is None else end.detail,
        "kept": trajectory.kept,
        "changes": differences(trajectory.original, trajectory.kept_text, _first_edits(trajectory)),
        "versions": [
            {
                "round": 0,
                "text": trajectory.original,
                "checks": checks_of(trajectory.versions[0]),
            },
            *(_version(version, trajectory) for version in trajectory.versions[1:]),
        ],
        "rejected": [
            {
                "round": number,
                "kind": step.kind,
                "attempt": step.attempt,
                "guard": refusal.guard,
                "reason": refusal.reason,
                "reply": refusal.reply,
                "left_out": refusal.characters - len(refusal.reply or ""),
            }
            for number, step, refusal in trajectory.refused
        ],
        "thoughts": [] if end is None else _thoughts(trajectory.rounds + 1, end.steps),
        "verdicts": [*_verdicts(trajectory, source), *_comparisons(trajectory.versions)],
    }


def differences(old: str, new: str, edits: Sequence[EditResult] | None = None) -> list[int] | None:
    """The changes between two texts, as kinds (0 same, 1 removed, 2 added) and lengths in turn.

    The page holds both texts, so lengths suffice to mark them. They count UTF-16 units, as
    JavaScript does: a letter beyond U+FFFF counts as two.

    Args:
        old: The text before.
        new: The text after.
        edits: The edits that made it; None if the whole text was written.

    Returns:
        None if most of the text changed, and marks would hide it.
    """
    changes = changes_between(old, new, edits)
    if changes is None:
        return None
    return [
        number
        for change in changes
        for number in (_KINDS.index(change.kind), len(change.text.encode("utf-16-le")) // 2)
    ]


def _version(version: Version, trajectory: Trajectory) -> dict[str, Any]:
    base, usage = trajectory.base_of(version), version.usage
    unusable = version.unusable_edits
    return {
        "round": version.round,
        "text": version.text,
        "base": base.round,
        "changes": differences(base.text, version.text, version.edits),
        "edits": None if version.edits is None else _edits(version.edits),
        "unusable_edits": None if unusable is None else unusable.reason,
        "critique": None if version.critique is None else version.critique.raw.strip(),
        "score": None if version.critique is None else _rounded(version.critique.score),
        "criteria": [] if version.critique is None else _criteria(version.critique),
        "unread_score": None if version.critique is None else version.critique.unread_score,
        "model": _models(version),
        "tokens": [
            *(usage.prompt_tokens, usage.cached_tokens),
            *(usage.generated_tokens, usage.thinking_tokens),
        ],
        "thoughts": _thoughts(version.round, version.steps),
        "seconds": round(version.latency_s, 3),
        "left_out": [text for step in version.steps for text in step.left_out],
        "failed_guards": [f"{one.guard}: {one.reason}" for one in version.failed_guards],
        "checks": checks_of(version),
        "candidates": candidates_of(version),
    }


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 2)  # a mean of criteria has many digits


def _models(version: Version) -> str | None:
    """The model of a version, or the critic's and the editor's."""
    if version.engine is None:
        return None
    critic = version.engine.model
    return critic if version.editor is None else f"{critic}, edited by {version.editor.model}"


def _criteria(critique: Critique) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "score": one.score, "met": one.met, "reason": one.reason}
        for one in critique.criteria
    ]


def _first_edits(trajectory: Trajectory) -> tuple[EditResult, ...] | None:
    """The edits that made the kept version of the original; None if there was more than that."""
    made = trajectory.versions[trajectory.kept]
    while made.round and (base := trajectory.base_of(made)).round:
        if base.text != made.text:
            return None
        made = base
    return made.edits


def _edits(edits: Sequence[EditResult]) -> dict[str, Any]:
    """How many edits there were, and what a reader should know of some."""
    return {
        "count": len(edits),
        "applied": sum(edit.outcome.is_applied for edit in edits),
        "remarks": [
            {"passage": _shortened(edit.line), "remark": edit.remark}
            for edit in edits
            if edit.remark is not None
        ],
    }


def _shortened(passage: str) -> str:
    cut = passage[:_PASSAGE_CHARACTERS]
    return passage if cut == passage else f"{cut}…"


def _thoughts(round_: int, steps: Iterable[Step]) -> list[dict[str, Any]]:
    return [
        {"round": round_, "kind": step.kind, "attempt": step.attempt, "text": step.thoughts}
        for step in steps
        if step.thoughts is not None
    ]


def _verdicts(trajectory: Trajectory, source: ReportSource) -> Iterator[dict[str, Any]]:
    """The stored verdicts on each round's text against the original."""
    for judge in source.judges:
        for pair in pairs_of(trajectory, trajectory.rounds, ORIGINAL):
            if not pair.is_unchanged:
                shown = {"judge": judge.name, "round": pair.round, "against": "the original"}
                yield from _orders(shown, source.in_both_orders(judge, pair.question))


def _comparisons(versions: Iterable[Version]) -> Iterator[dict[str, Any]]:
    """The verdicts that chose between versions during the run."""
    for version in versions:
        found = version.comparison
        if found is None:
            continue
        against = "the original" if found.incumbent == 0 else f"version {found.incumbent}"
        shown = {"round": version.round, "against": against}
        if isinstance(found, Comparison):
            yield from _orders({"judge": "--keep", **shown}, found.verdicts)
            continue
        for vote in found.votes:
            yield from _orders({"judge": f"{vote.judge} (--keep)", **shown}, vote.verdicts)


def _orders(shown: dict[str, Any], verdicts: Iterable[Verdict | None]) -> Iterator[dict[str, Any]]:
    for is_swapped, verdict in enumerate(verdicts):
        if verdict is not None:
            swapped = {"first": "second", "second": "first"} if is_swapped else {}
            preference = swapped.get(verdict.preference, verdict.preference)
            yield {
                **shown,
                "order": "later text first" if is_swapped else "earlier text first",
                "result": _RESULTS[preference],
                "reason": verdict.reason or "",
            }
