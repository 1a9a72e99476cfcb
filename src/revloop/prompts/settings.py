"""The settings of a prompt set: the content of its ``settings.toml``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from revloop.prompts.fields import FieldDefaults
from revloop.prompts.guards import GuardSettings
from revloop.prompts.parsing import (
    CriteriaFormat,
    Labels,
    ReplyFormat,
    RevisionTags,
    ThinkingSettings,
    heading,
    parse_criteria,
    parse_critique,
    refuse_invented,
)
from revloop.trajectory import SamplingDefaults
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.trajectory import Critique, StepKind

_OPENING_PART = 4

Stop = Annotated[str, Field(min_length=1)]


class RoleNames(Frozen):
    """The name of each role in ``turn.txt``."""

    system: str
    user: str
    assistant: str


class ConversationSettings(Frozen):
    """How the turns of a prompt stand in a request."""

    form: Literal["text", "turns"] = Field(
        default="text",
        description="text: several turns become one text, which stands for ${prompt}. turns: they "
        "and the response are messages, and a template is the message after them. Chat only.",
    )
    roles: RoleNames | None = Field(
        default=None, description="The name of each role in a text. Not with turns."
    )
    separator: str | None = Field(
        default=None, description="What stands between two turns of a text. Not with turns."
    )

    @model_validator(mode="after")
    def _only_what_the_form_needs(self) -> Self:
        for name, value in (("roles", self.roles), ("separator", self.separator)):
            if self.form == "text" and value is None:
                raise ValueError(f"'{name}' is missing: it tells how several turns become a text")
            if self.form == "turns" and value is not None:
                raise ValueError(f"delete '{name}': with form = 'turns' no turn becomes a text")
        return self


class CritiqueSettings(Frozen):
    """How a critique is generated and read."""

    max_tokens: Annotated[int, Field(ge=1)] = Field(description="Token limit of a critique.")
    labels: Labels | None = Field(
        default=None, description="Headings of its parts; None for free text."
    )
    criteria: CriteriaFormat | None = Field(
        default=None, description="How it scores the criteria of a rubric; None: it does not."
    )
    prefill: str = Field(
        default="", description="Beginning of the critic's reply, and of the critique. Chat only."
    )
    stop: tuple[Stop, ...] = Field(default=(), description="Texts that end the critique.")
    real_quotations: bool = Field(
        default=False, description="Whether a critique that quotes only what is made up is refused."
    )

    no_change: str = Field(
        default="",
        description="The last line of a critique that wants nothing changed, which ends the "
        "rounds; empty: none does.",
    )

    @model_validator(mode="after")
    def _one_layout(self) -> Self:
        if self.labels is not None and self.criteria is not None:
            raise ValueError("give the table [critique.labels] or [critique.criteria], not both")
        return self

    @property
    def may_be_cut(self) -> bool:
        """Whether a critique that was cut at its token limit can be used."""
        return self.criteria is None and (self.labels is None or not self.labels.required)

    def read(self, text: str, criteria: Sequence[str] = (), given: Sequence[str] = ()) -> Critique:
        """A critique as it was written.

        Args:
            text: The critic's exact text, without its thoughts.
            criteria: Names of the criteria; empty without any, or if the rubric is a text.
            given: The texts that it may quote.

        Raises:
            UnusableError: It is blank, required parts are missing or cannot be read, or what it
                quotes is made up.
        """
        if self.real_quotations:
            refuse_invented(text, given)
        if self.criteria is not None:
            return parse_criteria(text, self.criteria, criteria)
        return parse_critique(text, self.labels)


class RevisionSettings(Frozen):
    """How a revision is generated and read."""

    form: Literal["rewrite", "edits"] = Field(
        default="rewrite",
        description="rewrite: the critic writes the whole text. edits: it writes the passages to "
        "replace and what replaces them, in the layout of `revloop.edits.layout`.",
    )
    max_tokens: Annotated[int, Field(ge=1)] = Field(description="Token limit of a revision.")
    tags: RevisionTags | None = Field(
        default=None, description="Tags around the revision; None if it is the whole answer."
    )
    context: Literal["conversation", "fresh"] = Field(
        default="conversation",
        description="conversation: the request follows the critic's turns. fresh: it is a new "
        "conversation, and bridge.txt holds prompt, response and critique. Chat only.",
    )
    prefill: str = Field(
        default="",
        description="Beginning of the critic's reply. Without tags the revision is what follows "
        "it; with tags it is read with the reply, so it may hold the opening tag. Chat only.",
    )
    opening_words: int = Field(
        default=0,
        ge=0,
        description="The reply is begun with that many first words of the response, after the "
        "prefill, and they are part of the revision: a weak model then writes an answer and does "
        "not talk about one. Chat only.",
    )
    stop: tuple[Stop, ...] = Field(default=(), description="Texts that end the revision.")

    def begun(self, response: str) -> tuple[str, str]:
        """What the reply with a revision is begun with, and the part of it that is read with it.

        Without tags, the revision is what follows the prefill, from the opening words on; with
        tags, the prefill may hold the opening tag.

        Args:
            response: The version that is revised.
        """
        opening = first_words(response, self.opening_words)
        return self.prefill + opening, opening if self.tags is None else self.prefill + opening


class PromptSettings(Frozen):
    """The content of ``settings.toml``."""

    kind: Literal["completion", "chat"]
    missing_prompt: str = Field(description="Replaces an unknown prompt.")
    tries: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3, description="Attempts at a usable critique or revision. A weak model needs more."
    )
    retry_temperature: Annotated[float, Field(ge=0, le=10)] = Field(
        default=0.7, description="Lowest temperature from the second try on."
    )
    conversation: ConversationSettings
    sampling: SamplingDefaults = SamplingDefaults()
    critique: CritiqueSettings
    revision: RevisionSettings
    rewrite: RevisionSettings | None = Field(
        default=None,
        description="With edits: how the whole text is asked for, with rewrite.txt, when edits "
        "could not be used.",
    )
    thinking: ThinkingSettings = ThinkingSettings()
    guards: GuardSettings = GuardSettings()
    fields: FieldDefaults = Field(default={})

    @model_validator(mode="after")
    def _chat_only(self) -> Self:
        """A completion set continues one text: what its reply begins with stands in a template."""
        chosen = {
            "conversation.form": self.conversation.form != "text",
            "critique.prefill": bool(self.critique.prefill),
        }
        for table, asked in (("revision", self.revision), ("rewrite", self.rewrite)):
            if asked is not None:
                chosen |= {
                    f"{table}.context": asked.context != "conversation",
                    f"{table}.prefill": bool(asked.prefill),
                    f"{table}.opening_words": bool(asked.opening_words),
                }
        for name, is_set in chosen.items():
            if is_set and self.kind == "completion":
                raise ValueError(
                    f"{name} needs kind = 'chat': a completion set continues one text, so its "
                    "templates already decide what the revision follows"
                )
        return self

    @model_validator(mode="after")
    def _edits_and_rewrite(self) -> Self:
        """Edits need a rewrite to fall back on, and begin with no words of the response."""
        has_edits = self.revision.form == "edits"
        if has_edits and self.revision.opening_words:
            raise ValueError(
                "revision.opening_words does not go with edits, which begin with no words of the "
                "response: move it to the table [rewrite], or delete it"
            )
        if has_edits and self.rewrite is None:
            raise ValueError(
                "the table [rewrite] is missing: with revision.form = 'edits' it says how the "
                "whole text is asked for when edits cannot be used (see the set cnr-edits)"
            )
        if self.rewrite is not None and not has_edits:
            raise ValueError(
                "delete the table [rewrite], or set revision.form = 'edits': only edits need it"
            )
        if self.rewrite is not None and self.rewrite.form != "rewrite":
            raise ValueError("rewrite.form must be 'rewrite': leave it out")
        return self

    @property
    def begins_replies(self) -> bool:
        """Whether a request gives the beginning of its reply."""
        revisions = [one for one in (self.revision, self.rewrite) if one is not None]
        begun = any(one.prefill or one.opening_words for one in revisions)
        return begun or bool(self.critique.prefill)

    def reply_format(self, kind: StepKind, bridge: str) -> ReplyFormat | None:
        """The format of a reply, as far as it tells the reply's start from a thought.

        Args:
            kind: What was requested.
            bridge: The text between a critique and a revision in one reply.
        """
        labels, tags = self.critique.labels, self.revision.tags
        enclosing = () if tags is None else tags.patterns()
        if kind in ("revision", "rewrite"):
            return ReplyFormat(enclosing[0], *enclosing) if enclosing else None
        if labels is not None:
            return ReplyFormat(heading(labels.score), *(enclosing if kind == "both" else ()))
        if kind == "critique":
            return None
        return ReplyFormat(*enclosing[:1] or (re.compile(re.escape(bridge)),), *enclosing)

    def digested(self) -> dict[str, Any]:
        """What enters the digest: newer settings only where they are not at their defaults.

        So the digests of older sets stay as they were, and their runs can be resumed.
        """
        content = self.model_dump(mode="json")
        for name in _NEWER_KEYS:
            if content[name] == type(self).model_fields[name].default:
                del content[name]
        for table, names in _NEWER.items():
            fields = type(getattr(self, table)).model_fields
            for name in names:
                if getattr(getattr(self, table), name) == fields[name].default:
                    del content[table][name]
        if not self.thinking.marks:
            del content["thinking"]
        if self.guards == GuardSettings():
            del content["guards"]
        return content


_NEWER_KEYS = ("tries", "retry_temperature", "rewrite", "fields")
_NEWER = {
    "conversation": ("form",),
    "critique": ("criteria", "prefill", "stop", "real_quotations", "no_change"),
    "revision": ("form", "context", "prefill", "opening_words", "stop"),
}
"""Settings that came later than the first stored runs, by table."""


def first_words(text: str, most: int) -> str:
    """The first words of a text, at most a quarter of it: the rest is to be revised."""
    count = min(most, len(text.split()) // _OPENING_PART)
    found = re.match(rf"\s*(\S+(?:\s+\S+){{{count - 1}}})", text) if count else None
    return "" if found is None else found[1]
