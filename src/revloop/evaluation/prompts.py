"""The prompt set of a model judge: a folder with ``judge.toml`` and ``pair.txt``.

``pair.txt`` asks for a verdict on two responses: ``${prompt}``, ``${first}``, ``${second}``. A
``system.txt`` may stand beside it. Templates are those of :mod:`revloop.prompts.templates`: values
are substituted in a single pass, so nothing that a model wrote is read as a template.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from revloop.errors import PromptSetError
from revloop.options import DEFAULT_JUDGE_PROMPTS
from revloop.prompts.parsing import UnusableError, without_thoughts
from revloop.prompts.prompt_set import SamplingDefaults
from revloop.prompts.templates import load_settings, load_template, shipped_folder
from revloop.trajectory import Message
from revloop.values import Frozen, digest_of

if TYPE_CHECKING:
    from revloop.trajectory import Preference

_SETTINGS, _PAIR, _SYSTEM = "judge.toml", "pair.txt", "system.txt"


class VerdictWords(Frozen):
    """The words for the three verdicts."""

    first: str = Field(min_length=1)
    second: str = Field(min_length=1)
    tie: str = Field(min_length=1)

    @model_validator(mode="after")
    def _three(self) -> VerdictWords:
        if len({word.casefold() for word in (self.first, self.second, self.tie)}) < 3:
            raise ValueError("the three words differ, capitals aside")
        return self


class JudgeSettings(Frozen):
    """The content of ``judge.toml``."""

    missing_prompt: str = Field(description="Stands for a prompt that nobody knows.")
    max_tokens: Annotated[int, Field(ge=1)] = Field(description="Tokens an answer may have.")
    label: str = Field(min_length=1, description="What the line of the verdict begins with.")
    words: VerdictWords
    sampling: SamplingDefaults = SamplingDefaults()


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
        """Load the prompt set that comes with revloop (``judge``), or a folder of your own.

        Raises:
            PromptSetError: There is no such set, or a file of it cannot be used.
        """
        folder = _find(name_or_folder)
        settings = load_settings(folder / _SETTINGS, JudgeSettings)
        pair = load_template(folder / _PAIR, frozenset({"prompt", "first", "second"}))
        has_system = (folder / _SYSTEM).exists()
        system = load_template(folder / _SYSTEM, frozenset()) if has_system else None
        digest = digest_of(settings.model_dump(mode="json"), pair, system)
        return cls(settings, pair, system, digest)

    def question(self, prompt: str, first: str, second: str) -> tuple[Message, ...]:
        """The messages that ask for a verdict."""
        text = Template(self.pair).substitute(
            prompt=prompt or self.settings.missing_prompt, first=first, second=second
        )
        asked = Message(role="user", content=text)
        if self.system is None:
            return (asked,)
        system = Template(self.system).substitute()
        return (Message(role="system", content=system), asked)

    def read(self, answer: str) -> tuple[Preference, str] | None:
        """The verdict in an answer and the reasons before it, or None where there is none.

        The last line that begins with the label counts, nothing but the word may stand after the
        label, and nothing but white space after the line. An answer that names two different
        verdicts on two such lines is none: it may be repeating the question. Thoughts at the start
        are passed over; one without an end leaves no answer.
        """
        try:
            answer = without_thoughts(answer)
        except UnusableError:
            return None
        label = re.escape(self.settings.label.rstrip())
        lines = list(re.finditer(rf"^[ \t*_#]*{label}(.*)$", answer, re.MULTILINE))
        if not lines or answer[lines[-1].end() :].strip():
            return None
        read = {self._preference(line[1]) for line in lines}
        if len(read) != 1:
            return None
        preference = read.pop()
        reason = answer[: lines[0].start()].strip()
        return None if preference is None else (preference, reason)

    def _preference(self, word: str) -> Preference | None:
        said = word.strip(" \t*_.[]").casefold()
        words = self.settings.words
        known: dict[str, Preference] = {
            words.first.casefold(): "first",
            words.second.casefold(): "second",
            words.tie.casefold(): "tie",
        }
        return known.get(said)


def _find(name_or_folder: str | Path) -> Path:
    for folder in (shipped_folder() / name_or_folder, Path(name_or_folder)):
        if (folder / _SETTINGS).is_file():
            return folder
    raise PromptSetError(
        f"There is no judge's prompt set '{name_or_folder}': name '{DEFAULT_JUDGE_PROMPTS}', or a "
        f"folder that holds {_SETTINGS} and {_PAIR}."
    )
