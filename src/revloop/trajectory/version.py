"""A version of a response, and how it was made."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import Field

from revloop.edits import EditResult
from revloop.trajectory.checks import Check, Veto
from revloop.trajectory.comparisons import Comparison, PanelComparison, Selection
from revloop.trajectory.sampling import SentSampling
from revloop.trajectory.spending import Spending, spent_on_steps, summed
from revloop.trajectory.steps import FinishReason, GuardVerdict, Refusal, Step, Usage
from revloop.values import AnyText, Frozen, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

HUMAN = "human"
"""The kind of engine of a version that a person wrote; its model is the person's name."""

_WITH_EDITS = {"revision", "both"}


class Criterion(Frozen):
    """How well a version meets one criterion of a rubric."""

    name: Text
    score: float = Field(description="On the prompt set's scale.")
    reason: Text = Field(default="", description="The reason for it; empty if none is given.")
    met: bool = Field(description="Whether the score reaches the prompt set's threshold.")


class Critique(Frozen):
    """The critic's opinion of a version."""

    raw: Text = Field(description="Raw generated text, without thoughts.")
    score: float | None = Field(
        default=None, description="On the prompt set's scale; None if it has none."
    )
    positive: str | None = Field(default=None, description="What is good about the version.")
    negative: str | None = Field(default=None, description="What could be better.")
    unread_score: Text | None = Field(
        default=None,
        description="The start of the text under the score's heading, if that is not a score.",
    )
    criteria: tuple[Criterion, ...] = Field(
        default=(),
        description="By criterion, where the prompt set asks for that; `score` is their mean.",
    )

    @property
    def criteria_met(self) -> int:
        """How many of its criteria are met."""
        return sum(one.met for one in self.criteria)

    @property
    def meets_all(self) -> bool:
        """Whether it has criteria and finds all of them met."""
        return bool(self.criteria) and self.criteria_met == len(self.criteria)


class EngineInfo(SentSampling):
    """Which engine and which model generated a text."""

    kind: str = Field(
        description="'http', 'openai-batch', 'vllm' or 'transformers'; 'human' for a person."
    )
    model: AnyText = Field(description="The model's name, as the engine knows it.")
    version: AnyText | None = Field(default=None, description="The engine's version, if known.")


class Version(Frozen):
    """One version of the response, and how it was made."""

    round: int = Field(ge=0, description="0 is the original response.")
    text: Text
    critique: Critique | None = Field(
        default=None, description="What led to this text; None for version 0."
    )
    steps: tuple[Step, ...] = Field(default=(), description="The requests it took, in order.")
    engine: EngineInfo | None = Field(default=None, description="None for version 0.")
    prompt_set: str | None = Field(
        default=None, description="Digest of the prompt set; None for version 0."
    )
    editor: EngineInfo | None = Field(
        default=None,
        description="Which engine wrote the revision, if not the one that wrote the critique, or "
        "not in the same conversation.",
    )
    editor_prompt_set: str | None = Field(
        default=None, description="Digest of the editor's prompt set; None without an editor."
    )
    base: int | None = Field(
        default=None,
        ge=0,
        description="Round of the version it revises; None: the previous round.",
    )
    comparison: Comparison | PanelComparison | None = Field(
        default=None,
        description="The comparison with the version kept until then, by a judge or a panel; None "
        "if no judge was asked, and this version is kept.",
    )
    selection: Selection | None = Field(
        default=None, description="How it was selected; None if the round had one candidate."
    )
    edits: tuple[EditResult, ...] | None = Field(
        default=None,
        description="The edits that made it of its base, with their outcomes; None if the whole "
        "text was written.",
    )
    failed_guards: tuple[GuardVerdict, ...] = Field(
        default=(), description="What the guards that were switched off would have refused."
    )
    checks: tuple[Check, ...] = Field(
        default=(), description="What the user's checks found in it, in the order of the checks."
    )
    veto: Veto | None = Field(
        default=None, description="Which checks it breaks, so that it is not kept."
    )
    created_at: datetime = Field(description="When it was finished, with its time zone.")

    @property
    def is_verified(self) -> bool:
        """Whether there are checks, and all pass."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def unusable_edits(self) -> Refusal | None:
        """Why no edits could be used, if the whole text was written instead; else None."""
        kinds = [step.kind if step.refusal is None else "refused" for step in self.steps]
        if self.edits is not None or "rewrite" not in kinds:
            return None
        before = self.steps[: kinds.index("rewrite")]
        refusals = [step.refusal for step in before if step.kind in _WITH_EDITS]
        return refusals[-1] if refusals else None

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the last generation ended; None for version 0."""
        return self.steps[-1].finish_reason if self.steps else None

    @property
    def usage(self) -> Usage:
        """Tokens of all steps, unusable tries included."""
        return sum((step.usage for step in self.steps), Usage())

    @property
    def spending(self) -> Spending:
        """What its round took: critic, editor, selector and judges, if they are models."""
        steps = spent_on_steps(self.steps, *models_of(self.engine, self.editor))
        return summed([*steps, self.judging])

    @property
    def judging(self) -> Spending:
        """What its selector and its judges took, if they are models."""
        chosen = () if self.selection is None else self.selection.comparisons
        compared = (*chosen, *(() if self.comparison is None else (self.comparison,)))
        return summed(part for comparison in compared for part in comparison.spent)

    @property
    def latency_s(self) -> float:
        """Engine seconds of all steps."""
        return sum(step.latency_s for step in self.steps)


def models_of(
    engine: EngineInfo | None, editor: EngineInfo | None
) -> tuple[str | None, str | None]:
    """The names of the critic's and the editor's model; None where there is none."""
    return (
        None if engine is None else engine.model,
        None if editor is None else editor.model,
    )


def kept_round(versions: Sequence[Version]) -> int:
    """The round of the version that is kept after these, version 0 first.

    Each version replaces the one kept before it, unless it breaks checks, or the judge or the
    panel did not prefer it.
    """
    last = versions[-1]
    if last.veto is not None:
        return last.veto.incumbent
    return last.round if last.comparison is None else last.comparison.winner
