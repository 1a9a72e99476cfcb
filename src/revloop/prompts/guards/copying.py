"""Text of the critique or the prompt in a revision, and placeholders that were never filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple

from revloop.prompts.guards.splitting import SplitText, runs
from revloop.prompts.parsing import heading
from revloop.prompts.parsing.quoting import quoted

if TYPE_CHECKING:
    from revloop.prompts.guards.revised import Revised

_ANYWHERE_CHARACTERS = 20
"""A critique or a template line of at least this length is found anywhere in a text."""

_SENTENCE_CHARACTERS = 40
"""Shorter sentences of a critique may be a revision's own."""

_FEWEST_HEADINGS = 2
"""A single heading may belong to the revision."""

_PASSAGE_WORDS = 10
_FEWEST_COPIED_WORDS = 30
_COPIED_SHARE = 0.3
"""Share of a revision in passages of the critique: a critic may suggest a sentence or two."""

_TEMPLATE_WORDS = 7

_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+|\n+")
_SPEAKS_OF_THE_RESPONSE = re.compile(
    r"\b(?:the|this|your) (?:response|reply|revision)\b|"
    r"\bthe answer (?:could|should|would|lacks|fails|does not|doesn['\u2019]t|is too|is not|needs|"
    r"provides|gives|contains|also)\b",
    re.IGNORECASE,
)
_OPEN = r"[\[(<{]{1,2}"
_CLOSE = r"[\])>}]{1,2}"
_REVISED_HERE = re.compile(
    rf"{_OPEN} ?(?:the |your )?(?:complete |full |entire )?(?:revised|improved|rewritten|updated) "
    rf"(?:response|answer|version|text)[^\[\]()<>{{}}\n]{{0,60}}{_CLOSE}",
    re.IGNORECASE,
)
_REST_UNCHANGED = re.compile(
    rf"(?:{_OPEN}|^)(?:\.\.\.|…)? ?(?:the )?(?:rest|remainder) of "
    r"(?:the|your|this) (?:original |previous )?(?:response|answer|text|content|"
    r"code)[^\[\]()<>{}\n]{0,60}"
    r"\b(?:same|unchanged|here|as (?:before|is)|continues)\b",
    re.IGNORECASE | re.MULTILINE,
)
_FILL_IN = re.compile(
    r"\[(?:insert|add|your|enter|specify|fill in|please)\b[^\[\]\n]{1,80}\](?!\()|"
    r"\((?:insert|fill in) [^()\n]{1,60}\)|<insert [^<>\n]{1,60}>",
    re.IGNORECASE,
)
_PLACEHOLDERS = (
    (_REVISED_HERE, ("revised", "improved", "rewritten", "updated")),
    (_REST_UNCHANGED, ("rest of ", "remainder of ")),
    (_FILL_IN, ("[", "(insert ", "(fill in ", "<insert ")),
)
"""The patterns of placeholders, and texts of which each match has one."""

_ASKS_FOR_A_FORM = re.compile(
    r"\b(?:template|placeholder|letter|e-?mail|contract|resume|cv|invitation|script|speech|"
    r"press release|boilerplate|introduc\w+)\b",
    re.IGNORECASE,
)


def copied_critique(revised: Revised) -> str | None:
    """The critique, a sentence of it, or a critique of its own."""
    critique, text, given = revised.critique.raw.strip(), revised.text, revised.given
    repeats = len(critique) >= _ANYWHERE_CHARACTERS and critique in text
    if (repeats or critique == text.strip()) and not any(critique in one for one in given):
        return "it repeats the critique"
    if len(_own_headings(revised)) >= _FEWEST_HEADINGS:
        return "it contains a critique"
    if sentence := _copied_sentence(revised):
        return f"it repeats a sentence of the critique: {quoted(sentence)}"
    return None


def critique_passages(revised: Revised) -> str | None:
    """Whole passages of the critique, in a good part of the revision."""
    if not revised.split.shares_words(revised.split_critique):
        return None
    words = revised.split.words
    passages = list(runs(words, _PASSAGE_WORDS))
    copied = set(passages).intersection(runs(revised.split_critique.words, _PASSAGE_WORDS))
    if not copied:
        return None
    for one in revised.split_given:
        copied.difference_update(runs(one.words, _PASSAGE_WORDS))
    places = [n for n, passage in enumerate(passages) if passage in copied]
    covered = len({n + more for n in places for more in range(_PASSAGE_WORDS)})
    if covered < max(_FEWEST_COPIED_WORDS, _COPIED_SHARE * len(words)):
        return None
    return f"{covered} of its {len(words)} words are the critique's"


def copied_prompt(revised: Revised) -> str | None:
    """A line of the templates, or several words of it."""
    template = _template(tuple(revised.template_lines))
    for line in template.lines:
        if line.is_in(revised.split) and not any(map(line.is_in, revised.split_given)):
            return f"it repeats a line of the prompt: {quoted(line.text)}"
    if template.fours.isdisjoint(revised.split.fours):
        return None
    copied = [run for run in runs(revised.split.words, _TEMPLATE_WORDS) if run in template.runs]
    if copied:
        known = {run for one in revised.split_given for run in runs(one.words, _TEMPLATE_WORDS)}
        for run in copied:
            if run not in known:
                return f"it repeats words of the prompt: {quoted(' '.join(run))}"
    return None


def prompt_as_answer(revised: Revised) -> str | None:
    """The prompt in the place of its answer."""
    if len(revised.prompts) != 1:
        return None
    alone = _plain(revised.prompts[0])
    is_prompt = len(alone) >= _ANYWHERE_CHARACTERS and revised.split.plain == alone
    return "it repeats the prompt" if is_prompt and _plain(revised.before) != alone else None


def placeholder(revised: Revised) -> str | None:
    """A placeholder where text should be, unless the draft has one or asks for a form."""
    for pattern, marks in _PLACEHOLDERS:
        if not any(mark in revised.split.alike for mark in marks):
            continue
        found = pattern.search(revised.text)
        if found is None or any(map(pattern.search, revised.given)):
            continue
        if pattern is _FILL_IN and any(map(_ASKS_FOR_A_FORM.search, revised.given)):
            continue
        return f"it contains a placeholder: {quoted(found[0])}"
    return None


@dataclass(frozen=True)
class _TemplateLine:
    """A line of a template: a long one counts anywhere in a text, a short one as a whole line."""

    text: str

    @cached_property
    def _passage(self) -> str:
        return self.text.strip(" \t()[]").casefold()

    def is_in(self, split: SplitText) -> bool:
        """Whether a text contains the line."""
        if len(self._passage) >= _ANYWHERE_CHARACTERS:
            return self._passage in split.folded
        line = self.text.strip()
        return line in split.text and line in map(str.strip, split.text.splitlines())


class _Template(NamedTuple):
    """The lines of a prompt set's templates, the runs of words in each, and how these begin."""

    lines: tuple[_TemplateLine, ...]
    runs: frozenset[tuple[str, ...]]
    fours: frozenset[tuple[str, ...]]


@cache
def _template(lines: tuple[str, ...]) -> _Template:
    found = frozenset(run for one in lines for run in runs(SplitText(one).words, _TEMPLATE_WORDS))
    return _Template(tuple(map(_TemplateLine, lines)), found, frozenset(run[:4] for run in found))


def _own_headings(revised: Revised) -> list[re.Pattern[str]]:
    """The headings of critiques that a text has, and no text of the draft has."""
    labels = revised.labels
    if labels is None:
        return []
    named = _named(labels.score, labels.positive, labels.negative)
    found = [pattern for name, pattern in named if name in revised.split.alike]
    if len(found) < _FEWEST_HEADINGS:
        return []
    given = revised.given
    return [one for one in found if one.search(revised.text) and not any(map(one.search, given))]


@cache
def _named(*labels: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The text of each label that its heading contains, and the pattern of the heading."""
    return tuple((SplitText(one.removesuffix(":")).alike, heading(one)) for one in labels)


def _copied_sentence(revised: Revised) -> str:
    """The first sentence about the response that a text has, and no text of the draft has."""
    written = revised.split.plain
    for sentence in _sentences(revised.critique.raw.strip()):
        plain = _plain(sentence)
        if plain not in written or not _SPEAKS_OF_THE_RESPONSE.search(sentence):
            continue
        if not any(plain in one.plain for one in revised.split_given):
            return sentence
    return ""


def _sentences(text: str) -> list[str]:
    found = (one.strip(" \t*_#>-") for one in _SENTENCE_END.split(text))
    return [one for one in found if len(one) >= _SENTENCE_CHARACTERS]


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
