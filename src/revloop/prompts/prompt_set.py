"""Prompt sets: the texts that ask a critic for a critique and a revision.

The files of a set are in :mod:`revloop.prompts.loading`. With ``kind = "completion"`` the critic
continues one text: the critique prompt, the critique, the bridge, the revision; single-pass mode
generates the same text in one request. With ``kind = "chat"`` critique and revision are two turns
of a conversation, or with ``context = "fresh"`` two conversations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from revloop.errors import PromptSetError
from revloop.prompts.evidence import critique_by_checks
from revloop.prompts.fields import Fields, fields_in, item_names
from revloop.prompts.loading import load_set
from revloop.prompts.reading import ReplyReader
from revloop.prompts.rendering import Rendered, Rendering
from revloop.prompts.templates import placeholders
from revloop.trajectory import Message
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from revloop.prompts.settings import PromptSettings
    from revloop.trajectory import Check, Critique, Draft


@dataclass(frozen=True, slots=True)
class PromptSet(ReplyReader):
    """A loaded prompt set.

    Attributes:
        name: The folder's name.
        settings: The content of ``settings.toml``.
        templates: The text of each template, by file name.
        digest: Changes with every character of the templates and every setting.
        fresh_bridge: The text of ``fresh.txt``, if there is one; no part of the digest.
    """

    name: str
    settings: PromptSettings
    templates: dict[str, str]
    digest: str
    fresh_bridge: str | None = None

    @classmethod
    def load(cls, name_or_folder: str | Path) -> Self:
        """Load a prompt set that comes with revloop (``cnr``, ``chat``), or a folder of your own.

        Raises:
            PromptSetError: There is no such set, or one of its files cannot be used.
        """
        name, settings, templates, fresh = load_set(name_or_folder)
        digest = digest_of(settings.digested(), templates)
        return cls(name, settings, templates, digest, fresh)

    @property
    def _rendering(self) -> Rendering:
        return Rendering(self.settings, self.templates)

    @property
    def has_fresh_context(self) -> bool:
        """Whether the revision is requested in a new conversation."""
        return self.settings.revision.context == "fresh"

    @property
    def rewriting(self) -> Self:
        """The set as it asks for the whole text; itself without edits."""
        rewrite = self.settings.rewrite
        if rewrite is None:
            return self
        settings = self.settings.model_copy(update={"revision": rewrite, "rewrite": None})
        templates = self.templates | {"bridge.txt": self.templates["rewrite.txt"]}
        return replace(self, settings=settings, templates=templates)

    @property
    def single_pass(self) -> bool:
        """Whether the set can ask for critique and revision in one reply."""
        return not self.is_chat or "single.txt" in self.templates

    @property
    def fields(self) -> frozenset[str]:
        """The fields of a draft that the templates name."""
        return fields_in(self.templates.values())

    def require_fields(self, draft: Draft) -> None:
        """Refuse a draft that lacks a field without a default.

        Raises:
            MissingFieldError: It lacks one, or a value cannot be shown.
        """
        fields = Fields.of(draft, self.settings.fields)
        for name in self.fields:
            fields.text(name)

    def criteria_of(self, draft: Draft) -> tuple[str, ...]:
        """Names of a draft's criteria; empty without any, or if its rubric is a text.

        Raises:
            MissingFieldError: The draft lacks the field with its criteria.
        """
        form, fields = self.settings.critique.criteria, Fields.of(draft, self.settings.fields)
        return () if form is None else item_names(fields.value(form.field))

    def evidence(self, checks: Sequence[Check]) -> str:
        """What a critic is told of failed checks; empty if none failed."""
        return self._rendering.evidence(checks)

    def critique_by_checks(self, checks: Sequence[Check]) -> Critique:
        """A critique of what checks found, in the format of the set's critiques."""
        return critique_by_checks(checks, self.settings.critique.labels)

    def critique_prompt(self, draft: Draft, response: str, evidence: str = "") -> Rendered:
        """The prompt whose answer is a critique of ``response``.

        Args:
            draft: What is revised.
            response: The version to criticise.
            evidence: From :meth:`evidence`.
        """
        return self._rendering.first_prompt("critique.txt", draft, response, checks=evidence)

    def revision_prompt_of(
        self, draft: Draft, response: str, critique: str, evidence: str = ""
    ) -> Rendered:
        """The prompt whose answer is the revision.

        Args:
            draft: What is revised.
            response: The version that was criticised.
            critique: The critique exactly as it was generated.
            evidence: What the critic was told.
        """
        if self.has_fresh_context:
            return self._rendering.first_prompt("bridge.txt", draft, response, critique=critique)
        asked = self.critique_prompt(draft, response, evidence)
        return self.revision_prompt(asked, critique, draft)

    def revision_prompt(
        self, critique_prompt: Rendered, critique: str, draft: Draft | None = None
    ) -> Rendered:
        """The prompt for a revision in the conversation of its critique: it extends that prompt.

        Args:
            critique_prompt: The result of :meth:`critique_prompt`.
            critique: The critique exactly as it was generated.
            draft: What is revised, for a bridge that names its fields.
        """
        if isinstance(critique_prompt, str):
            return critique_prompt + critique + self.bridge
        answer = Message(role="assistant", content=critique)
        question = Message(role="user", content=self._rendering.text("bridge.txt", draft))
        return (*critique_prompt, answer, question)

    def single_pass_prompt(self, draft: Draft, response: str, evidence: str = "") -> Rendered:
        """The prompt whose answer is a critique followed by the revision.

        Raises:
            PromptSetError: The set has no ``single.txt``.
        """
        self.require_single_pass()
        template = "single.txt" if self.is_chat else "critique.txt"
        return self._rendering.first_prompt(template, draft, response, checks=evidence)

    def require_checks(self, *, single_pass: bool) -> None:
        """Refuse checks that the critic would not see.

        Raises:
            PromptSetError: The template that asks for the critique has no ``${checks}``.
        """
        template = "single.txt" if single_pass and self.is_chat else "critique.txt"
        if "checks" not in placeholders(self.templates[template]):
            raise PromptSetError(
                f"Prompt set '{self.name}' does not show checks to its critic: {template} has no "
                "${checks}. Add it, take the set 'chat', or choose --critique checks or blind."
            )

    def require_single_pass(self) -> None:
        """Refuse a single pass that the set cannot ask for.

        Raises:
            PromptSetError: The set has no ``single.txt``.
        """
        if not self.single_pass:
            raise PromptSetError(
                f"Prompt set '{self.name}' has no single.txt, so it cannot ask for critique and "
                "revision in one reply. Leave --single-pass out, or use another set."
            )

    def critique_stops(self) -> tuple[str, ...]:
        """Texts that end a critique: a fine-tuned critic continues with the bridge.

        One that was fine-tuned on rewrites continues with theirs.
        """
        stop = self.settings.critique.stop
        if self.is_chat:
            return stop
        return (*dict.fromkeys((self.bridge, self.rewriting.bridge)), *stop)


def texts_given(draft: Draft, response: str) -> tuple[str, ...]:
    """The texts that a prompt is made of: the answer may contain what they contain."""
    return (response, *(message.content for message in draft.conversation))
