"""Critiques: free text, or a score, positive aspects and negative aspects under headings."""

from __future__ import annotations

import re
from decimal import Decimal

from pydantic import Field, model_validator

from revloop.prompts.parsing.thoughts import BLANK, UnusableError
from revloop.trajectory import Critique
from revloop.values import Frozen

_SCORE = re.compile(
    r"""[\s*_`"'(\[~]*+ (?P<score>\d+(?:\.\d+)?+) [\s*_`]*+
    (?: (?:/|\(?out\s++of|of) [\s*_`]*+ (?P<top>\d+(?:\.\d+)?+) [\s*_`]*+ )?
    (?: (?:points?|stars?)\b [\s*_`]*+ )?
    ["')\]*_\s]*+
    (?P<remark> (?:[.,;:!(\[–—]|-(?=\s)) (?!\s*+\d) .* )?""",  # noqa: RUF001 - dashes as people write them
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
"""A number, the top of its scale, and a remark that does not begin with another number."""

_UNREAD_CHARACTERS = 80


class Labels(Frozen):
    """The headings of a critique's parts, each at the start of a line."""

    score: str = Field(min_length=1)
    positive: str = Field(min_length=1)
    negative: str = Field(min_length=1)
    scale: tuple[float, float] = Field(description="Lowest and highest score.")
    required: bool = Field(
        description="Whether a critique without them is refused. A critic fine-tuned on them "
        "always writes them; other models may not."
    )

    @model_validator(mode="after")
    def _rising(self) -> Labels:
        if self.scale[0] >= self.scale[1]:
            raise ValueError("the scale's lowest score must come first")
        return self


def parse_critique(text: str, labels: Labels | None) -> Critique:
    """Read a critique.

    Args:
        text: The critic's exact text, without its thoughts.
        labels: The headings, or None for free text.

    Returns:
        The critique with the parts that were found. If parts are optional, an unreadable score is
        kept in ``unread_score``.

    Raises:
        UnusableError: The text is blank, or required parts are missing or out of order, or the
            score is not a number on the scale.
    """
    if not text.strip():
        raise UnusableError(BLANK)
    if labels is None:
        return Critique(raw=text)
    headed = _score_heading(text, labels)
    if headed is None:
        if labels.required:
            raise UnusableError(f"there is no '{labels.score}'")
        return Critique(raw=text)
    said, below = _said_under(headed, text)
    score = score_in(said or below, labels.scale, alone=not said)
    aspects = _aspects(text, headed.end(), labels)
    if labels.required and score is None:
        lowest, highest = labels.scale
        unread = said[:_UNREAD_CHARACTERS]
        raise UnusableError(f"'{unread}' is not a score from {lowest:g} to {highest:g}")
    if labels.required and aspects is None:
        parts = f"'{labels.positive}' and '{labels.negative}'"
        raise UnusableError(f"{parts} do not follow '{labels.score}'")
    positive, negative = aspects or (None, None)
    return Critique(
        raw=text,
        score=score,
        positive=positive,
        negative=negative,
        unread_score=said[:_UNREAD_CHARACTERS] if score is None else None,
    )


def write_critique(score: float, positive: str, negative: str, labels: Labels) -> str:
    """A critique under its headings, as :func:`parse_critique` reads it.

    Args:
        score: A score on the scale of the labels.
        positive: The positive aspects; may be empty.
        negative: The negative aspects; may be empty.
        labels: The headings.
    """
    number = str(int(score)) if float(score).is_integer() else f"{Decimal(str(score)):f}"
    parts = ((labels.score, number), (labels.positive, positive), (labels.negative, negative))
    return "\n".join(f"{label} {text.strip()}".rstrip() for label, text in parts)


def heading(label: str, *, exact: bool = False) -> re.Pattern[str]:
    """A pattern for a heading as models write it: in bold, as a Markdown heading or a list item.

    Args:
        label: The heading. Its colon may be missing at the end of a line.
        exact: Whether the match is case-sensitive.
    """
    stem, colon = label.removesuffix(":"), r"[*_]*[ \t]*(?::[*_]*|(?=\r?$))"
    after = colon if label.endswith(":") else r"[*_]*"
    before = r"^[ \t#*_>-]*(?:\d+[.)][ \t]*[*_]*)?"
    flags = re.MULTILINE if exact else re.MULTILINE | re.IGNORECASE
    return re.compile(before + re.escape(stem) + after, flags)


def score_in(said: str, scale: tuple[float, float], *, alone: bool = False) -> float | None:
    """The score in a line; with ``alone`` no remark may follow it, as in "1. Be brief"."""
    match = _SCORE.fullmatch(said)
    if match is None or (alone and match["remark"]):
        return None
    if match["top"] is not None and float(match["top"]) != scale[1]:
        return None
    score = float(match["score"])
    return score if scale[0] <= score <= scale[1] else None


def _score_heading(text: str, labels: Labels) -> re.Match[str] | None:
    found = heading(labels.score, exact=labels.required).search(text)
    last_word = labels.score.split()[-1]
    if found is None and not labels.required and last_word != labels.score:
        return heading(last_word).search(text)  # "Score:" for "Overall score:"
    return found


def _said_under(headed: re.Match[str], text: str) -> tuple[str, str]:
    """The rest of the heading's line, and the next non-blank line."""
    line, _, rest = text[headed.end() :].partition("\n")
    below = rest.lstrip().partition("\n")[0]
    return line.strip(" \t\r*_"), below.strip()


def _aspects(text: str, start: int, labels: Labels) -> tuple[str, str] | None:
    """The texts under the headings of the two aspects.

    One search per heading: a single pattern for both takes quadratic time on repetitive text.
    """
    exact = labels.required
    positive = heading(labels.positive, exact=exact).search(text, start)
    negative = positive and heading(labels.negative, exact=exact).search(text, positive.end())
    if not (positive and negative):
        return None
    return text[positive.end() : negative.start()].strip(), text[negative.end() :].strip()
