"""Faults of a revision, by rules that share nothing with revloop's own guards.

Each rule compares a revision with the original response, its question, the critique it followed and
the texts of the prompt set. A text that the original or the question holds too is no fault.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FAULTS = (
    "preamble",
    "postamble",
    "critique_inside",
    "template_inside",
    "code_lost",
    "list_lost",
    "short",
    "repetition",
)
"""The names of the rules, in the order of the table."""

SHORT = 0.4
"""A revision below this share of the original's characters is short."""

_PREAMBLE = re.compile(
    r"""^\W*(?:
        (?:sure|certainly|of\ course|absolutely|okay|ok|great|thank\ you)\b[^\n]{0,80}[:!]
      | (?:here(?:.s|\ is|\ are)|below\ is|this\ is|the\ following\ is)\b[^\n]{0,60}
        \b(?:answer|response|text|version|revision|rewrit\w*|revised|improved|critique|feedback)\b
      | (?:my\ |an?\ |the\ )?(?:better|improved|revised|rewritten|final|new|updated|corrected)
        \s+(?:answer|response|text|version)\b
      | (?:i(?:.ve|\ have)|i)\s+(?:rewr|revis|improv|updat)
      | (?:answer|response|revision|rewritten|rewrite)\s*\**\s*:
      | (?:your|the\ original|this)\ (?:answer|response|text|code|draft)\ (?:is|could|can)\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_POSTAMBLE = re.compile(
    r"""(?:
        \b(?:i\ hope\ (?:this|that|it)\ (?:helps|clarifies|answers|version)|let\ me\ know
          |feel\ free\ to\ (?:ask|let|reach))
      | \b(?:this|the)\ (?:revised|rewritten|revision|(?:improved|updated|new|better)
          \ (?:answer|response|text|version))\b
      | \b(?:in\ this|with\ this)\ (?:revised|improved|rewritten|revision)
      | \bthis\ (?:answer|response|rewrite|rewording)\b
      | \b(?:changed|replaced|added|removed|using|used|rephrased)\ (?:the\ )?["“]
      | ^\W*(?:note|changes|changes\ made|explanation)\s*:
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_ABOUT_ANSWERS = re.compile(
    r"""(?:
        \b(?:the|this|your|original|previous|rewritten)\ (?:original\ |previous\ |rewritten\ )?
        (?:answer|response|draft|critique|feedback|reviewer|text)\ (?:also\ |now\ |will\ )?
        (?:could|should|lacks?|provides?|needs\ more|can\ be|mentions?|covers?|explains?|meets
          |highlights?|uses?|offers?|presents?|focus(?:es)?|takes\ into|delves|explores?
          |is\ (?:too|clear|more|incomplete|concise|well|correct|incorrect|limited|improved|best
            |tailored|formatted|the\ best|a\ (?:rewritten|revised|better)))\b
      | \b(?:accurate|better|detailed|improved|possible|precise|rewritten)\ (?:\w+\ )?
        (?:answer|response|feedback)\ (?:would|could|might)\b
      | \bcould\ be\ (?:improved|clearer|made\ more)\b
      | \b(?:rewritten|revised|improved)\ version\b
      | \b(?:this|your)\ (?:\w+\ )?(?:correction|change|rewording|edit|revision|rewrite)s?
        \ (?:aims?|improves?|makes?|maintains?|enhances?|were|was)\b
      | \bthe\ answer\ now\b
      | \bthe\ original\ (?:sentence|text|message|answer|response)\b
      | \boverall\ score\b | \bpositive\ aspects\b | \bnegative\ aspects\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_LIST_LINE = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s", re.MULTILINE)
_TAG = re.compile(r"</?[a-z]+_?[a-z]*>|\$\{\w+\}|<\|\w+\|>")
_CODE = re.compile(r"```.*?(?:```|\Z)|#include <\w+>|\b\w+<\w+>", re.DOTALL)
_FEWEST_LIST_LINES = 3
_TEMPLATE_WORDS = 7
_CRITIQUE_WORDS = 10
_COPIED_SHARE = 0.3
_REPEATED_WORDS = 8
_MOST_REPEATS = 3
_COMPRESSED = 0.22
_LONG_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Revised:
    """A revision and what it came from.

    Attributes:
        text: The revision.
        original: The original response.
        before: The version that was revised.
        question: The prompt that the response answers.
        critique: The critique that the revision followed.
        templates: The texts of the prompt set, without their placeholders.
    """

    text: str
    original: str
    before: str
    question: str
    critique: str
    templates: tuple[str, ...]


def faults(revised: Revised) -> set[str]:
    """The names of the faults of a revision."""
    text, original = revised.text, revised.original
    first, last = _first_line(text), _last_paragraph(text)
    known = f"{original}\n{revised.question}"
    found = {
        "preamble": _PREAMBLE.search(first) and not _PREAMBLE.search(_first_line(original)),
        "postamble": _POSTAMBLE.search(last) and not _POSTAMBLE.search(_last_paragraph(original)),
        "critique_inside": _holds_critique(revised, known),
        "template_inside": _holds_template(text, revised.templates, known),
        "code_lost": text.count("```") // 2 < original.count("```") // 2,
        "list_lost": _lists(original) >= _FEWEST_LIST_LINES
        and _lists(text) < min(_FEWEST_LIST_LINES, _lists(original)),
        "short": len(text.strip()) < SHORT * len(original.strip()),
        "repetition": _repeats(text) and not _repeats(original),
    }
    return {name for name, is_one in found.items() if is_one}


def _holds_critique(revised: Revised, known: str) -> bool:
    words = _words(revised.text)
    allowed = set(_runs(_words(known), _CRITIQUE_WORDS))
    allowed |= set(_runs(_words(revised.before), _CRITIQUE_WORDS))
    copied = set(_runs(_words(revised.critique), _CRITIQUE_WORDS)) - allowed
    covered: set[int] = set()
    for start, run in enumerate(_runs(words, _CRITIQUE_WORDS)):
        if run in copied:
            covered.update(range(start, start + _CRITIQUE_WORDS))
    if words and len(covered) >= _COPIED_SHARE * len(words):
        return True
    about = {found.group().lower() for found in _ABOUT_ANSWERS.finditer(revised.text)}
    return bool(about - {found.group().lower() for found in _ABOUT_ANSWERS.finditer(known)})


def _holds_template(text: str, templates: Iterable[str], known: str) -> bool:
    allowed = set(_runs(_words(known), _TEMPLATE_WORDS))
    own = set(_runs(_words(text), _TEMPLATE_WORDS)) - allowed
    if any(own & set(_runs(_words(template), _TEMPLATE_WORDS)) for template in templates):
        return True
    return bool(set(_TAG.findall(_CODE.sub("", text))) - set(_TAG.findall(known)))


def _repeats(text: str) -> bool:
    """Whether one run of words comes again and again, or the text packs suspiciously well."""
    counts: dict[tuple[str, ...], int] = {}
    for run in _runs(_words(text), _REPEATED_WORDS):
        counts[run] = counts.get(run, 0) + 1
    if max(counts.values(), default=0) > _MOST_REPEATS:
        return True
    data = text.encode()
    return len(data) >= _LONG_CHARACTERS and len(zlib.compress(data)) < _COMPRESSED * len(data)


def _lists(text: str) -> int:
    return len(_LIST_LINE.findall(text))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _runs(words: list[str], length: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + length]) for i in range(len(words) - length + 1)]


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")


def _last_paragraph(text: str) -> str:
    paragraphs = [part for part in re.split(r"\n\s*\n", text) if part.strip()]
    return paragraphs[-1] if paragraphs else ""
