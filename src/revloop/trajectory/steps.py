"""Steps: the requests that a version took."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from revloop.trajectory.sampling import Sampling
from revloop.values import Frozen, Text

FinishReason = Literal["stop", "length", "content_filter", "refusal", "tool_calls"]
"""Why a reply ended: by itself, at its token limit, or without being an answer."""


StepKind = Literal["critique", "revision", "both", "rewrite"]
"""What a request asks for; "rewrite" is a whole revision after edits that could not be used."""

REVISION_KINDS: frozenset[StepKind] = frozenset({"revision", "rewrite"})
"""Requests for a revision after its critique: their prompt extends the critique's."""


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
