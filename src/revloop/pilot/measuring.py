"""What each round did to the drafts of a pilot, and what it took."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from revloop.evaluation import ORIGINAL, Agreement, Outcome, Verdicts, outcomes
from revloop.evaluation.agreement import agreement
from revloop.store import Store
from revloop.trajectory import spent_on_steps, summed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from revloop.options import Prices
    from revloop.trajectory import JudgeInfo, Spending, Trajectory, Version


class Outlay(NamedTuple):
    """What revising a draft takes.

    Attributes:
        tokens: Of all models, judges within the rounds included.
        seconds: From sending the requests of critic and editor to their replies.
        cost: In the currency of the prices; None without prices.
    """

    tokens: int = 0
    seconds: float = 0.0
    cost: float | None = None

    def plus(self, other: Outlay) -> Outlay:
        """Both together."""
        cost = None if other.cost is None else (self.cost or 0.0) + other.cost
        return Outlay(self.tokens + other.tokens, self.seconds + other.seconds, cost)


class PilotRecord(NamedTuple):
    """A draft of the pilot after each of its rounds.

    Attributes:
        name: The draft's id.
        score: The first critique's; None: it has none.
        value: Of the field that the pilot splits by.
        outcomes: Of the rounds from 1 on, against the original; by the majority of several judges.
        taken: Up to each round, from round 0 on.
        critique: By the first critique alone.
    """

    name: str
    score: float | None
    value: str
    outcomes: tuple[Outcome, ...]
    taken: tuple[Outlay, ...]
    critique: Outlay

    def gain(self, round_: int) -> int:
        """1: fixed, the judge prefers the round's text in both orders; -1: broken; 0: neither."""
        return _gain(self.outcomes[round_ - 1]) if round_ else 0

    def outcome(self, round_: int) -> Outcome:
        """The outcome of a round; round 0 is the original itself."""
        if round_:
            return self.outcomes[round_ - 1]
        return self.outcomes[0]._replace(scores=(0.5, 0.5), unparseable=0, is_unchanged=True)


class Planned(NamedTuple):
    """A record, and what it gets.

    Attributes:
        record: The record.
        rounds: How many rounds.
        is_critiqued: Whether it gets its first critique at least.
    """

    record: PilotRecord
    rounds: int
    is_critiqued: bool = True

    @property
    def outlay(self) -> Outlay:
        """What it takes."""
        if self.rounds:
            return self.record.taken[self.rounds]
        return self.record.critique if self.is_critiqued else self.record.taken[0]


class PilotRecords(NamedTuple):
    """The records of a pilot.

    Attributes:
        records: Those with all rounds.
        failed: Number of trajectories without some round.
        unreadable: Number of those with all rounds, of which a verdict cannot be read.
        agreement: How far several judges agree; None with one.
    """

    records: list[PilotRecord]
    failed: int
    unreadable: int
    agreement: Agreement | None

    @property
    def says_nothing(self) -> bool:
        """Whether no changed draft has verdicts, though there are some."""
        changed = (not one.is_unchanged for each in self.records for one in each.outcomes)
        return bool(self.unreadable) and not any(changed)


def records_of(
    store: Path,
    judges: Sequence[JudgeInfo],
    rounds: int,
    by: str | None,
    prices: Prices | None = None,
) -> PilotRecords:
    """Read the records of a judged store.

    Raises:
        StoreError: The store cannot be read.
        InputError: A model has no price.
    """
    how = {"rounds": rounds, "against": ORIGINAL, "by": by}
    with Store.open_to_read(store) as opened, Verdicts.open_to_read(store) as verdicts:
        trajectories = list(opened.contents())
        said = [list(outcomes(trajectories, verdicts, one, **how)) for one in judges]  # type: ignore[arg-type]
    found: list[list[Outcome]] = [[] for _ in trajectories]
    for votes in zip(*said, strict=True):
        found[votes[0].record].append(majority(votes))
    whole = [one for one in zip(trajectories, found, strict=True) if len(one[1]) == rounds]
    records = [
        _record(trajectory, made, prices)
        for trajectory, made in whole
        if all(one.readable for one in made)
    ]
    named = [(judge.name, one) for judge, one in zip(judges, said, strict=True)]
    agreed = agreement(named) if len(judges) > 1 else None
    failed, unreadable = len(trajectories) - len(whole), len(whole) - len(records)
    return PilotRecords(records, failed, unreadable, agreed)


def _gain(outcome: Outcome) -> int:
    return {(1.0, 1.0): 1, (0.0, 0.0): -1}.get(outcome.in_both_orders or (0.5, 0.5), 0)


def majority(votes: Sequence[Outcome]) -> Outcome:
    """What most of all judges say, each in both orders; a tie if neither side has most."""
    if len(votes) == 1 or not any(one.readable for one in votes):
        return votes[0]
    gains = [_gain(one) for one in votes]
    wins, losses = (2 * gains.count(sign) > len(gains) for sign in (1, -1))
    score = 0.5 + (wins - losses) / 2
    return votes[0]._replace(scores=(score, score))


def _record(trajectory: Trajectory, made: Sequence[Outcome], prices: Prices | None) -> PilotRecord:
    rounds, nothing = len(made), Outlay(cost=None if prices is None else 0.0)
    versions = trajectory.versions[: rounds + 1]
    parts = [_outlay(v.spending, v.latency_s, prices) for v in versions]
    taken = [nothing, *accumulate(parts[1:], Outlay.plus)]
    return PilotRecord(
        name=trajectory.draft.name,
        score=trajectory.score_of(0),
        value=made[0].group,
        outcomes=tuple(made),
        taken=(*taken, *[taken[-1]] * (rounds + 1 - len(taken))),
        critique=_first_critique(versions[1], prices) if len(versions) > 1 else nothing,
    )


def _first_critique(version: Version, prices: Prices | None) -> Outlay:
    steps = [step for step in version.steps if step.kind in {"critique", "both"}]
    critic = None if version.engine is None else version.engine.model
    spent = summed(spent_on_steps(steps, critic, None))
    return _outlay(spent, sum(step.latency_s for step in steps), prices)


def _outlay(spent: Spending, seconds: float, prices: Prices | None) -> Outlay:
    return Outlay(spent.tokens, seconds, None if prices is None else prices.cost_of(spent))
