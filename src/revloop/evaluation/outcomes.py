"""Verdicts on each record and round, as numbers for the figures."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from revloop.evaluation.pairs import Against, pairs_of
from revloop.evaluation.samples import SampleKey
from revloop.trajectory import challenger_score

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from revloop.evaluation.pairs import Pair
    from revloop.evaluation.samples import DeclaredSample
    from revloop.evaluation.verdicts import Verdicts
    from revloop.trajectory import JudgeInfo, Trajectory, Verdict

_NO_SAMPLES: Mapping[SampleKey, DeclaredSample] = MappingProxyType({})


NO_VALUE = "(none)"
"""The group of the drafts without the field."""


class Outcome(NamedTuple):
    """One judge's verdicts on one record after one round.

    Attributes:
        record: Number of the trajectory, from 0.
        group: Value of the field that the figures are split by; empty without a split.
        against: What the round's text was compared with.
        round: The round, from 1.
        scores: With the earlier text first, then with the later one first: 1 for a verdict for the
            round's text, 0.5 for a tie, 0 against it; None if missing or unreadable. People judge
            one order only.
        unparseable: Number of unreadable verdicts.
        is_judged: Whether all expected verdicts were given, unreadable ones included.
        is_unchanged: Whether the two texts are the same: a tie that no judge is asked about.
        characters: Lengths of the earlier and the later text.
        is_sampled: Whether it belongs to the sample that was declared for people, if any.
    """

    record: int
    group: str
    against: Against
    round: int
    scores: tuple[float | None, float | None]
    unparseable: int
    is_judged: bool
    is_unchanged: bool
    characters: tuple[int, int]
    is_sampled: bool = True

    @property
    def readable(self) -> tuple[float, ...]:
        """The scores of all readable verdicts."""
        return tuple(score for score in self.scores if score is not None)

    @property
    def in_both_orders(self) -> tuple[float, float] | None:
        """The scores in both orders; None if one is missing."""
        one, other = self.scores
        return None if one is None or other is None else (one, other)


def outcomes(
    trajectories: Iterable[Trajectory],
    verdicts: Verdicts,
    judge: JudgeInfo,
    *,
    rounds: int,
    against: frozenset[Against],
    by: str | None = None,
    samples: Mapping[SampleKey, DeclaredSample] = _NO_SAMPLES,
) -> Iterator[Outcome]:
    """The outcomes of all records, from stored verdicts.

    Args:
        trajectories: In the order in which the records are numbered.
        verdicts: The stored verdicts.
        judge: Whose verdicts.
        rounds: Number of rounds.
        against: What each round is compared with.
        by: The field of the drafts to group by; None: no groups.
        samples: What people were asked about; used for them alone.
    """
    for record, trajectory in enumerate(trajectories):
        group = "" if by is None else group_of(trajectory, by)
        for pair in pairs_of(trajectory, rounds, against):
            outcome = _outcome(record, group, pair, verdicts, judge)
            sample = samples.get(SampleKey(pair.against, pair.round))
            if judge.kind == "people" and sample is not None:
                outcome = outcome._replace(is_sampled=sample.has(pair.question.digest))
            yield outcome


def group_of(trajectory: Trajectory, field: str) -> str:
    """The value of a draft's field as text; ``(none)`` without one."""
    value = trajectory.draft.extra.get(field)
    if value is None:
        return NO_VALUE
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def scores_of(
    earlier_first: Verdict | None, later_first: Verdict | None
) -> tuple[float | None, float | None]:
    """The later text's scores in two verdicts: shown second, then shown first."""
    return (
        None if earlier_first is None else challenger_score(earlier_first, challenger_first=False),
        None if later_first is None else challenger_score(later_first, challenger_first=True),
    )


def _outcome(record: int, group: str, pair: Pair, verdicts: Verdicts, judge: JudgeInfo) -> Outcome:
    scores: tuple[float | None, float | None]
    orders, unreadable = (1 if judge.kind == "people" else 2), 0
    if pair.is_unchanged:
        scores, given = (0.5, 0.5 if orders == 2 else None), orders
    else:
        found = [verdicts.get(judge, question) for question in pair.question.orders]
        given = sum(verdict is not None for verdict in found)
        unreadable = sum(v is not None and v.preference == "unparseable" for v in found)
        scores = scores_of(*found)
    return Outcome(
        record=record,
        group=group,
        against=pair.against,
        round=pair.round,
        scores=scores,
        unparseable=unreadable,
        is_judged=given >= orders,
        is_unchanged=pair.is_unchanged,
        characters=(len(pair.question.first), len(pair.question.second)),
    )
