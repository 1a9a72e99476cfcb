"""Text of the critique or the prompt in a revision, and placeholders that were never filled in."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from revloop.prompts.parsing import heading
from revloop.prompts.parsing.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    labels = revised.labels
    if labels is not None:
        headings = [heading(one) for one in (labels.score, labels.positive, labels.negative)]
        found = [one for one in headings if one.search(text) and not any(map(one.search, given))]
        if len(found) >= _FEWEST_HEADINGS:
            return "it contains a critique"
    spoken = [one for one in _sentences(critique) if _SPEAKS_OF_THE_RESPONSE.search(one)]
    if found_in := _first_copied(spoken, text, given):
        return f"it repeats a sentence of the critique: {quoted(found_in)}"
    return None


def critique_passages(revised: Revised) -> str | None:
    """Whole passages of the critique, in a good part of the revision."""
    words = _words(revised.text)
    runs = _runs(words, _PASSAGE_WORDS)
    copied = set(runs).intersection(_runs(_words(revised.critique.raw), _PASSAGE_WORDS))
    if not copied:
        return None
    for one in revised.given:
        copied.difference_update(_runs(_words(one), _PASSAGE_WORDS))
    places = [n for n, run in enumerate(runs) if run in copied]
    covered = len({n + more for n in places for more in range(_PASSAGE_WORDS)})
    if covered < max(_FEWEST_COPIED_WORDS, _COPIED_SHARE * len(words)):
        return None
    return f"{covered} of its {len(words)} words are the critique's"


def copied_prompt(revised: Revised) -> str | None:
    """A line of the templates, or several words of it."""
    for line in _held(revised.text, revised.template_lines):
        if not any(_held(one, [line]) for one in revised.given):
            return f"it repeats a line of the prompt: {quoted(line)}"
    asked = _template_runs(tuple(revised.template_lines))
    copied = [run for run in _runs(_words(revised.text), _TEMPLATE_WORDS) if run in asked]
    if copied:
        known = {run for one in revised.given for run in _runs(_words(one), _TEMPLATE_WORDS)}
        for run in copied:
            if run not in known:
                return f"it repeats words of the prompt: {quoted(' '.join(run))}"
    return None


def prompt_as_answer(revised: Revised) -> str | None:
    """The prompt in the place of its answer."""
    alone = _plain(revised.prompts[0]) if len(revised.prompts) == 1 else ""
    is_prompt = len(alone) >= _ANYWHERE_CHARACTERS and _plain(revised.text) == alone
    return "it repeats the prompt" if is_prompt and _plain(revised.before) != alone else None


def placeholder(revised: Revised) -> str | None:
    """A placeholder where text should be, unless the draft has one or asks for a form."""
    for pattern in (_REVISED_HERE, _REST_UNCHANGED, _FILL_IN):
        found = pattern.search(revised.text)
        if found is None or any(map(pattern.search, revised.given)):
            continue
        if pattern is _FILL_IN and any(map(_ASKS_FOR_A_FORM.search, revised.given)):
            continue
        return f"it contains a placeholder: {quoted(found[0])}"
    return None


def _held(text: str, lines: Iterable[str]) -> list[str]:
    """The given lines that a text contains: long ones anywhere, short ones as whole lines."""
    folded, own = text.casefold(), {one.strip() for one in text.splitlines()}

    def holds(line: str) -> bool:
        passage = line.strip(" \t()[]").casefold()
        return passage in folded if len(passage) >= _ANYWHERE_CHARACTERS else line.strip() in own

    return [line for line in lines if holds(line)]


def _sentences(text: str) -> list[str]:
    found = (one.strip(" \t*_#>-") for one in _SENTENCE_END.split(text))
    return [one for one in found if len(one) >= _SENTENCE_CHARACTERS]


def _first_copied(sentences: Iterable[str], text: str, given: Sequence[str]) -> str:
    """The first of some sentences that a text contains, and no text of the draft does."""
    written, known = _plain(text), [_plain(one) for one in given]
    for sentence in sentences:
        plain = _plain(sentence)
        if plain in written and not any(plain in one for one in known):
            return sentence
    return ""


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


@cache
def _template_runs(lines: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    """The runs of words of a prompt set's templates."""
    return frozenset(run for line in lines for run in _runs(_words(line), _TEMPLATE_WORDS))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _runs(words: list[str], length: int) -> list[tuple[str, ...]]:
    return [tuple(words[n : n + length]) for n in range(len(words) - length + 1)]
