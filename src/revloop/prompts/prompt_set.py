"""Prompt sets: the texts that ask a critic for a critique and a revision.

A prompt set is a folder of text templates and one ``settings.toml``. A template's text is used to
the letter; ``${name}`` stands for a value and ``$$`` for a dollar sign. Values are put in by
:class:`string.Template` in a single pass, so nothing that a user or a model wrote is ever read as
a template.

======================  ==========  ====================================================
file                    kinds       what it says
======================  ==========  ====================================================
``critique.txt``        both        asks for the critique: ``${prompt}``, ``${response}``
``bridge.txt``          both        leads from the critique to the revision
``turn.txt``            both        one turn of a conversation: ``${role}``, ``${content}``
``single.txt``          chat        asks for both in one answer: as ``critique.txt``
``system.txt``          chat        the system message (may be left out)
======================  ==========  ====================================================

With ``kind = "completion"`` the critic continues one text: the critique prompt, the critique, the
bridge, the revision. In single-pass mode the same text is generated in one request. With
``kind = "chat"`` critique and revision are two turns of a conversation, and ``single.txt`` asks
for both in one.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, ValidationError

from revloop.errors import PromptSetError
from revloop.prompts.parsing import (
    Labels,
    ReplyFormat,
    RevisionTags,
    UnusableError,
    find_revision,
    heading,
    parse_critique,
    parse_revision,
    refuse_borrowed,
    unless_unchanged,
    without_thoughts,
)
from revloop.prompts.templates import load_template, read_text, shipped_folder
from revloop.trajectory import Critique, Draft, Message
from revloop.values import Frozen, digest_of, explain

if TYPE_CHECKING:
    from collections.abc import Sequence

Rendered = str | tuple[Message, ...]
"""A prompt as it is sent: a text to continue, or the messages of a chat."""


class RoleNames(Frozen):
    """The name that each role gets in ``turn.txt``."""

    system: str
    user: str
    assistant: str


class ConversationSettings(Frozen):
    """How a prompt of several turns becomes one text."""

    roles: RoleNames
    separator: str = Field(description="What stands between two turns.")


class SamplingDefaults(Frozen):
    """How the critic samples where the user does not say."""

    temperature: Annotated[float, Field(ge=0, le=10)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0


class CritiqueSettings(Frozen):
    """How a critique is generated and read."""

    max_tokens: Annotated[int, Field(ge=1)] = Field(description="Tokens a critique may have.")
    labels: Labels | None = Field(
        default=None, description="Headings of its parts; None for a critique in free form."
    )


class RevisionSettings(Frozen):
    """How a revision is generated and read."""

    max_tokens: Annotated[int, Field(ge=1)] = Field(description="Tokens a revision may have.")
    tags: RevisionTags | None = Field(
        default=None, description="What encloses the revision; None where it is the whole answer."
    )


class PromptSettings(Frozen):
    """The content of ``settings.toml``."""

    kind: Literal["completion", "chat"]
    missing_prompt: str = Field(description="Stands for a prompt that nobody knows.")
    conversation: ConversationSettings
    sampling: SamplingDefaults = SamplingDefaults()
    critique: CritiqueSettings
    revision: RevisionSettings


_PLACEHOLDERS: dict[str, frozenset[str]] = {
    "critique.txt": frozenset({"prompt", "response"}),
    "single.txt": frozenset({"prompt", "response"}),
    "turn.txt": frozenset({"role", "content"}),
    "bridge.txt": frozenset(),
    "system.txt": frozenset(),
}
_REQUIRED = {
    "completion": {"critique.txt", "bridge.txt", "turn.txt"},
    "chat": {"critique.txt", "bridge.txt", "turn.txt", "single.txt"},
}
_OPTIONAL = {"completion": set[str](), "chat": {"system.txt"}}


@dataclass(frozen=True, slots=True)
class PromptSet:
    """A loaded prompt set.

    Attributes:
        name: The folder's name.
        settings: The content of its ``settings.toml``.
        templates: Text of each template, by file name.
        digest: Changes with every letter of the templates and every setting.
    """

    name: str
    settings: PromptSettings
    templates: dict[str, str]
    digest: str

    @classmethod
    def load(cls, name_or_folder: str | Path) -> Self:
        """Load a prompt set that comes with revloop (``cnr``, ``chat``), or a folder of your own.

        Raises:
            PromptSetError: There is no such set, or a file of it is missing, misspelt, not UTF-8
                or not of the form that this module describes.
        """
        folder = _find(name_or_folder)
        settings = _load_settings(folder)
        wanted = _REQUIRED[settings.kind] | _OPTIONAL[settings.kind]
        _refuse_strangers(folder, wanted)
        templates = {
            file: load_template(folder / file, _PLACEHOLDERS[file])
            for file in sorted(wanted)
            if file in _REQUIRED[settings.kind] or (folder / file).exists()
        }
        digest = digest_of(settings.model_dump(mode="json"), templates)
        return cls(folder.name, settings, templates, digest)

    @property
    def is_chat(self) -> bool:
        """Whether prompts are chat messages, not one text."""
        return self.settings.kind == "chat"

    @property
    def bridge(self) -> str:
        """The text between the critique and the revision."""
        return self._render("bridge.txt")

    def critique_prompt(self, draft: Draft, response: str) -> Rendered:
        """The prompt whose answer is a critique of ``response``."""
        return self._opening("critique.txt", draft, response)

    def revision_prompt(self, critique_prompt: Rendered, critique: str) -> Rendered:
        """The prompt whose answer is the revision: it extends the critique prompt.

        Args:
            critique_prompt: What :meth:`critique_prompt` gave.
            critique: The critique to the letter as it was generated.
        """
        if isinstance(critique_prompt, str):
            return critique_prompt + critique + self.bridge
        answer = Message(role="assistant", content=critique)
        return (*critique_prompt, answer, Message(role="user", content=self.bridge))

    def single_pass_prompt(self, draft: Draft, response: str) -> Rendered:
        """The prompt whose answer is a critique and the revision after it."""
        return self._opening("single.txt" if self.is_chat else "critique.txt", draft, response)

    def critique_stops(self) -> tuple[str, ...]:
        """Texts that end a critique: a fine-tuned critic goes straight on to the bridge."""
        return () if self.is_chat else (self.bridge,)

    def parse_critique(self, generated: str, given: Sequence[str] = ()) -> Critique:
        """The critique in a generated text.

        Args:
            generated: The critic's text, to the letter.
            given: The texts of the draft and the response.

        Raises:
            UnusableError: It is a thought without an end, or the critique cannot be used.
        """
        labels = self.settings.critique.labels
        expected = None if labels is None else ReplyFormat(heading(labels.score))
        return parse_critique(without_thoughts(generated, given, expected), labels)

    def parse_revision(self, generated: str, given: Sequence[str] = ()) -> str:
        """The revision in a generated text: a passage of it, to the letter.

        Args:
            generated: The critic's text, to the letter.
            given: The texts of the draft and the response: what stands in them (tags, say) may
                stand in the revision.

        Raises:
            UnusableError: There is no revision, more than one, or it is blank.
        """
        tags = self.settings.revision.tags
        expected = None if tags is None else ReplyFormat(tags.patterns()[0], *tags.patterns())
        return parse_revision(without_thoughts(generated, given, expected), tags, given)

    def parse_single_pass(self, generated: str, given: Sequence[str] = ()) -> tuple[Critique, str]:
        """Critique and revision in the answer to a single-pass prompt.

        The first bridge (first opening tag, with a chat) divides them: what stands after it, one
        more heading included, belongs to the revision.

        Raises:
            UnusableError: One of the two is missing, or cannot be used.
        """
        tags, labels = self.settings.revision.tags, self.settings.critique.labels
        text = without_thoughts(generated, given, self._single_pass_format())
        if self.is_chat and tags is not None:
            divided, revision = find_revision(text, tags, given)
            return parse_critique(text[:divided], labels), revision
        before, found, after = text.partition(self.bridge)
        if not found:
            raise UnusableError(f"there is no '{self.bridge.strip()}' in it")
        return parse_critique(before, labels), parse_revision(after, tags, given)

    def settle(self, revision: str, critique: Critique, before: str, given: Sequence[str]) -> str:
        """A revision that was read, as it becomes a version.

        Args:
            revision: As it was read.
            critique: What led to it.
            before: The text that it revises, which it becomes where nothing but the white space
                around was changed.
            given: The texts of the draft and the response.

        Raises:
            UnusableError: It holds text of the prompt or of the critique.
        """
        text = unless_unchanged(revision, before)
        if text != before:
            labels, lines = self.settings.critique.labels, _fixed_lines(*self.templates.items())
            refuse_borrowed(
                text, critique=critique.raw, labels=labels, template_lines=lines, given=given
            )
        return text

    def _single_pass_format(self) -> ReplyFormat:
        """How the answer to a single-pass prompt looks."""
        labels, tags = self.settings.critique.labels, self.settings.revision.tags
        enclosing = () if tags is None else tags.patterns()
        if labels is not None:
            return ReplyFormat(heading(labels.score), *enclosing)
        return ReplyFormat(*enclosing[:1] or (re.compile(re.escape(self.bridge)),), *enclosing)

    def _opening(self, template: str, draft: Draft, response: str) -> Rendered:
        prompt = self._conversation(draft.conversation)
        text = self._render(template, prompt=prompt, response=response)
        if not self.is_chat:
            return text
        system = self.templates.get("system.txt")
        first = () if system is None else (Message(role="system", content=system),)
        return (*first, Message(role="user", content=text))

    def _conversation(self, messages: Sequence[Message]) -> str:
        """A prompt of one turn stands as it is; of several, each turn under its role's name."""
        if not messages:
            return self.settings.missing_prompt
        if len(messages) == 1 and messages[0].role == "user":
            return messages[0].content
        roles = self.settings.conversation.roles
        turns = [
            self._render("turn.txt", role=getattr(roles, m.role), content=m.content)
            for m in messages
        ]
        return self.settings.conversation.separator.join(turns)

    def _render(self, template: str, **values: str) -> str:
        return Template(self.templates[template]).substitute(values)


def texts_given(draft: Draft, response: str) -> tuple[str, ...]:
    """The texts that a prompt is made of: what stands in them may stand in the answer too."""
    return (response, *(message.content for message in draft.conversation))


@cache
def _fixed_lines(*templates: tuple[str, str]) -> tuple[str, ...]:
    """The lines of two words or more that every prompt made of these templates holds."""
    return tuple(
        dict.fromkeys(
            line.replace("$$", "$")
            for file, text in templates
            if file != "turn.txt"
            for line in text.splitlines()
            if "${" not in line and len(line.split()) > 1
        )
    )


def shipped_prompt_sets() -> list[str]:
    """Names of the prompt sets that come with revloop."""
    return sorted(path.parent.name for path in shipped_folder().glob("*/settings.toml"))


def _find(name_or_folder: str | Path) -> Path:
    shipped = shipped_folder() / name_or_folder
    for folder in (shipped, Path(name_or_folder)):
        if (folder / "settings.toml").is_file():
            return folder
    names = ", ".join(shipped_prompt_sets())
    what = "has no settings.toml" if Path(name_or_folder).is_dir() else "is not there"
    raise PromptSetError(
        f"Prompt set '{name_or_folder}' {what}. Name one that comes with revloop ({names}), "
        "or a folder that holds settings.toml and the templates."
    )


def _load_settings(folder: Path) -> PromptSettings:
    path = folder / "settings.toml"
    try:
        data: dict[str, Any] = tomllib.loads(read_text(path))
        return PromptSettings.model_validate(data)
    except tomllib.TOMLDecodeError as exc:
        raise PromptSetError(f"{path} is not TOML: {exc}.") from exc
    except ValidationError as exc:
        raise PromptSetError(f"{path}: {explain(exc)}.") from exc


def _refuse_strangers(folder: Path, wanted: set[str]) -> None:
    """A file that no one reads is most likely a misspelt one: say so before it is missed."""
    for path in sorted(folder.glob("*.txt")):
        if path.name not in wanted:
            close = difflib.get_close_matches(path.name, wanted, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            names = ", ".join(sorted(wanted))
            raise PromptSetError(f"{path} is no file of this kind of set ({names}){hint}")
