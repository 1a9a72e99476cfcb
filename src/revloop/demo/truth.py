"""Check each statement of a critique against the prompt and the response.

Any text can be checked. Its statements are the marks of the reading ("red (want green, fault 1)"),
the quoted lines, the score, each aspect called right and each fault listed. A statement is true if
the true critique of the same response makes it too; the numbering of faults does not matter.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from revloop.demo.critique import ASPECTS, TAGS, DemoCritique, score_of, write_critique
from revloop.demo.judge import KIND_OF_FIELD, judge
from revloop.demo.messages import Facts
from revloop.demo.phrases import FIELDS

LABELS = ("Overall score:", "Positive aspects:", "Negative aspects:")
KINDS = ("name", "thing", "time", "spelling", "closing", "repeated", "mechanics", "quote", "score")

_MARK = re.compile(
    r"(?P<found>\d{1,2}(?::\d\d)? [ap]m|[^\s()]*) ?"
    r"\((?P<claim>[^(),]*), (?P<verdict>right|fault)(?: \d+)?\)"
)
_NUMBERED = re.compile(r"(?:^|(?<=\. ))\d+\. ")
_KIND_OF_ASPECT = {
    **KIND_OF_FIELD,
    "spelling": "spelling",
    "capitals": "mechanics",
    "stops": "mechanics",
    "closing": "closing",
    "lines": "repeated",
    "missing": "closing",
}


def parse(critique: str) -> DemoCritique | None:
    """The parts of a critique, or None if a label is missing or out of order."""
    pattern = r"(.*?)^{}(.*?)^{}(.*?)^{}(.*)".format(*map(re.escape, LABELS))
    match = re.fullmatch(pattern, critique, re.DOTALL | re.MULTILINE)
    if match is None:
        return None
    reading, score, positive, negative = (part.strip() for part in match.groups())
    number = int(score) if re.fullmatch(r"\d{1,2}", score) else None
    return DemoCritique(reading, number if number in range(1, 11) else None, positive, negative)


@dataclass(frozen=True)
class Statement:
    """One statement of a critique.

    Args:
        kind: Its subject, one of `KINDS`.
        text: The statement, without the number of its fault.
        is_true: Whether it is true of the prompt and response.
    """

    kind: str
    text: str
    is_true: bool


def check(prompt: str, response: str, critique: str) -> list[Statement]:
    """The statements of a critique, checked.

    Raises:
        ValueError: The prompt is not of the demo's domain.
    """
    parsed = parse(critique)
    if parsed is None:
        return []
    facts = Facts.from_prompt(prompt)
    truth = write_critique(prompt, response)
    statements = _check_reading(facts, parsed.reading, truth.reading)
    right_score = score_of(judge(prompt, response).count)
    statements.append(Statement("score", f"score {parsed.score}", parsed.score == right_score))
    right = set(_aspects(truth.positive))
    statements += [
        Statement(_KIND_OF_ASPECT.get(a, "quote"), f"{a} is right", a in right)
        for a in _aspects(parsed.positive)
    ]
    true_faults = Counter(_sentences(truth.negative))
    for sentence in _sentences(parsed.negative):
        statements.append(
            Statement(_kind_of_sentence(sentence), sentence, true_faults[sentence] > 0)
        )
        true_faults[sentence] -= 1
    return statements


def _check_reading(facts: Facts, reading: str, truth: str) -> list[Statement]:
    statements: list[Statement] = []
    true_lines = _tagged(truth)
    for tag, line in _tagged(reading).items():
        true_line = true_lines.get(tag, "")
        quote = _without_marks(line)
        if quote:
            statements.append(Statement("quote", quote, quote == _without_marks(true_line)))
        true_marks = Counter(_marks(true_line))
        for mark in _marks(line):
            found, claim, verdict = mark
            text = f"{tag}: {found} ({claim}, {verdict})"
            statements.append(
                Statement(_kind_of_mark(facts, found, claim), text, true_marks[mark] > 0)
            )
            true_marks[mark] -= 1
    return statements


def _tagged(reading: str) -> dict[str, str]:
    """The lines of a reading by their tag."""
    tags = "|".join(TAGS.values())
    parts = re.split(rf"^({tags}):\n", reading, flags=re.MULTILINE)
    return {tag: line.strip() for tag, line in zip(parts[1::2], parts[2::2], strict=True)}


def _marks(line: str) -> list[tuple[str, str, str]]:
    return [
        (m["found"], m["claim"].removeprefix("want "), m["verdict"]) for m in _MARK.finditer(line)
    ]


def _without_marks(line: str) -> str:
    return re.sub(r" ?\([^()]*\)", "", line).strip()


def _aspects(positive: str) -> list[str]:
    body = positive.strip().removeprefix("Right are").strip(" .")
    return [] if body in ("", "None") else [aspect.strip() for aspect in body.split(",")]


def _sentences(negative: str) -> list[str]:
    if negative.strip() in ("", "None."):
        return []
    return [sentence.strip() for sentence in _NUMBERED.split(negative) if sentence.strip()]


def _kind_of_mark(facts: Facts, found: str, claim: str) -> str:
    if claim in ("once", "twice"):
        return "repeated"
    if claim == "missing":
        return "closing"
    if claim in ("stop", "comma") or (found != claim and found.lower() == claim.lower()):
        return "mechanics"
    for field in FIELDS:
        if claim == getattr(facts, field):
            return _KIND_OF_ASPECT[field]
    return "spelling"


def _kind_of_sentence(sentence: str) -> str:
    for aspect in ASPECTS[:5]:
        if sentence.startswith(f"The {aspect} should be"):
            return _KIND_OF_ASPECT[aspect]
    if "said twice" in sentence:
        return "repeated"
    if "is missing" in sentence:
        return "closing"
    return "mechanics" if "should begin" in sentence or "should end" in sentence else "spelling"
