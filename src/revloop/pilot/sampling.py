"""A sample of an input, stratified by a field and by length, in one pass and bounded memory."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

from revloop.evaluation.samples import proportional
from revloop.rows import Row
from revloop.values import json_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from revloop.rows import Rejected
    from revloop.trajectory import Draft

_MOST_VALUES = 50
"""Values of a field that are strata of their own; others are one together."""

Stratum = tuple[str, int]


class Sample(NamedTuple):
    """Some drafts of an input.

    Attributes:
        drafts: In input order.
        rows: Number of usable rows of the input.
        rejected: Number of the others.
    """

    drafts: list[Draft]
    rows: int
    rejected: int


def draw(
    rows: Iterable[Row | Rejected], size: int, *, by: str | None = None, seed: int = 0
) -> Sample:
    """Draw rows at random, from each stratum in proportion to its size.

    A stratum is a value of the field with lengths of the same order (between two powers of two).
    Each keeps at most ``size`` rows while the input is read (reservoir sampling, J. S. Vitter, ACM
    TOMS 11, 1985).

    Args:
        rows: The input's.
        size: How many to draw; all if there are fewer.
        by: A field of the rows.
        seed: Random seed.
    """
    random = Random(f"pilot {seed}")
    kept: dict[Stratum, list[Row]] = {}
    counts: dict[Stratum, int] = {}
    values: set[str] = set()
    rejected = 0
    for row in rows:
        if not isinstance(row, Row):
            rejected += 1
            continue
        stratum = _stratum(row, by, values)
        counts[stratum] = seen = counts.get(stratum, 0) + 1
        held = kept.setdefault(stratum, [])
        if len(held) < size:
            held.append(row)
        elif (place := random.randrange(seen)) < size:
            held[place] = row
    drawn = [
        row
        for stratum, number in proportional(counts, size).items()
        for row in random.sample(kept[stratum], number)
    ]
    drawn.sort(key=lambda row: row.number)
    drafts = [row.draft.model_copy(update={"extra": row.rest}) for row in drawn]
    return Sample(drafts, sum(counts.values()), rejected)


def _stratum(row: Row, by: str | None, values: set[str]) -> Stratum:
    value = None if by is None else row.rest.get(by)
    text = "" if value is None else json_text(value)
    if len(values) < _MOST_VALUES:
        values.add(text)
    return text if text in values else "(others)", len(row.draft.response).bit_length()
