"""Recorded drafts of a pilot as a table, from which pilots can be drawn without a model."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from revloop.evaluation import Outcome
from revloop.pilot import Outlay, PilotRecord

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

COLUMNS = ("draft", "strength", "score", "rounds", "tokens", "critique_tokens")
_SIGNS = {(1.0, 1.0): "+", (0.0, 0.0): "-", (0.5, 0.5): "="}
_SCORES = {sign: scores for scores, sign in _SIGNS.items()}


def write_records(path: Path, records: Sequence[PilotRecord]) -> None:
    """Write a line for each record.

    ``rounds`` has a sign for each: ``+``: the judge prefers the round's text to the draft, ``-``:
    the draft, ``=``: neither, both orders alike. ``tokens`` are those up to each round.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for one in records:
            signs = "".join(_SIGNS[outcome.scores] for outcome in one.outcomes)  # type: ignore[index]
            tokens = " ".join(str(taken.tokens) for taken in one.taken)
            rows.writerow([one.name, one.value, one.score, signs, tokens, one.critique.tokens])


def read_records(path: Path) -> list[PilotRecord]:
    """The records that :func:`write_records` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            PilotRecord(
                name=row["draft"],
                score=float(row["score"]) if row["score"] else None,
                value=row["strength"],
                outcomes=tuple(
                    _outcome(number, row["strength"], round_, sign)
                    for round_, sign in enumerate(row["rounds"], start=1)
                ),
                taken=tuple(Outlay(int(tokens)) for tokens in row["tokens"].split()),
                critique=Outlay(int(row["critique_tokens"])),
            )
            for number, row in enumerate(csv.DictReader(file))
        ]


def _outcome(number: int, strength: str, round_: int, sign: str) -> Outcome:
    return Outcome(
        record=number,
        group=strength,
        against="original",
        round=round_,
        scores=_SCORES[sign],
        unparseable=0,
        is_judged=True,
        is_unchanged=False,
        characters=(0, 0),
    )
