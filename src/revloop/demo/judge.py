"""The exact judge: counts the faults of any text against the facts that its prompt states.

All good messages are known: five lines, each in one of a few phrasings, with the facts filled in.
The judge aligns each line of a text with the phrasings (by a word-level edit distance in which a
field matches any word), assigns it the best-matching role, and counts the differences. Unknown,
missing and repeated lines are faults too, and a line never costs more than its absence: dropping,
inventing or repeating lines cannot improve a text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from revloop.demo.messages import Facts, phrasings
from revloop.demo.phrases import ROLES

Verdict = Literal["first", "second", "tie"]

_WORD = re.compile(r"\d{1,2}(?::\d\d)? [ap]m\b|\S+")
KIND_OF_FIELD = {"name": "name", "colour": "thing", "thing": "thing", "day": "time", "time": "time"}
"""The kind of fault of a wrong fact."""

_WORDS_A_FAULT = 8
_PARTS_OF_A_LINE = ("capital", "words", "stop")


@dataclass(frozen=True)
class Fault:
    """One fault of a text.

    Args:
        kind: One of `messages.FAULT_KINDS`, or `missing`, `invented`, `order`.
        role: The role of its line, or "" if none.
        field: The fact it concerns, `capital` or `stop`, or "".
        right: The expected text, if known.
        found: The actual text.
    """

    kind: str
    role: str = ""
    field: str = ""
    right: str = ""
    found: str = ""


@dataclass(frozen=True)
class Word:
    """One word of a line, aligned with its phrasing.

    Args:
        found: The word in the text; "" if one is missing.
        right: The expected word; "" if none.
        field: The fact that it states, or "" for a word of the phrasing itself.
    """

    found: str
    right: str
    field: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the word is the expected one."""
        return self.found == self.right


@dataclass(frozen=True)
class MessageLine:
    """One line of a text, with its role.

    Args:
        text: The line itself.
        role: One of `phrases.ROLES`, or "" for a line that matches no phrasing.
        words: Its words, without the punctuation mark at its end.
        ending: The punctuation mark at its end, found and expected.
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
    """A judged text: its lines in order, and its faults."""

    lines: tuple[MessageLine, ...]
    faults: tuple[Fault, ...]

    @property
    def count(self) -> int:
        """The number of faults."""
        return len(self.faults)


def judge(prompt: str, response: str) -> Judgement:
    """Find the faults of a response.

    Args:
        prompt: A prompt of the demo's domain, which states the facts.
        response: Any text.

    Raises:
        ValueError: The prompt is not of the demo's domain.
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
        return Fault(KIND_OF_FIELD[word.field], role, word.field, word.right, word.found)
    if first and word.found and word.found[0].upper() + word.found[1:] == word.right:
        return Fault("mechanics", role, "capital", word.right, word.found)
    return Fault("spelling", role, "", word.right, word.found)


def _missing(facts: Facts, role: str) -> list[Fault]:
    """The faults of a missing line: its facts, and everything that can be wrong with a line."""
    if role == "closing":
        return [Fault("closing", role)]
    fields = re.findall(r"\{(\w+)\}", phrasings(facts)[ROLES.index(role)][0])
    return [Fault("missing", role, field) for field in (*_PARTS_OF_A_LINE, *fields)]


def best_lines(judgement: Judgement) -> dict[str, MessageLine]:
    """The best line for each role in the text."""
    return {
        role: judgement.lines[index] for role, index in _best_of_each_role(judgement.lines).items()
    }


def _best_of_each_role(lines: tuple[MessageLine, ...]) -> dict[str, int]:
    """For each role, the index of the line with the fewest faults."""
    best: dict[str, int] = {}
    for index, line in enumerate(lines):
        if line.role and (
            line.role not in best or len(line.faults()) < len(lines[best[line.role]].faults())
        ):
            best[line.role] = index
    return best


def _out_of_order(roles: list[str]) -> int:
    """The lines to move to put roles in order: all but the longest increasing subsequence."""
    longest: list[int] = []
    places = [ROLES.index(role) for role in roles]
    for index, place in enumerate(places):
        longest.append(1 + max((longest[j] for j in range(index) if places[j] < place), default=0))
    return len(places) - max(longest, default=0)


def _split(line: str) -> tuple[list[str], str]:
    """The words of a line (a time of day is one) and the punctuation mark at its end."""
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
            words = _align(facts, found, pattern)
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
    """Whether a line resembles a phrasing: half of its own words match, and few others occur."""
    own = [word for word in words if not word.field]
    matches = sum(word.found.lower() == word.right.lower() for word in own)
    is_half = 2 * matches >= sum(bool(word.right) for word in own)
    return is_half and 3 * (len(own) - matches) <= 2 * len(words)


def _costs(facts: Facts, found: list[str], pattern: tuple[str, ...]) -> list[list[float]]:
    """Edit distances of all prefixes; a wrong word in a field costs less than elsewhere."""
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


def _align(facts: Facts, found: list[str], pattern: tuple[str, ...]) -> tuple[Word, ...]:
    """The cheapest alignment of words with a phrasing."""
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
