"""Everything about one trajectory, as the page's script reads it when it is opened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from revloop.evaluation import ORIGINAL, pairs_of
from revloop.report.textdiff import is_rewritten, word_diff

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from revloop.report.source import ReportSource
    from revloop.trajectory import Comparison, Trajectory, Verdict, Version

_KINDS = ("same", "removed", "added")


def details_of(trajectory: Trajectory, source: ReportSource) -> dict[str, Any]:
    """A trajectory with its critiques, differences and verdicts, ready for JSON."""
    extra, end = trajectory.draft.extra, trajectory.end
    return {
        "id": trajectory.draft.id,
        "trajectory": trajectory.id,
        "prompt": [{"role": m.role, "text": m.content} for m in trajectory.draft.conversation],
        "fields": {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in extra.items()
        },
        "end": None if end is None else end.detail,
        "kept": trajectory.kept,
        "whole": differences(trajectory.original, trajectory.kept_text),
        "versions": [
            {"round": 0, "text": trajectory.original},
            *(_version(version, trajectory) for version in trajectory.versions[1:]),
        ],
        "refused": [
            {
                "round": number,
                "kind": step.kind,
                "attempt": step.attempt,
                "reason": refusal.reason,
                "reply": refusal.reply,
                "left_out": refusal.characters - len(refusal.reply or ""),
            }
            for number, step, refusal in trajectory.refused
        ],
        "verdicts": [*_verdicts(trajectory, source), *_comparisons(trajectory.versions)],
    }


def differences(old: str, new: str) -> list[int] | None:
    """What changed, as kinds (0 same, 1 removed, 2 added) and lengths in turn.

    Both texts are on the page already, so lengths are enough to mark them. They count UTF-16
    units, as a browser does: a letter beyond U+FFFF counts two.

    Returns:
        None where so much changed that marks would hide the texts.
    """
    changes = word_diff(old, new)
    if is_rewritten(changes):
        return None
    found: list[int] = []
    for change in changes:
        found += [_KINDS.index(change.kind), _units(change.text)]
    return found


def _units(text: str) -> int:
    return len(text) + sum(letter > "\uffff" for letter in text)


def _version(version: Version, trajectory: Trajectory) -> dict[str, Any]:
    base, usage, draw = trajectory.base_of(version), version.usage, version.draw
    return {
        "round": version.round,
        "text": version.text,
        "base": base.round,
        "changes": differences(base.text, version.text),
        "critique": None if version.critique is None else version.critique.raw.strip(),
        "score": None if version.critique is None else version.critique.score,
        "unread_score": None if version.critique is None else version.critique.unread_score,
        "model": None if version.engine is None else version.engine.model,
        "tokens": [usage.prompt_tokens, usage.cached_tokens, usage.generated_tokens],
        "seconds": round(version.latency_s, 3),
        "siblings": [] if draw is None else [sibling.text for sibling in draw.others],
    }


def _verdicts(trajectory: Trajectory, source: ReportSource) -> Iterator[dict[str, Any]]:
    """The stored verdicts on each round's text against the original, in both orders."""
    for judge in source.judges:
        for pair in pairs_of(trajectory, trajectory.rounds, ORIGINAL):
            asked = (pair.question, pair.question.swapped)
            given = [] if pair.is_unchanged else [source.verdict(judge, q) for q in asked]
            shown = {"judge": judge.name, "round": pair.round, "than": "the original"}
            yield from _orders(shown, given)


def _comparisons(versions: Iterable[Version]) -> Iterator[dict[str, Any]]:
    """The verdicts that chose between versions while the rounds ran."""
    for version in versions:
        said: Comparison | None = version.comparison
        if said is not None:
            than = "the original" if said.standing == 0 else f"version {said.standing}"
            shown = {"judge": "--keep", "round": version.round, "than": than}
            yield from _orders(shown, said.verdicts)


def _orders(shown: dict[str, Any], given: Iterable[Verdict | None]) -> Iterator[dict[str, Any]]:
    for order, verdict in enumerate(given):
        if verdict is not None:
            later = {"first": "second", "second": "first"} if order else {}
            side = later.get(verdict.preference, verdict.preference)
            yield {
                **shown,
                "order": "later text first" if order else "earlier text first",
                "said": _SAID[side],
                "reason": verdict.reason or "",
            }


_SAID = {
    "first": "lost",
    "second": "won",
    "tie": "tie",
    "unparseable": "could not be read",
}
"""What a preference means for the later text, where the earlier one is the first."""
