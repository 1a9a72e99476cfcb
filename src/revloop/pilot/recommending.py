"""From the records of a pilot to a policy, and to one sentence about it."""

from __future__ import annotations

from itertools import groupby, pairwise
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from revloop.evaluation.figures import sign_test
from revloop.evaluation.outcomes import NO_VALUE
from revloop.options import Policy, ScoreBand
from revloop.pilot.effects import Effect, effect_of
from revloop.pilot.measuring import Planned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from revloop.pilot.measuring import PilotRecord

FEWEST_RECORDS = 20
"""Fewer say too little to be a band of their own."""

_MOST_BANDS = 5
_SIGNIFICANCE = 0.05


class Part(NamedTuple):
    """Some records of a pilot, and the rounds that they are worth.

    Attributes:
        name: For people, such as "score to 6".
        score_at_most: Upper end of a band of scores; None: no band.
        effects: Of each number of rounds, from 1 on.
        rounds: How many they are worth.
        is_too_harmful: Whether they get none for the harm of all drafts.
    """

    name: str
    score_at_most: float | None
    effects: tuple[Effect, ...]
    rounds: int
    is_too_harmful: bool = False

    @property
    def effect(self) -> Effect:
        """Of the rounds that they are worth; of the first round if that is none."""
        return self.effects[max(self.rounds, 1) - 1]

    @property
    def is_undecided(self) -> bool:
        """Whether a larger sample could find that a round pays."""
        return not self.rounds and self.effect.break_even == "too few to tell"


class Recommendation(NamedTuple):
    """What a pilot recommends.

    Attributes:
        policy: The policy.
        by_score: The bands of scores, from the lowest on, then the records without a score.
        by_value: The values of the field; empty without one.
        by_round: What each number of rounds does to all records, from 1 on.
        expected: What the policy does to the pilot's own records.
    """

    policy: Policy
    by_score: tuple[Part, ...]
    by_value: tuple[Part, ...]
    by_round: tuple[Effect, ...]
    expected: Effect

    @property
    def all_rounds(self) -> Effect:
        """What all rounds for all do."""
        return self.by_round[-1]


def recommend(
    records: Sequence[PilotRecord],
    rounds: int,
    field: str | None = None,
    max_harm: float | None = None,
) -> Recommendation:
    """The rounds that each band of scores, and each value of the field, is worth.

    A part is worth the fewest rounds that fix more than they break (with 95% confidence for all
    bands, or all values, together) and that no later round beats (sign test at 5%); none if no
    number of rounds does.

    Args:
        records: At least one.
        rounds: How many each has.
        field: By which they are split; None: by none.
        max_harm: Share of all records that may be broken, with 95% confidence; where more may be,
            the part of which most are broken gets none, then the next one.
    """
    bands = list(_bands(records))
    by_score = tuple(_part(name, top, found, rounds, len(bands)) for name, top, found in bands)
    by_value = () if field is None else tuple(_by_value(records, rounds))
    while True:
        policy = _policy(by_score, field, by_value)
        expected = effect_of([planned(one, policy, rounds) for one in records])
        if max_harm is None or expected.broken_interval.high <= max_harm or not policy.most_rounds:
            break
        by_score = _without_the_worst(by_score)
    all_to = (effect_of([Planned(one, n) for one in records]) for n in range(1, rounds + 1))
    return Recommendation(policy, by_score, by_value, tuple(all_to), expected)


def _without_the_worst(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts, of which the one with the largest share of broken records gets no rounds."""
    worst = max(
        (number for number, part in enumerate(parts) if part.rounds),
        key=lambda number: (parts[number].effect.broken_share, -parts[number].effect.fixed_share),
    )
    left = parts[worst]._replace(rounds=0, is_too_harmful=True)
    return (*parts[:worst], left, *parts[worst + 1 :])


def planned(record: PilotRecord, policy: Policy, rounds: int) -> Planned:
    """What a policy gives a record, of at most so many rounds."""
    fields = {} if policy.field is None else {policy.field: record.value}
    by_field = policy.by_field(fields)
    number = policy.by_score(record.score) if by_field is None else by_field
    return Planned(record, min(rounds, number), is_critiqued=by_field is None)


def _part(
    name: str, top: float | None, records: Sequence[PilotRecord], rounds: int, parts: int
) -> Part:
    numbers = range(1, rounds + 1)
    effects = {n: effect_of([Planned(one, n) for one in records], parts) for n in numbers}
    paying = (n for n in numbers if effects[n].break_even == "met")
    best = next((n for n in paying if not _is_beaten(records, n, rounds)), 0)
    return Part(name, top, tuple(effects.values()), best)


def _is_beaten(records: Sequence[PilotRecord], round_: int, rounds: int) -> bool:
    """Whether a later round wins more often than this one."""
    mine = _scores(records, round_)
    for later in range(round_ + 1, rounds + 1):
        theirs = _scores(records, later)
        p_value = sign_test(mine, theirs)
        is_higher = fmean(theirs.values()) > fmean(mine.values())
        if p_value is not None and p_value < _SIGNIFICANCE and is_higher:
            return True
    return False


def _scores(records: Sequence[PilotRecord], round_: int) -> dict[int, float]:
    return {n: fmean(one.outcome(round_).readable) for n, one in enumerate(records)}


def _bands(
    records: Sequence[PilotRecord],
) -> Iterator[tuple[str, float | None, Sequence[PilotRecord]]]:
    """Bands of the first score with enough records each, then the records without a score."""
    scored = sorted((one for one in records if one.score is not None), key=_score)
    fewest = max(FEWEST_RECORDS, len(scored) / _MOST_BANDS)
    bands: list[list[PilotRecord]] = []
    for _, same in groupby(scored, key=_score):
        found = list(same)
        is_full = bool(bands) and len(bands[-1]) >= (
            fewest if len(found) < fewest else FEWEST_RECORDS / 2
        )
        if not bands or is_full:
            bands.append([])
        bands[-1] += found
    if len(bands) > 1 and len(bands[-1]) < FEWEST_RECORDS / 2:
        last = bands.pop()
        bands[-1] += last
    for number, band in enumerate(bands):
        top = _score(band[-1])
        is_last = number == len(bands) - 1
        name = f"above {_score(bands[number - 1][-1]):g}" if number and is_last else f"to {top:g}"
        yield f"score {name}" if len(bands) > 1 else "any score", top, band
    if unscored := [one for one in records if one.score is None]:
        yield "no score", None, unscored


def _score(record: PilotRecord) -> float:
    return record.score or 0.0


def _by_value(records: Sequence[PilotRecord], rounds: int) -> Iterator[Part]:
    ordered = sorted(records, key=lambda one: one.value)
    grouped = [(value, list(same)) for value, same in groupby(ordered, key=lambda one: one.value)]
    large = [one for one in grouped if one[0] != NO_VALUE and len(one[1]) >= FEWEST_RECORDS]
    for value, found in large:
        yield _part(value, None, found, rounds, len(large))


def _policy(by_score: Sequence[Part], field: str | None, by_value: Sequence[Part]) -> Policy:
    """The policy. A value of the field decides only where it gives no round.

    Then it saves the first critique; where a value gains, its drafts' scores say which of them do.
    """
    bands = [part for part in by_score if part.score_at_most is not None]
    unscored = [part.rounds for part in by_score if part.score_at_most is None]
    kept = [
        ScoreBand(score_at_most=part.score_at_most or 0.0, rounds=part.rounds)
        for part, following in pairwise(bands)
        if part.rounds != following.rounds
    ]
    values = {part.name: 0 for part in by_value if not (part.rounds or part.is_undecided)}
    above = bands[-1].rounds if bands else unscored[0]
    return Policy(
        rounds=above,
        unscored=unscored[0] if unscored and unscored[0] != above else None,
        bands=tuple(kept),
        field=field if values else None,
        values=values,
    )
