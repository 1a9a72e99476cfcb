"""Versions and trajectories, as small frozen models.

The input is a *draft*: a prompt and the response that a model gave. Each *round* (one critique, one
revision) makes a new *version* of the response; version 0 is the original. A *trajectory* is a
draft, its versions and the reason why its rounds ended. Everything here converts to JSON and back
without loss.
"""

from __future__ import annotations

import textwrap
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from revloop.edits import EditResult
from revloop.trajectory.draft import Draft
from revloop.trajectory.sampling import Sampling, SentSampling
from revloop.trajectory.verdicts import Comparison, Selection
from revloop.values import AnyText, Frozen, Text, WrittenExactly

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_PREVIEW_CHARACTERS = 160

FinishReason = Literal["stop", "length", "content_filter", "refusal", "tool_calls"]
"""Why a reply ended: by itself, at its token limit, or without being an answer."""


StepKind = Literal["critique", "revision", "both", "rewrite"]
"""What a request asks for; "rewrite" is a whole revision after edits that could not be used."""

REVISION_KINDS: frozenset[StepKind] = frozenset({"revision", "rewrite"})
"""Requests for a revision after its critique: their prompt extends the critique's."""

_WITH_EDITS = {"revision", "both"}


class Usage(Frozen):
    """Tokens of one request, or of several added up."""

    prompt_tokens: int = Field(default=0, ge=0)
    cached_tokens: int | None = Field(
        default=None,
        ge=0,
        description="Prompt tokens served from the prefix cache; None if not reported.",
    )
    generated_tokens: int = Field(default=0, ge=0)
    thinking_tokens: int | None = Field(
        default=None,
        ge=0,
        description="Of the generated tokens, those of thoughts; None if not reported or counted.",
    )

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=_sum_of_known(self.cached_tokens, other.cached_tokens),
            generated_tokens=self.generated_tokens + other.generated_tokens,
            thinking_tokens=_sum_of_known(self.thinking_tokens, other.thinking_tokens),
        )


def _sum_of_known(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


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


class GuardVerdict(Frozen):
    """What a guard of revisions found."""

    guard: str = Field(description="The guard's name.")
    reason: str = Field(description="Why a revision fails it, as the end of a sentence.")


class Refusal(Frozen):
    """An unusable reply."""

    reason: str = Field(description="Why, as the end of a sentence: 'it is blank'.")
    guard: str | None = Field(
        default=None,
        description="The guard that refused it; None if it could not be read at all.",
    )
    reply: Text | None = Field(
        default=None,
        description="Its raw start; None if a later reply of the same kind was refused too.",
    )
    characters: int = Field(ge=0, description="Length of the whole reply.")


class Step(Frozen):
    """One request to the engine."""

    kind: StepKind
    attempt: int = Field(
        ge=1, description="1 for the first try, 2 after an unusable reply, and so on."
    )
    finish_reason: FinishReason
    usage: Usage
    latency_s: float = Field(
        ge=0,
        description="Seconds to the complete reply, including waits between tries and for a rate "
        "limit.",
    )
    retries: int = Field(
        default=0, ge=0, description="Times it was sent again after a transient failure."
    )
    sampling: Sampling = Field(
        description="With this request's own seed. What of it was not sent: `engine.unsent`."
    )
    refusal: Refusal | None = Field(
        default=None, description="Why its reply was unusable; None if it was usable."
    )
    left_out: tuple[Text, ...] = Field(
        default=(),
        description="What stood before and after the revision in its reply, without the tags.",
    )
    thoughts: Text | None = Field(
        default=None,
        description="What the model thought before its reply, sent apart or inside the reply; "
        "None without thoughts, or if a later reply of the same kind was refused too.",
    )
    limit_tokens: int | None = Field(
        default=None,
        ge=1,
        description="Token limit of the reply with its thoughts; None if not recorded.",
    )
    sent_stops: bool = Field(
        default=True,
        description="Whether the stop texts were sent: not after one had ended a thought.",
    )


class EngineInfo(SentSampling):
    """Which engine and which model generated a text."""

    kind: str = Field(description="'http', 'openai-batch', 'vllm' or 'transformers'.")
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
    base: int | None = Field(
        default=None,
        ge=0,
        description="Round of the version it revises; None: the previous round.",
    )
    comparison: Comparison | None = Field(
        default=None,
        description="A judge's comparison with the version kept until then; None if no judge was "
        "asked, and this version is kept.",
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
    created_at: datetime = Field(description="When it was finished, with its time zone.")

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
    def latency_s(self) -> float:
        """Engine seconds of all steps."""
        return sum(step.latency_s for step in self.steps)


class StopReason(StrEnum):
    """Why a trajectory ended."""

    ROUNDS_DONE = "rounds_done"
    CONVERGED = "converged"
    CYCLE = "cycle"
    NOTHING_TO_IMPROVE = "nothing_to_improve"
    CONTEXT_FULL = "context_full"
    TOKEN_LIMIT = "token_limit"  # noqa: S105 - the tokens of a text, not a secret
    UNPARSEABLE = "unparseable"
    CONTENT_FILTERED = "content_filtered"
    REFUSED = "refused"
    TOOL_CALLED = "tool_called"
    REJECTED = "rejected"
    ENGINE_FAILED = "engine_failed"
    JUDGE_FAILED = "judge_failed"

    @property
    def is_early_stop(self) -> bool:
        """Whether the rounds left out would have changed nothing."""
        return self in _EARLY_STOPS

    @property
    def may_pass(self) -> bool:
        """Whether the same requests may succeed the next time: a server or a judge failed."""
        return self in _MAY_PASS

    @property
    def is_failure(self) -> bool:
        """Whether rounds that were requested are missing."""
        return self is not StopReason.ROUNDS_DONE and not self.is_early_stop


_MAY_PASS = {StopReason.ENGINE_FAILED, StopReason.JUDGE_FAILED, StopReason.REJECTED}
_EARLY_STOPS = {StopReason.CONVERGED, StopReason.CYCLE, StopReason.NOTHING_TO_IMPROVE}


class End(Frozen):
    """Why a trajectory's rounds ended."""

    reason: StopReason
    detail: AnyText = Field(
        description="One sentence for the user: what happened in which round, and what to do."
    )
    calls_saved: int = Field(default=0, ge=0, description="Requests saved by stopping early.")
    steps: tuple[Step, ...] = Field(
        default=(), description="The requests of a last round that made no version."
    )


def kept_round(versions: Sequence[Version]) -> int:
    """The round of the version that is kept after these, version 0 first.

    Each version replaces the one kept before it, unless a judge preferred that one.
    """
    last = versions[-1]
    return last.round if last.comparison is None else last.comparison.winner


class Trajectory(WrittenExactly):
    """A draft, all of its versions, and why the rounds ended."""

    id: str = Field(description="Same draft, settings, seed and engine build: same id.")
    draft: Draft
    versions: tuple[Version, ...] = Field(min_length=1)
    end: End | None = Field(default=None, description="None while rounds are left to do.")

    def __str__(self) -> str:
        """A summary in four lines, without characters that could control a terminal."""
        changed = [
            str(version.round)
            for version in self.versions[1:]
            if version.text != self.base_of(version).text
        ]
        kept = "" if self.kept == self.rounds else f", version {self.kept} kept"
        end = "not finished" if self.end is None else f"{self.end.reason}: {self.end.detail}"
        lengths = f"{len(self.original)} characters before, {len(self.kept_text)} after"
        lines = (
            f"Trajectory {self.id} of draft {self.draft.id}",
            f"rounds: {self.rounds}{kept}; {'failed, ' if self.failed else ''}{end}",
            f"changed in round: {', '.join(changed) or 'none'}; {lengths}",
            textwrap.shorten(self.kept_text, _PREVIEW_CHARACTERS, placeholder=" …"),
        )
        return "\n".join("".join(filter(str.isprintable, line)) for line in lines)

    def __repr_args__(self) -> Iterable[tuple[str, object]]:
        """What its ``repr`` shows: not the texts, which are long."""
        yield "id", self.id
        yield "draft", self.draft.id
        yield "rounds", self.rounds
        yield "end", None if self.end is None else self.end.reason.value

    @property
    def has_exact_numbers(self) -> bool:
        """Whether a user's field contains a :class:`~revloop.values.Number`."""
        return self.draft.has_exact_numbers

    @property
    def failed(self) -> bool:
        """Whether it ended before all requested rounds; ``end`` says why."""
        return self.end is not None and self.end.reason.is_failure

    @property
    def final(self) -> str:
        """The text of the last version."""
        return self.versions[-1].text

    @property
    def kept(self) -> int:
        """The round of the kept version: the last one, unless a judge chose another."""
        return self.kept_after(self.rounds)

    @property
    def kept_text(self) -> str:
        """The text of the kept version."""
        return self.versions[self.kept].text

    def kept_after(self, rounds: int) -> int:
        """The round of the version that was kept after some rounds."""
        return kept_round(self.versions[: rounds + 1])

    def base_of(self, version: Version) -> Version:
        """The version that another one, not version 0, was made from."""
        return self.versions[version.round - 1 if version.base is None else version.base]

    def with_extra(self, fields: Mapping[str, Any]) -> Trajectory:
        """A copy with more fields in the draft's ``extra``."""
        if not fields:
            return self
        draft = self.draft.model_copy(update={"extra": {**self.draft.extra, **fields}})
        return self.model_copy(update={"draft": draft})

    @property
    def original(self) -> str:
        """The original response."""
        return self.versions[0].text

    @property
    def rounds(self) -> int:
        """Number of rounds done."""
        return self.versions[-1].round

    @property
    def steps(self) -> tuple[Step, ...]:
        """All requests in order, including those of a last round that made no version."""
        last = () if self.end is None else self.end.steps
        return (*(step for version in self.versions for step in version.steps), *last)

    @property
    def refused(self) -> tuple[tuple[int, Step, Refusal], ...]:
        """The requests with unusable replies: the round of each, the request, and why."""
        rounds = [(version.round, version.steps) for version in self.versions]
        last = () if self.end is None else self.end.steps
        return tuple(
            (number, step, step.refusal)
            for number, steps in (*rounds, (self.rounds + 1, last))
            for step in steps
            if step.refusal is not None
        )

    @property
    def usage(self) -> Usage:
        """Tokens of all requests."""
        return sum((step.usage for step in self.steps), Usage())

    @property
    def latency_s(self) -> float:
        """Engine seconds of all requests."""
        return sum(step.latency_s for step in self.steps)
