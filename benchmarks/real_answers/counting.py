"""Figures of a run, counted from its store alone."""

from __future__ import annotations

import re
from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.real_answers.rules import FAULTS, Revised, faults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop import PromptSet, Trajectory, Version


def figures(trajectories: Sequence[Trajectory], prompts: PromptSet) -> dict[str, Any]:
    """What happened to some drafts.

    Args:
        trajectories: All trajectories of a run.
        prompts: The prompt set, to recognise its texts in a revision.
    """
    templates = tuple(re.sub(r"\$\{\w+\}", "\n", text) for text in prompts.templates.values())
    made = [(t, version) for t in trajectories for version in t.versions[1:]]
    found = [_faults(trajectory, version, templates) for trajectory, version in made]
    counted = Counter(name for names in found for name in names)
    shares = [len(version.text) / len(t.original) for t, version in made]
    steps = [step for trajectory in trajectories for step in trajectory.steps]
    reasons = Counter("none" if t.end is None else t.end.reason.value for t in trajectories)
    refused = [step.refusal.reason for step in steps if step.refusal is not None]
    return {
        "drafts": len(trajectories),
        "without_revision": sum(t.rounds == 0 for t in trajectories),
        "without_change": sum(t.final == t.original for t in trajectories),
        "revisions": len(made),
        "unchanged": sum(version.text == t.base_of(version).text for t, version in made),
        "faults": {name: counted[name] for name in FAULTS},
        "any_fault_but_list": sum(bool(names - {"list_lost"}) for names in found),
        "length_share_median": round(median(shares), 2) if shares else None,
        "requests": len(steps),
        "prompt_tokens": sum(step.usage.prompt_tokens for step in steps),
        "generated_tokens": sum(step.usage.generated_tokens for step in steps),
        "ends": dict(reasons.most_common()),
        "refused_replies": dict(Counter(map(_kind, refused)).most_common(12)),
    }


def faulty(trajectories: Sequence[Trajectory], prompts: PromptSet) -> list[dict[str, Any]]:
    """Every revision with a fault, to be read by a person."""
    templates = tuple(re.sub(r"\$\{\w+\}", "\n", text) for text in prompts.templates.values())
    rows = []
    for trajectory in trajectories:
        for version in trajectory.versions[1:]:
            names = sorted(_faults(trajectory, version, templates))
            critique = "" if version.critique is None else version.critique.raw
            rows.append(
                {
                    "id": trajectory.draft.id,
                    "round": version.round,
                    "faults": names,
                    "critique": critique,
                    "text": version.text,
                }
            )
    return rows


def _faults(trajectory: Trajectory, version: Version, templates: tuple[str, ...]) -> set[str]:
    return faults(
        Revised(
            text=version.text,
            original=trajectory.original,
            before=trajectory.base_of(version).text,
            question=trajectory.draft.prompt_text,
            critique="" if version.critique is None else version.critique.raw,
            templates=templates,
        )
    )


def _kind(reason: str) -> str:
    """A reason without what is particular to one reply."""
    return re.sub(r"'.*'|\d+", "…", reason)
