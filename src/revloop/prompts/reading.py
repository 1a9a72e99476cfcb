"""How replies are read: the critique and the revision in a text, and what guards refuse of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.prompts.guards import Accepted, GuardName, Revised, failures, known_guards
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
from revloop.prompts.templates import fixed_lines, without_placeholders
from revloop.trajectory import StepKind

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from revloop.prompts.settings import PromptSettings
    from revloop.trajectory import Critique, Draft

Kind = StepKind
"""What a request asks for."""


class ReplyReader:
    """Reads the replies to a prompt set's prompts.

    Attributes:
        settings: The content of ``settings.toml``.
        templates: The text of each template, by file name.
    """

    __slots__ = ()

    settings: PromptSettings
    templates: dict[str, str]

    @property
    def is_chat(self) -> bool:
        """Whether prompts are chat messages rather than one text."""
        return self.settings.kind == "chat"

    @property
    def has_edits(self) -> bool:
        """Whether the revision is written as edits."""
        return self.settings.revision.form == "edits"

    @property
    def bridge(self) -> str:
        """The text between critique and revision, without the texts that placeholders stand for."""
        return self.fixed_text("bridge.txt")

    def fixed_text(self, template: str) -> str:
        """A template with nothing in place of its placeholders."""
        return without_placeholders(self.templates[template])

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
