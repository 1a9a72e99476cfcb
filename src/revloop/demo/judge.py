"""The exact judge: counts the faults of any text against the facts that its prompt states.

A good message is known to the letter: five lines, each in one of a few phrasings, with the facts
filled in. So each line of a text is laid against the phrasings (a word-level edit distance in which
a field matches any word), takes the role that fits it best, and what differs is counted. What fits
nothing, what is missing and what is said twice are faults as well, and a line never costs more than
its absence: a text cannot gain by dropping, inventing or repeating.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from revloop.demo.messages import Facts, phrasings
from revloop.demo.phrases import ROLES

Verdict = Literal["first", "second", "tie"]

_WORD = re.compile(r"\d{1,2}(?::\d\d)? [ap]m\b|\S+")
_KIND_OF_FIELD = {
    "name": "name",
    "colour": "thing",
    "thing": "thing",
    "day": "time",
    "time": "time",
}
_WORDS_A_FAULT = 8
_PARTS_OF_A_LINE = ("capital", "words", "stop")


@dataclass(frozen=True)
class Fault:
    """One fault of a text.

    Args:
        kind: one of `messages.FAULT_KINDS`, or `missing`, `invented`, `order`.
        role: the line it is about, or "" where it belongs to none.
        field: the fact it is about, `capital` or `stop`, or "".
        right: what should stand there, where that is known.
        found: what stands there.

    """

    kind: str
    role: str = ""
    field: str = ""
    right: str = ""
    found: str = ""


@dataclass(frozen=True)
class Word:
    """One word of a line, laid against its phrasing.

    Args:
        found: the word as it stands in the text; "" where one is missing.
        right: the word that should stand there; "" where none should.
        field: the fact that it states, or "" for a word of the phrasing itself.

    """

    found: str
    right: str
    field: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the word is as it should be."""
        return self.found == self.right


@dataclass(frozen=True)
class MessageLine:
    """One line of a text, and what it was taken for.

    Args:
        text: the line as it stands.
        role: one of `phrases.ROLES`, or "" for a line that fits no phrasing.
        words: its words, without the mark that ends it.
        ending: the mark that ends it, as found and as it should be.

    """

    text: str
    role: str
    words: tuple[Word, ...] = ()
    ending: Word = Word("", "")

    def faults(self) -> list[Fault]:
        """The faults inside the line."""
        found = [
            _fault_of_word(word, self.role, first=i == 0)
            for i, word in enumerate(self.words)
            if not word.is_right
        ]
        if not self.ending.is_right:
            found.append(
                Fault("mechanics", self.role, "stop", self.ending.right, self.ending.found)
            )
        return found


@dataclass(frozen=True)
class Judgement:
    """What the judge found in a text: its lines in order, and its faults."""

    lines: tuple[MessageLine, ...]
    faults: tuple[Fault, ...]

    @property
    def count(self) -> int:
        """How many faults the text has."""
        return len(self.faults)

    def by_kind(self) -> Counter[str]:
        """How many faults of each kind."""
        return Counter(fault.kind for fault in self.faults)


def judge(prompt: str, response: str) -> Judgement:
    """Counts the faults of a response.

    Args:
        prompt: a prompt of the demo domain; the facts are read from it.
        response: any text.

    Raises:
        ValueError: the prompt is not one of the demo domain's.

    """
    facts = Facts.from_prompt(prompt)
    lines = tuple(_read_line(facts, line.strip()) for line in response.split("\n") if line.strip())
    best = _best_of_each_role(lines)
    faults: list[Fault] = []
    for index, line in enumerate(lines):
        if not line.role:
            pieces = -(-len(line.text.split()) // _WORDS_A_FAULT)
            faults += [Fault("invented", found=line.text)] * pieces
        elif best[line.role] != index:
            faults.append(Fault("repeated", line.role, found=line.text))
        else:
            faults += line.faults()[: len(_missing(facts, line.role))]
    for role in ROLES:
        if role not in best:
            faults += _missing(facts, role)
    faults += [Fault("order")] * _out_of_order([lines[i].role for i in sorted(best.values())])
    return Judgement(lines, tuple(faults))


def compare(prompt: str, first: str, second: str) -> Verdict:
    """Which of two responses has fewer faults."""
    left, right = judge(prompt, first).count, judge(prompt, second).count
    if left == right:
        return "tie"
    return "first" if left < right else "second"


def _fault_of_word(word: Word, role: str, *, first: bool) -> Fault:
    if word.field:
        return Fault(_KIND_OF_FIELD[word.field], role, word.field, word.right, word.found)
    if first and word.found and word.found[0].upper() + word.found[1:] == word.right:
        return Fault("mechanics", role, "capital", word.right, word.found)
    return Fault("spelling", role, "", word.right, word.found)


def _missing(facts: Facts, role: str) -> list[Fault]:
    """What a missing line costs: its facts, and as much as can be wrong with a line."""
    if role == "closing":
        return [Fault("closing", role)]
    fields = re.findall(r"\{(\w+)\}", phrasings(facts)[ROLES.index(role)][0])
    return [Fault("missing", role, field) for field in (*_PARTS_OF_A_LINE, *fields)]


def best_lines(judgement: Judgement) -> dict[str, MessageLine]:
    """For each role that the text has, the line that stands for it."""
    return {
        role: judgement.lines[index] for role, index in _best_of_each_role(judgement.lines).items()
    }


def _best_of_each_role(lines: tuple[MessageLine, ...]) -> dict[str, int]:
    """For each role the line that stands for it: the one with the fewest faults."""
    best: dict[str, int] = {}
    for index, line in enumerate(lines):
        if line.role and (
            line.role not in best or len(line.faults()) < len(lines[best[line.role]].faults())
        ):
            best[line.role] = index
    return best


def _out_of_order(roles: list[str]) -> int:
    """How many lines must move for the roles to stand in order: all but the longest ordered run."""
    longest: list[int] = []
    places = [ROLES.index(role) for role in roles]
    for index, place in enumerate(places):
        longest.append(1 + max((longest[j] for j in range(index) if places[j] < place), default=0))
    return len(places) - max(longest, default=0)


def _split(line: str) -> tuple[list[str], str]:
    """The words of a line, a time of day counting as one, and the mark that ends it."""
    body = line.rstrip(".,!?;:")
    return _WORD.findall(body), line[len(body) :]


@lru_cache(maxsize=4096)
def _split_phrasing(phrasing: str) -> tuple[tuple[str, ...], str]:
    words, ending = _split(phrasing)
    return tuple(words), ending


def _read_line(facts: Facts, line: str) -> MessageLine:
    found, ending = _split(line)
    choices: list[tuple[int, int, MessageLine]] = []
    for place, options in enumerate(phrasings(facts)):
        for option in options:
            pattern, right_ending = _split_phrasing(option)
            words = _lay_against(facts, found, pattern)
            if _is_like(words):
                wrong = sum(not word.is_right for word in words)
                choices.append(
                    (
                        wrong,
                        place,
                        MessageLine(line, ROLES[place], words, Word(ending, right_ending)),
                    )
                )
    if not choices:
        return MessageLine(line, "")
    return min(choices, key=lambda choice: choice[:2])[2]


def _is_like(words: tuple[Word, ...]) -> bool:
    """Whether a line is near to a phrasing: half of its own words stand, and little else does."""
    own = [word for word in words if not word.field]
    standing = sum(word.found.lower() == word.right.lower() for word in own)
    return 2 * standing >= sum(bool(word.right) for word in own) and 3 * (
        len(own) - standing
    ) <= 2 * len(words)


def _costs(facts: Facts, found: list[str], pattern: tuple[str, ...]) -> list[list[float]]:
    """Edit distances of all beginnings; a field takes any word, a wrong one at a small price."""
    rows = [[float(j) for j in range(len(pattern) + 1)]]
    for i, word in enumerate(found, 1):
        row = [float(i)]
        for j, part in enumerate(pattern, 1):
            row.append(
                min(rows[-1][j - 1] + _price(facts, word, part), rows[-1][j] + 1, row[-1] + 1)
            )
        rows.append(row)
    return rows


def _price(facts: Facts, word: str, part: str) -> float:
    if part.startswith("{"):
        return 0 if word == getattr(facts, part[1:-1]) else 0.6
    return 0 if word == part else 0.9


def _lay_against(facts: Facts, found: list[str], pattern: tuple[str, ...]) -> tuple[Word, ...]:
    """The cheapest way to lay the words found against a phrasing."""
    costs = _costs(facts, found, pattern)
    i, j = len(found), len(pattern)
    words: list[Word] = []
    while i or j:
        part = pattern[j - 1] if j else ""
        field = part[1:-1] if part.startswith("{") else ""
        right = getattr(facts, field) if field else part
        if i and j and costs[i][j] == costs[i - 1][j - 1] + _price(facts, found[i - 1], part):
            words.append(Word(found[i - 1], right, field))
            i, j = i - 1, j - 1
        elif i and costs[i][j] == costs[i - 1][j] + 1:
            words.append(Word(found[i - 1], ""))
            i -= 1
        else:
            words.append(Word("", right, field))
            j -= 1
    return tuple(reversed(words))
