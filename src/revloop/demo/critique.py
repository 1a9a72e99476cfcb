"""The true critique of a response, and its corrected text.

A critique goes through the response line by line. After each fact, misspelt word and wrong
beginning or end, it states in brackets what is expected and whether it is right; faults are
numbered in order. Then come the paper's three parts: the overall score, the positive aspects and
the negative aspects.
"""

from __future__ import annotations

from dataclasses import dataclass

from revloop.demo.judge import Fault, Judgement, MessageLine, Word, best_lines, judge
from revloop.demo.messages import Facts, phrasings
from revloop.demo.phrases import ROLES

TAGS = {"greeting": "Greeting", "one": "One", "two": "Two", "three": "Three", "closing": "Closing"}
BODY = ROLES[1:4]
ASPECTS = (
    "name",
    "colour",
    "thing",
    "day",
    "time",
    "spelling",
    "capitals",
    "stops",
    "closing",
    "lines",
)
SCORES = (10, 8, 6, 5, 4, 3, 2, 1)


@dataclass(frozen=True)
class DemoCritique:
    """The parts of a critique.

    Args:
        reading: The response line by line, with a mark in brackets at each check.
        score: 1 to 10, 10 for no faults; None if a critic gave no such number.
        positive: What is right, as one sentence.
        negative: What is wrong, as numbered sentences.
    """

    reading: str
    score: int | None
    positive: str
    negative: str

    def text(self) -> str:
        """The critique in the critic's format."""
        return (
            f"{self.reading}\nOverall score: {self.score}\n"
            f"Positive aspects: {self.positive}\nNegative aspects: {self.negative}"
        )


def score_of(faults: int) -> int:
    """The overall score of a response, by its number of faults."""
    return SCORES[min(faults, len(SCORES) - 1)]


class _Reader:
    """Writes the reading and collects the faults in order."""

    def __init__(self, judgement: Judgement) -> None:
        self.lines = judgement.lines
        self.met: list[Fault] = []
        self.best = best_lines(judgement)

    def reading(self) -> str:
        return "\n".join(f"{TAGS[role]}:\n{self._line(role)}" for role in ROLES)

    def _fault(self, fault: Fault) -> str:
        self.met.append(fault)
        return f"fault {len(self.met)}"

    def _line(self, role: str) -> str:
        line = self.best.get(role)
        if line is None:
            kind = "closing" if role == "closing" else "missing"
            return f"(missing, {self._fault(Fault(kind, role))})"
        faults = {id(word): fault for word, fault in zip(_wrong(line), line.faults(), strict=False)}
        words = [self._word(word, faults.get(id(word))) for word in line.words]
        ending = line.ending.found
        if not line.ending.is_right:
            ending += (
                f" (want {name_of_ending(line.ending.right)}, {self._fault(line.faults()[-1])})"
            )
        text = " ".join(words) + ending
        if role not in BODY:
            return text
        if any(other.role == role and other is not line for other in self.lines):
            return f"{text} (twice, {self._fault(Fault('repeated', role, found=line.text))})"
        return f"{text} (once, right)"

    def _word(self, word: Word, fault: Fault | None) -> str:
        if fault is not None:
            wanted = f"want {word.right}" if word.right else "too much"
            return f"{word.found} ({wanted}, {self._fault(fault)})".strip()
        return f"{word.found} (want {word.right}, right)" if word.field else word.found


def _wrong(line: MessageLine) -> list[Word]:
    return [word for word in line.words if not word.is_right]


def name_of_ending(mark: str) -> str:
    """The name of a punctuation mark at the end of a line."""
    return "comma" if mark == "," else "stop"


def sentence_of(fault: Fault) -> str:
    """The sentence for a fault in the negative aspects."""
    where = f"The {fault.role}" if fault.role in ("greeting", "closing") else f"Line {fault.role}"
    if fault.kind == "repeated":
        return f"{where} is said twice."
    if fault.kind in ("closing", "missing"):
        return f"{where} is missing."
    if fault.field == "capital":
        return f"{where} should begin with {fault.right}, not {fault.found}."
    if fault.field == "stop":
        return f"{where} should end with a {name_of_ending(fault.right)}."
    if fault.kind == "spelling":
        return f"The word {fault.found} should be {fault.right}."
    return f"The {fault.field} should be {fault.right}, not {fault.found}."


def aspect_of(fault: Fault) -> str:
    """The aspect of a message that a fault affects."""
    if fault.kind == "repeated":
        return "lines"
    return {"capital": "capitals", "stop": "stops"}.get(fault.field) or fault.field or fault.kind


def correct(prompt: str, response: str) -> str:
    """The response without its faults, in its own phrasing where that can be recognised.

    Raises:
        ValueError: The prompt is not of the demo's domain.
    """
    facts = Facts.from_prompt(prompt)
    best = best_lines(judge(prompt, response))
    lines: list[str] = []
    for role, options in zip(ROLES, phrasings(facts), strict=True):
        line = best.get(role)
        if line is None:
            lines.append(facts.fill(options[0]))
        else:
            lines.append(
                " ".join(word.right for word in line.words if word.right) + line.ending.right
            )
    return "\n".join(lines)


def write_critique(prompt: str, response: str) -> DemoCritique:
    """The true critique of a response.

    Args:
        prompt: A prompt of the demo's domain.
        response: Any text; lines that match no phrasing only lower the score.

    Raises:
        ValueError: The prompt is not of the demo's domain.
    """
    judgement = judge(prompt, response)
    reader = _Reader(judgement)
    reading = reader.reading()
    affected = {aspect_of(fault) for fault in reader.met}
    good = [aspect for aspect in ASPECTS if aspect not in affected]
    return DemoCritique(
        reading=reading,
        score=score_of(judgement.count),
        positive=f"Right are {', '.join(good)}." if good else "None.",
        negative=" ".join(f"{i}. {sentence_of(fault)}" for i, fault in enumerate(reader.met, 1))
        or "None.",
    )
