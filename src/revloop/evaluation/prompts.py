"""The prompt set of a model judge: a folder with ``judge.toml`` and ``pair.txt``.

``pair.txt`` asks for a verdict on two responses: ``${prompt}``, ``${first}``, ``${second}``. An
optional ``system.txt`` holds the system message. Both may show fields of the draft, such as
``${extra.rubric}``. Templates are those of
:mod:`revloop.prompts.templates`: values are substituted in a single pass, so model output is never
read as a template.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from revloop.errors import PromptSetError
from revloop.evaluation.reading import read_verdict
from revloop.options import DEFAULT_JUDGE_PROMPTS
from revloop.prompts.fields import FieldDefaults, Fields, fields_in, refuse_unused
from revloop.prompts.parsing import (
    ThinkingSettings,
    UnfinishedThoughtError,
    UnusableError,
    without_thoughts,
)
from revloop.prompts.templates import load_settings, load_template, shipped_folder
from revloop.trajectory import Message, SamplingDefaults
from revloop.values import Frozen, digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.trajectory import Preference

_NO_FIELDS: Mapping[str, Any] = MappingProxyType({})
_SETTINGS, _PAIR, _SYSTEM = "judge.toml", "pair.txt", "system.txt"


class VerdictWords(Frozen):
    """The words for the three verdicts."""

    first: str = Field(min_length=1)
    second: str = Field(min_length=1)
    tie: str = Field(min_length=1)

    @property
    def preferences(self) -> dict[str, Preference]:
        """What each word means, in lower case."""
        words = (self.first.casefold(), self.second.casefold(), self.tie.casefold())
        return dict(zip(words, ("first", "second", "tie"), strict=True))

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(self.preferences) < 3:
            raise ValueError("the three words must differ, ignoring case")
        return self


class JudgeSettings(Frozen):
    """The content of ``judge.toml``."""

    missing_prompt: str = Field(description="Replaces an unknown prompt.")
    max_tokens: Annotated[int, Field(ge=1)] = Field(description="Most tokens of an answer.")
    label: str = Field(min_length=1, description="Start of the line with the verdict.")
    words: VerdictWords
    sampling: SamplingDefaults = SamplingDefaults()
    thinking: ThinkingSettings = ThinkingSettings()
    fields: FieldDefaults = Field(default={})

    def digested(self) -> dict[str, Any]:
        """What enters the digest: newer tables only where they are set, so verdicts stay valid."""
        unset = {"thinking": not self.thinking.marks, "fields": not self.fields}
        return self.model_dump(mode="json", exclude={name for name in unset if unset[name]})


@dataclass(frozen=True, slots=True)
class JudgePrompts:
    """A loaded prompt set of a judge.

    Attributes:
        settings: The content of its ``judge.toml``.
        pair: The template of the question.
        system: The system message, or None.
        digest: Changes with every letter of the templates and every setting.
    """

    settings: JudgeSettings
    pair: str
    system: str | None
    digest: str

    @classmethod
    def load(cls, name_or_folder: str | Path = DEFAULT_JUDGE_PROMPTS) -> Self:
        """Load revloop's own prompt set (``judge``), or a folder.

        Raises:
            PromptSetError: There is no such set, or a file of it is invalid.
        """
        folder = _find(name_or_folder)
        settings = load_settings(folder / _SETTINGS, JudgeSettings)
        asked = frozenset({"prompt", "first", "second"})
        pair = load_template(folder / _PAIR, asked, with_fields=True)
        has_system = (folder / _SYSTEM).exists()
        system = (
            load_template(folder / _SYSTEM, frozenset(), with_fields=True) if has_system else None
        )
        refuse_unused(settings.fields, filter(None, (pair, system)), folder / _SETTINGS)
        digest = digest_of(settings.digested(), pair, system)
        return cls(settings, pair, system, digest)

    @property
    def fields(self) -> frozenset[str]:
        """The fields of a draft that the templates name."""
        return fields_in(filter(None, (self.pair, self.system)))

    def question(
        self, prompt: str, first: str, second: str, fields: Mapping[str, Any] = _NO_FIELDS
    ) -> tuple[Message, ...]:
        """The messages that ask for a verdict.

        Args:
            prompt: What the texts answer; empty if unknown.
            first: The text shown first.
            second: The text shown second.
            fields: The draft's own fields.

        Raises:
            MissingFieldError: The draft lacks a field of the templates, or it cannot be shown.
        """
        known = Fields(fields, self.settings.fields)
        prompt = prompt or self.settings.missing_prompt
        text = known.fill(self.pair, prompt=prompt, first=first, second=second)
        user = Message(role="user", content=text)
        if self.system is None:
            return (user,)
        return (Message(role="system", content=known.fill(self.system)), user)

    def is_unfinished(self, answer: str, *, is_cut: bool) -> bool:
        """Whether an answer ends within a thought."""
        try:
            without_thoughts(answer, more=self.settings.thinking.marks, is_cut=is_cut)
        except UnfinishedThoughtError:
            return True
        except UnusableError:
            return False
        return False

    def read(self, answer: str) -> tuple[Preference, str] | None:
        """The verdict in an answer and the reasons before it; None if there is none.

        The verdict is the last line that begins with the label, or a last line that is a verdict
        and nothing else. Nothing may follow it. An answer with two different verdicts has none: it
        may be repeating the question. Leading thoughts are skipped; unclosed ones leave no answer.
        """
        try:
            answer = without_thoughts(answer, more=self.settings.thinking.marks).text
        except UnusableError:
            return None
        return read_verdict(answer, self.settings.label, self.settings.words.preferences)


def _find(name_or_folder: str | Path) -> Path:
    for folder in (shipped_folder() / name_or_folder, Path(name_or_folder)):
        if (folder / _SETTINGS).is_file():
            return folder
    raise PromptSetError(
        f"There is no judge's prompt set '{name_or_folder}': name '{DEFAULT_JUDGE_PROMPTS}', or a "
        f"folder that holds {_SETTINGS} and {_PAIR}."
    )
