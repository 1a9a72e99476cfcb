"""What a critic writes: reading the parts of a critique and the revision, and writing them.

Only generated text is ever read here, never the prompt, so headings that stand in a user's text
cannot be mistaken for the critic's own.
"""

from __future__ import annotations

import re
from decimal import Decimal

from pydantic import Field, model_validator

from revloop.trajectory import Critique, Frozen

_SCORE = re.compile(r"(?P<score>\d+(?:\.\d+)?)(?:\s*/\s*(?P<top>\d+(?:\.\d+)?))?\s*\.?")


class Labels(Frozen):
    """The headings under which a critique gives its parts, each at the start of a line."""

    score: str = Field(min_length=1)
    positive: str = Field(min_length=1)
    negative: str = Field(min_length=1)
    scale: tuple[float, float] = Field(description="Lowest and highest score.")
    required: bool = Field(
        description="Whether a critique without them is of no use. A critic fine-tuned on them "
        "always writes them; any other model may not."
    )

    @model_validator(mode="after")
    def _rising(self) -> Labels:
        if self.scale[0] >= self.scale[1]:
            raise ValueError("the scale's lowest score comes first")
        return self


class RevisionTags(Frozen):
    """What stands before and after a revision, for models that chat around it."""

    opening: str = Field(min_length=1)
    closing: str = Field(min_length=1)


def parse_critique(generated: str, labels: Labels | None) -> Critique | None:
    """Read a critique.

    Args:
        generated: The critic's text, to the letter.
        labels: Its headings, or None for a critique in free form.

    Returns:
        The critique with the parts that were found, or None where it is blank, or where parts are
        required and missing, out of order, or the score is not a number on the scale.
    """
    if not generated.strip():
        return None
    if labels is None:
        return Critique(raw=generated)
    parts = _parts(generated, labels)
    score = None if parts is None else _score(parts[0], labels.scale)
    if parts is not None and score is not None:
        _, positive, negative = (part.strip() for part in parts)
        return Critique(raw=generated, score=score, positive=positive, negative=negative)
    return None if labels.required else Critique(raw=generated)


def parse_revision(generated: str, tags: RevisionTags | None) -> str | None:
    """Read a revision.

    Args:
        generated: The critic's text, to the letter.
        tags: What encloses the revision, or None where the whole text is the revision. The last
            closing tag counts, so a revision may itself contain one.

    Returns:
        The revision without surrounding white space, or None where there is none.
    """
    text = generated
    if tags is not None:
        _, opened, rest = generated.partition(tags.opening)
        text, closed, _ = rest.rpartition(tags.closing)
        if not opened or not closed:
            return None
    return text.strip() or None


def write_critique(score: float, positive: str, negative: str, labels: Labels) -> str:
    """A critique under its headings, as :func:`parse_critique` reads it.

    Args:
        score: On the scale of the labels.
        positive: What is good; may be empty.
        negative: What could be better; may be empty.
        labels: The headings.
    """
    number = str(int(score)) if float(score).is_integer() else f"{Decimal(str(score)):f}"
    parts = ((labels.score, number), (labels.positive, positive), (labels.negative, negative))
    return "\n".join(f"{label} {text.strip()}".rstrip() for label, text in parts)


def write_revision(revision: str, tags: RevisionTags | None) -> str:
    """A revision as :func:`parse_revision` reads it."""
    text = revision.strip()
    return text if tags is None else f"{tags.opening}\n{text}\n{tags.closing}"


def _parts(generated: str, labels: Labels) -> tuple[str, str, str] | None:
    """The rest of the score's line, and what follows the other two headings.

    One heading is searched after the other: a single pattern for all three would take cubic time
    on a critic that repeats itself.
    """
    score = _heading(labels.score).search(generated)
    positive = score and _heading(labels.positive).search(generated, score.end())
    negative = positive and _heading(labels.negative).search(generated, positive.end())
    if not (score and positive and negative):
        return None
    line, _, _ = generated[score.end() :].partition("\n")
    return line, generated[positive.end() : negative.start()], generated[negative.end() :]


def _heading(label: str) -> re.Pattern[str]:
    # chat models like to set headings in bold, with or without the colon, or as Markdown headings
    stem, colon = (label[:-1], r"\**:") if label.endswith(":") else (label, "")
    return re.compile(rf"^[ \t#*]*{re.escape(stem)}{colon}\**", re.MULTILINE)


def _score(text: str, scale: tuple[float, float]) -> float | None:
    match = _SCORE.fullmatch(text.strip(" \t*"))
    if match is None or (match["top"] is not None and float(match["top"]) != scale[1]):
        return None
    score = float(match["score"])
    return score if scale[0] <= score <= scale[1] else None
