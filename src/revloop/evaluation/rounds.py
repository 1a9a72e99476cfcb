"""The figures of all rounds: the result of ``revloop evaluate``."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from pydantic import Field

from revloop.evaluation import figures
from revloop.evaluation.agreement import Agreement
from revloop.evaluation.checks import CheckFigures
from revloop.evaluation.criteria import CriterionFigures
from revloop.evaluation.length import length_controlled_win_rate
from revloop.evaluation.pairs import Against
from revloop.evaluation.samples import SampleKey
from revloop.evaluation.spending import SpendingFigures
from revloop.trajectory import JudgeInfo
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from revloop.evaluation.outcomes import Outcome


class RoundFigures(Frozen):
    """All records after one round, by one judge. None: not measured."""

    against: Against = Field(description="What the round's texts were compared with.")
    group: str | None = Field(description="Value of the field split by; None: all records.")
    round: int
    records: int = Field(description="Records that have this round, or stopped early before it.")
    missing: int = Field(
        description="Records without this round, excluded from all figures: they failed, or fewer "
        "rounds were requested."
    )
    counted: int = Field(
        description="Records behind the win rate: those with a readable verdict, or unchanged."
    )
    unchanged: int = Field(description="Records whose text is the same: ties without a question.")
    unjudged: int = Field(
        description="Records still without a verdict, of those that the judge is to judge. Until "
        "there are none, all figures from verdicts are None: the records judged first may differ "
        "from the rest. If people judge a declared sample, which they see in random order, ten "
        "records are enough, and the figures are about those."
    )
    wins: int = Field(description="Verdicts for the round's text, both orders counted.")
    ties: int
    losses: int
    readable: int = Field(description="Readable verdicts; unchanged texts have none.")
    unparseable: int = Field(description="Verdicts that no try made readable.")
    win_rate: float | None = Field(description="(wins + ties / 2) / verdicts.")
    win_rate_low: float | None = Field(description="Lower end of the 95% interval.")
    win_rate_high: float | None = Field(description="Upper end of the 95% interval.")
    order_flip_share: float | None = Field(
        description="Share of the changed pairs whose verdict changed with the order."
    )
    length_controlled_win_rate: float | None = Field(
        description="Win rate expected at equal length."
    )
    harm_rate: float | None = Field(description="Share of the records that lose in both orders.")
    mean_characters: float | None = Field(description="Mean length of the round's texts.")
    length_ratio: float | None = Field(
        description="Mean length of the round's texts over that of the texts compared with."
    )
    p_against: float | None = Field(
        description="Sign test over records: better against worse than the text compared with. "
        "Holm's correction over the rounds."
    )
    p_previous: float | None = Field(
        description="Sign test over records: scores against the original, this round's against the "
        "previous round's. Holm's correction over the rounds. None for round 1."
    )


class JudgeFigures(Frozen):
    """The figures of one judge."""

    judge: JudgeInfo
    rounds: tuple[RoundFigures, ...] = Field(
        description="All records first, then group by group; in each, round by round."
    )

    @property
    def is_unreadable(self) -> bool:
        """Whether none of the judge's verdicts could be read, so that its figures are void."""
        unparseable = any(row.unparseable for row in self.rounds)
        return unparseable and not any(row.readable for row in self.rounds)

    @property
    def has_win_rate(self) -> bool:
        """Whether there are verdicts enough for a win rate of any round."""
        return any(row.win_rate is not None and row.readable for row in self.rounds)


class Evaluation(Frozen):
    """What rounds of revision did to the records of a store."""

    trajectories: int
    failed: int = Field(description="Trajectories that ended with a failure; see `missing`.")
    unfinished: int = Field(description="Trajectories without an end.")
    split_by: str | None = Field(default=None, description="Field that the figures are split by.")
    judges: tuple[JudgeFigures, ...]
    criteria: tuple[CriterionFigures, ...] = Field(
        default=(), description="Criteria of rubrics, as the critic scored them; empty without any."
    )
    agreement: Agreement | None = Field(
        default=None, description="Between several judges; None for one."
    )
    checks: tuple[CheckFigures, ...] = Field(
        default=(),
        description="Of checks: all together, then one by one; in each, all records, then group by "
        "group, round by round. Empty if no run has checks.",
    )
    spending: tuple[SpendingFigures, ...] = Field(
        default=(), description="What each round took; empty if no request is recorded."
    )
    currency: str | None = Field(default=None, description="Of costs; None without prices.")


def rounds_of(
    outcomes: Iterable[Outcome],
    *,
    rounds: int,
    sizes: dict[str, int],
    sampled: Collection[SampleKey] = (),
) -> tuple[RoundFigures, ...]:
    """The figures of each round, for all records and for each group.

    Args:
        outcomes: Of one judge.
        rounds: Number of rounds.
        sizes: Number of records in each group; a single group gets no figures of its own.
        sampled: Rounds of which the judge, a person, sees the records in random order.
    """
    known = list(outcomes)
    rows = _rows(known, rounds, None, sum(sizes.values()), sampled)
    if len(sizes) > 1:
        for group, size in sorted(sizes.items()):
            rows += _rows([o for o in known if o.group == group], rounds, group, size, sampled)
    return tuple(rows)


def _rows(
    outcomes: Sequence[Outcome],
    rounds: int,
    group: str | None,
    size: int,
    sampled: Collection[SampleKey],
) -> list[RoundFigures]:
    rows: list[RoundFigures] = []
    ordered = sorted(outcomes, key=lambda o: o.against)
    for against, compared in groupby(ordered, key=lambda o: o.against):
        by_round: dict[int, list[Outcome]] = {round_: [] for round_ in range(1, rounds + 1)}
        for outcome in compared:
            by_round[outcome.round].append(outcome)
        used = [
            judged_part(known, is_sample=SampleKey(against, round_) in sampled)
            for round_, known in by_round.items()
        ]
        p_against, p_previous = _p_values(against, used)
        for index, (round_, known) in enumerate(by_round.items()):
            tests = {"p_against": p_against[index], "p_previous": p_previous[index]}
            names = {"against": against, "group": group, "round": round_}
            rows.append(
                RoundFigures.model_validate(names | _figures(known, used[index], size) | tests)
            )
    return rows


def _p_values(
    against: Against, by_round: Sequence[Sequence[Outcome]]
) -> tuple[list[float | None], list[float | None]]:
    scores = [figures.record_scores(known) for known in by_round]
    tests = [
        figures.sign_test(dict.fromkeys(score, 0.5), score) if score else None for score in scores
    ]
    steps: list[float | None] = [None] * len(scores)
    if against == "original":
        for index in range(1, len(scores)):
            if scores[index - 1] and scores[index]:
                steps[index] = figures.sign_test(scores[index - 1], scores[index])
    return figures.holm(tests), figures.holm(steps)


def judged_part(outcomes: Sequence[Outcome], *, is_sample: bool) -> Sequence[Outcome]:
    """The outcomes that figures from verdicts are about; none if they would mislead.

    Of a sample, those judged so far: at least ten, or all of it. Unchanged records, which are not
    asked about, stay in proportion.

    Args:
        outcomes: Of one round.
        is_sample: Whether those with ``is_sampled`` are judged in random order.
    """
    changed = [outcome for outcome in outcomes if not outcome.is_unchanged]
    if all(outcome.is_judged for outcome in changed):
        return outcomes
    wanted = [outcome for outcome in changed if is_sample and outcome.is_sampled]
    judged = [outcome for outcome in wanted if outcome.is_judged]
    if len(judged) < max(1, min(figures.MIN_RECORDS, len(wanted))):
        return []
    unchanged = [outcome for outcome in outcomes if outcome.is_unchanged]
    share = len(judged) / len(changed)
    return [*judged, *unchanged[: round(share * len(unchanged))]]


def _figures(outcomes: Sequence[Outcome], used: Sequence[Outcome], size: int) -> dict[str, object]:
    counted = figures.tally(used or outcomes)
    unjudged = sum(outcome.is_sampled and not outcome.is_judged for outcome in outcomes)
    readable = sum(len(o.readable) for o in outcomes if not o.is_unchanged)
    unreadable = sum(outcome.unparseable for outcome in outcomes)
    # unchanged texts alone say nothing about the judge
    judged = [] if unreadable and not readable else used
    low, high = figures.win_rate_interval(judged) or (None, None)
    earlier, later = figures.mean_characters(outcomes) or (None, None)
    return {
        "records": len(outcomes),
        "missing": size - len(outcomes),
        "counted": sum(bool(outcome.readable) for outcome in judged),
        "unchanged": sum(outcome.is_unchanged for outcome in outcomes),
        "unjudged": unjudged,
        "wins": counted.wins,
        "ties": counted.ties,
        "losses": counted.losses,
        "unparseable": unreadable,
        "readable": readable,
        "win_rate": figures.tally(judged).win_rate,
        "win_rate_low": low,
        "win_rate_high": high,
        "order_flip_share": figures.order_flip_share(judged),
        "length_controlled_win_rate": length_controlled_win_rate(judged),
        "harm_rate": figures.harm_rate(judged),
        "mean_characters": later,
        "length_ratio": later / earlier if earlier and later is not None else None,
    }
