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
from revloop.prompts.guards import Accepted, GuardName, Revised, failures, known_guards
from revloop.prompts.loading import load_set
from revloop.prompts.parsing import (
    Separated,
    UnusableError,
    WrittenRevision,
    apply_written,
    find_edits,
    find_revision,
    find_untagged_edits,
    parse_revision,
    unless_unchanged,
    without_talk,
    without_thoughts,
)
from revloop.prompts.rendering import Rendered, Rendering
from revloop.prompts.templates import fixed_lines, placeholders
from revloop.trajectory import Critique, Draft, Message, StepKind
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from revloop.prompts.settings import PromptSettings
    from revloop.trajectory import Check

Kind = StepKind
"""What a request asks for."""


@dataclass(frozen=True, slots=True)
class PromptSet:
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
    def is_chat(self) -> bool:
        """Whether prompts are chat messages rather than one text."""
        return self.settings.kind == "chat"

    @property
    def bridge(self) -> str:
        """The text between critique and revision, without the texts that placeholders stand for."""
        return self.fixed_text("bridge.txt")

    @property
    def _rendering(self) -> Rendering:
        return Rendering(self.settings, self.templates)

    @property
    def has_fresh_context(self) -> bool:
        """Whether the revision is requested in a new conversation."""
        return self.settings.revision.context == "fresh"

    @property
    def has_edits(self) -> bool:
        """Whether the revision is written as edits."""
        return self.settings.revision.form == "edits"

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

    def fixed_text(self, template: str) -> str:
        """A template with nothing in place of its placeholders."""
        return self._rendering.fixed_text(template)

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

    def without_thoughts(
        self,
        kind: Kind,
        generated: str,
        given: Sequence[str] = (),
        *,
        lead: str = "",
        is_cut: bool = False,
    ) -> Separated:
        """A reply without its thoughts, and the thoughts.

        Args:
            kind: What was requested.
            generated: The critic's exact text, without a prefill.
            given: The texts of the draft and the response.
            lead: The prefill that it continues.
            is_cut: Whether the reply ended at its token limit.

        Raises:
            UnusableError: A thought has no end, or cannot be told apart from the answer.
        """
        expected = self.settings.reply_format(kind, self.bridge)
        more = self.settings.thinking.marks
        return without_thoughts(generated, given, expected, more, lead=lead, is_cut=is_cut)

    def parse_critique(
        self, generated: str, given: Sequence[str] = (), criteria: Sequence[str] = ()
    ) -> Critique:
        """The critique in a generated text.

        Args:
            generated: The critic's exact text.
            given: The texts of the draft and the response.
            criteria: As :meth:`criteria_of` gives them.

        Raises:
            UnusableError: The text is an unfinished thought or an unusable critique.
        """
        text = self.without_thoughts("critique", generated, given).text
        return self.settings.critique.read(text, criteria, given)

    def parse_revision(self, generated: str, given: Sequence[str] = ()) -> str:
        """The revision in a generated text: the text, or edits. An exact passage of it.

        Args:
            generated: The critic's exact text.
            given: Texts of the draft and the response: the revision may contain tags of theirs.

        Raises:
            UnusableError: There is no revision or more than one, or it is blank.
        """
        text = self.without_thoughts("revision", generated, given).text
        tags = self.settings.revision.tags
        if self.has_edits and tags is not None:
            if tags.patterns()[0].search(text) is None:
                return find_untagged_edits(text, tags, given)
            return find_edits(text, tags, given)[1]
        return self._without_talk(parse_revision(text, tags, given), given)

    def parse_single_pass(
        self, generated: str, given: Sequence[str] = (), criteria: Sequence[str] = ()
    ) -> tuple[Critique, str]:
        """Critique and revision in the answer to a single-pass prompt.

        They are split at the first bridge (in a chat, the first opening tag); everything after it
        belongs to the revision.

        Raises:
            UnusableError: One of the two is missing or unusable.
        """
        tags, read = self.settings.revision.tags, self.settings.critique.read
        text = self.without_thoughts("both", generated, given).text
        if self.has_edits and tags is not None:
            divided, edits = find_edits(text, tags, given)
            return read(text[:divided], criteria, given), edits
        if self.is_chat and tags is not None:
            divided, revision = find_revision(text, tags, given)
            return read(text[:divided], criteria, given), self._without_talk(revision, given)
        before, found, after = text.partition(self.bridge)
        if not found:
            raise UnusableError(f"there is no '{self.bridge.strip()}'")
        revision = self._without_talk(parse_revision(after, tags, given), given)
        return read(before, criteria, given), revision

    def revised(self, written: str, before: str) -> WrittenRevision:
        """The text that a parsed revision stands for.

        Args:
            written: What :meth:`parse_revision` returned: the text, or edits.
            before: The revised text.

        Raises:
            UnusableError: There are no edits, or none can be applied.
        """
        return apply_written(written, before) if self.has_edits else WrittenRevision(written)

    @property
    def guards(self) -> tuple[GuardName, ...]:
        """The guards that the set switches on."""
        return self.settings.guards.chosen(is_chat=self.is_chat)

    def accept(
        self,
        revision: str,
        critique: Critique,
        before: str,
        draft: Draft,
        guards: Collection[GuardName] | None = None,
    ) -> Accepted:
        """The version that a parsed revision becomes.

        Args:
            revision: The revision as parsed.
            critique: The critique before it.
            before: The revised text, returned if a rewrite changed only its leading or trailing
                white space.
            draft: What is revised; a revision may contain what its texts contain.
            guards: The guards to pass; None for those that the set switches on.

        Raises:
            UnusableError: The revision fails a guard.
        """
        text = revision if self.has_edits else unless_unchanged(revision, before)
        if text == before:
            return Accepted(text)
        on = self.guards if guards is None else guards
        revised = self.guarded(text, before, draft, on, critique)
        return Accepted(text, tuple(failures(revised, set(known_guards()).difference(on))))

    def guarded(
        self,
        text: str,
        before: str,
        draft: Draft,
        guards: Collection[GuardName],
        critique: Critique,
    ) -> Revised:
        """What the guards look at, if it passes these; see :meth:`accept`."""
        revised = Revised(
            text,
            before,
            critique,
            original=draft.response,
            prompts=tuple(message.content for message in draft.conversation),
            template_lines=fixed_lines(*self.templates.items()),
            labels=self.settings.critique.labels,
        )
        for failed in failures(revised, guards):
            raise UnusableError(failed.reason, failed.guard)
        return revised

    def _without_talk(self, revision: str, given: Sequence[str]) -> str:
        """The revision without talk around it; a fine-tuned critic writes none."""
        text = without_talk(revision, given) if self.is_chat and not self.has_edits else revision
        if not text.strip():
            raise UnusableError("it is talk about a revision, without one")
        return text


def texts_given(draft: Draft, response: str) -> tuple[str, ...]:
    """The texts that a prompt is made of: the answer may contain what they contain."""
    return (response, *(message.content for message in draft.conversation))
