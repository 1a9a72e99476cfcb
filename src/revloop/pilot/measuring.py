"""What each round did to the drafts of a pilot, and whether it pays."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, Literal, NamedTuple

from revloop.evaluation import ORIGINAL, Outcome, Verdicts, outcomes
from revloop.evaluation.figures import Interval, wilson_interval, win_rate_interval
from revloop.evaluation.libraries import library
from revloop.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from revloop.trajectory import JudgeInfo, Trajectory

_POWER = 0.8
_SIGNIFICANCE = 0.05

BreakEven = Literal["met", "not met", "nothing changed", "too few to tell"]


def check_libraries() -> None:
    """Check that the libraries of the figures are there, before anything is paid for.

    Raises:
        MissingExtraError: One is not installed.
    """
    for name in ("numpy", "scipy.stats", "statsmodels.stats.power"):
        library(name)


class PilotRecord(NamedTuple):
    """A draft of the pilot after each of its rounds.

    Attributes:
        name: The draft's id.
        score: The first critique's; None: it has none.
        value: Of the field that the pilot splits by.
        outcomes: Of the rounds from 1 on, against the original.
        tokens: Spent up to each round, from round 0 on.
        critique_tokens: Spent on the first critique.
    """

    name: str
    score: float | None
    value: str
    outcomes: tuple[Outcome, ...]
    tokens: tuple[int, ...]
    critique_tokens: int

    def gain(self, round_: int) -> int:
        """1: fixed, the judge prefers the round's text in both orders; -1: broken; 0: neither."""
        if not round_:
            return 0
        return {(1.0, 1.0): 1, (0.0, 0.0): -1}.get(
            self.outcomes[round_ - 1].in_both_orders or (0.5, 0.5), 0
        )

    def outcome(self, round_: int) -> Outcome:
        """The outcome of a round; round 0 is the original itself."""
        if round_:
            return self.outcomes[round_ - 1]
        return self.outcomes[0]._replace(scores=(0.5, 0.5), unparseable=0, is_unchanged=True)


class PilotRecords(NamedTuple):
    """The records of a pilot.

    Attributes:
        records: Those with all rounds.
        failed: Number of trajectories without some round.
    """

    records: list[PilotRecord]
    failed: int


def records_of(store: Path, judge: JudgeInfo, rounds: int, by: str | None) -> PilotRecords:
    """Read the records of a judged store.

    Raises:
        StoreError: The store cannot be read.
    """
    with Store.open_to_read(store) as opened, Verdicts.open_to_read(store) as verdicts:
        trajectories = list(opened.contents())
        found: list[list[Outcome]] = [[] for _ in trajectories]
        how = {"rounds": rounds, "against": ORIGINAL}
        for one in outcomes(trajectories, verdicts, judge, by=by, **how):  # type: ignore[arg-type]
            found[one.record].append(one)
    records = [
        _record(trajectory, made, rounds)
        for trajectory, made in zip(trajectories, found, strict=True)
        if len(made) == rounds and all(one.readable for one in made)
    ]
    return PilotRecords(records, len(trajectories) - len(records))


def _record(trajectory: Trajectory, made: Sequence[Outcome], rounds: int) -> PilotRecord:
    versions = trajectory.versions
    spent = [sum(v.spending.tokens for v in versions[: n + 1]) for n in range(rounds + 1)]
    first = versions[1].steps if len(versions) > 1 else ()
    critiques = [step.usage for step in first if step.kind in {"critique", "both"}]
    return PilotRecord(
        name=trajectory.draft.name,
        score=trajectory.score_of(0),
        value=made[0].group,
        outcomes=tuple(made),
        tokens=tuple(spent),
        critique_tokens=sum(one.prompt_tokens + one.generated_tokens for one in critiques),
    )


class Effect(NamedTuple):
    """What a number of rounds did to some records.

    Attributes:
        records: Number of records.
        fixed: Whose text got better by the judge, in both orders.
        broken: Whose text got worse, in both orders.
        win_rate: Against the original.
        win_rate_interval: 95%; None: too few, or all the same.
        tokens: Mean tokens a draft.
    """

    records: int
    fixed: int
    broken: int
    win_rate: float
    win_rate_interval: Interval | None
    tokens: float

    @property
    def fixed_interval(self) -> Interval:
        """95% interval of the share that is fixed."""
        return wilson_interval(self.fixed, self.records)

    @property
    def broken_interval(self) -> Interval:
        """95% interval of the share that is broken."""
        return wilson_interval(self.broken, self.records)

    @property
    def balance(self) -> Interval | None:
        """95% interval of the fixed among the changed; None if none changed.

        Errors fixed / errors introduced exceeds accuracy / (1 - accuracy) (arXiv 2604.22273)
        exactly where this share exceeds one half: with both rates multiplied by how many texts they
        apply to, the condition compares the two counts.
        """
        changed = self.fixed + self.broken
        return wilson_interval(self.fixed, changed) if changed else None

    @property
    def break_even(self) -> BreakEven:
        """Whether more is fixed than broken."""
        balance = self.balance
        if balance is None:
            return "nothing changed"
        if balance.low > 0.5:
            return "met"
        return "not met" if balance.high < 0.5 else "too few to tell"

    @property
    def needed(self) -> int | None:
        """Records that would tell, if fixed and broken stay in proportion; None: no number would.

        Those that a two-sided test at 5% needs to find the share of the fixed among the changed
        different from one half with a power of 80%.
        """
        changed = self.fixed + self.broken
        if not changed or self.fixed == self.broken:
            return None
        proportion = library("statsmodels.stats.proportion")
        power = library("statsmodels.stats.power")
        effect = proportion.proportion_effectsize(self.fixed / changed, 0.5)
        found = power.NormalIndPower().solve_power(
            effect_size=abs(effect), alpha=_SIGNIFICANCE, power=_POWER, ratio=0
        )
        return math.ceil(float(found) * self.records / changed)


def effect_of(chosen: Sequence[tuple[PilotRecord, int]]) -> Effect:
    """The effect of giving each of some records a number of rounds.

    Args:
        chosen: At least one; where a record gets no round, it costs its first critique.
    """
    gains = [record.gain(rounds) for record, rounds in chosen]
    ended = [record.outcome(rounds) for record, rounds in chosen]
    return Effect(
        records=len(chosen),
        fixed=gains.count(1),
        broken=gains.count(-1),
        win_rate=sum(score for one in ended for score in one.readable)
        / sum(len(one.readable) for one in ended),
        win_rate_interval=win_rate_interval(ended),
        tokens=fmean(
            record.tokens[rounds] if rounds else record.critique_tokens for record, rounds in chosen
        ),
    )
