"""The settings of a prompt set: the content of its ``settings.toml``."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from revloop.prompts.checks import CheckSettings
from revloop.prompts.parsing import Labels, RevisionTags, ThinkingSettings
from revloop.trajectory import SamplingDefaults
from revloop.values import Frozen

Stop = Annotated[str, Field(min_length=1)]


class RoleNames(Frozen):
    """The name of each role in ``turn.txt``."""

    system: str
    user: str
    assistant: str


class ConversationSettings(Frozen):
    """How a prompt with several turns becomes one text."""

    roles: RoleNames
    separator: str = Field(description="The text between two turns.")


class CritiqueSettings(Frozen):
    """How a critique is generated and read."""

    max_tokens: Annotated[int, Field(ge=1)] = Field(description="Token limit of a critique.")
    labels: Labels | None = Field(
        default=None, description="Headings of its parts; None for free text."
    )
    prefill: str = Field(
        default="", description="Beginning of the critic's reply, and of the critique. Chat only."
    )
    stop: tuple[Stop, ...] = Field(default=(), description="Texts that end the critique.")


class RevisionSettings(Frozen):
    """How a revision is generated and read."""

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
    stop: tuple[Stop, ...] = Field(default=(), description="Texts that end the revision.")


class PromptSettings(Frozen):
    """The content of ``settings.toml``."""

    kind: Literal["completion", "chat"]
    missing_prompt: str = Field(description="Replaces an unknown prompt.")
    conversation: ConversationSettings
    sampling: SamplingDefaults = SamplingDefaults()
    critique: CritiqueSettings
    revision: RevisionSettings
    thinking: ThinkingSettings = ThinkingSettings()
    checks: CheckSettings = CheckSettings()

    @model_validator(mode="after")
    def _chat_only(self) -> Self:
        """A completion set continues one text: what its reply begins with stands in a template."""
        chosen = {
            "revision.context": self.revision.context != "conversation",
            "critique.prefill": bool(self.critique.prefill),
            "revision.prefill": bool(self.revision.prefill),
        }
        for name, is_set in chosen.items():
            if is_set and self.kind == "completion":
                raise ValueError(
                    f"{name} needs kind = 'chat': a completion set continues one text, so its "
                    "templates already decide what the revision follows"
                )
        return self

    def digested(self) -> dict[str, Any]:
        """What enters the digest: newer settings only where they are not at their defaults.

        So the digests of older sets stay as they were, and their runs can be resumed.
        """
        content = self.model_dump(mode="json")
        for table, names in _NEWER.items():
            fields = type(getattr(self, table)).model_fields
            for name in names:
                if getattr(getattr(self, table), name) == fields[name].default:
                    del content[table][name]
        if not self.thinking.marks:
            del content["thinking"]
        if self.checks == CheckSettings():
            del content["checks"]
        return content


_NEWER = {"critique": ("prefill", "stop"), "revision": ("context", "prefill", "stop")}
"""Settings that came later than the first stored runs, by table."""
