"""The charts of a report."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from revloop.evaluation.criteria import ALL
from revloop.report.chart_types import Bars, Chart, Lines, Point, Segment, Series
from revloop.report.checks import chart_of_checks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from revloop.evaluation import Evaluation, JudgeFigures, RoundFigures
    from revloop.evaluation.criteria import CriterionFigures
    from revloop.report.aggregates import Aggregates, RoundCost

PAPER_WIN_RATES = (0.566, 0.619, 0.622, 0.653, 0.659)
"""Rounds 1 to 5 of ChatGPT's answers (arXiv 2311.14543)."""

PAPER_NOTE = (
    "The paper's curve shows ChatGPT's answers to open questions, judged by people or models "
    "(arXiv 2311.14543). Other prompts and other judges give other figures, so the two curves are "
    "not comparable."
)
_LENGTH = (
    "Win rate against mean length relative to the originals; the numbers are rounds. If both rise "
    "together, the judge may be rewarding length."
)
_TOKENS = "Mean over the trajectories that ran the round, failed tries included."
_SECONDS = "Engine time; concurrent requests each count in full."
_MAX_GROUPS = 6


def charts_of(aggregates: Aggregates, evaluation: Evaluation | None) -> list[Chart]:
    """All charts of a report, those of the judges first."""
    charts: list[Chart] = []
    if evaluation is not None:
        readable = [of_judge for of_judge in evaluation.judges if not of_judge.is_unreadable]
        for number, of_judge in enumerate(readable, start=1):
            is_only = len(readable) == 1
            ends = ("", "") if is_only else (f"-{number}", f", by {of_judge.judge.name}")
            charts += _charts_of_judge(of_judge, evaluation.split_by or "", *ends)
        if evaluation.criteria:
            charts.append(_criteria(evaluation.criteria))
        if evaluation.checks:
            charts.append(chart_of_checks(evaluation))
    charts.append(_stop_reasons(aggregates))
    if aggregates.costs:
        charts += [_tokens(aggregates.costs), _seconds(aggregates.costs)]
    return charts


def as_words(name: str) -> str:
    """An identifier as words."""
    return name.replace("_", " ")


def overall(of_judge: JudgeFigures) -> list[RoundFigures]:
    """A judge's figures of all records against the original, round by round."""
    return [row for row in of_judge.rounds if row.group is None and row.against == "original"]


def _charts_of_judge(
    of_judge: JudgeFigures, field: str, file_end: str, title_end: str
) -> Iterator[Chart]:
    rows = overall(of_judge)
    if not rows:
        return
    has_rates = any(row.win_rate is not None for row in rows)
    if has_rates:
        yield _win_rate(rows, file_end, title_end)
    if any(row.wins + row.ties + row.losses for row in rows):
        yield _won_tied_lost(rows, file_end, title_end)
    if has_rates:
        yield _length(rows, file_end, title_end)
    groups = [row for row in of_judge.rounds if row.group is not None]
    if any(row.win_rate is not None for row in groups):
        yield _by_group(groups, field, file_end, title_end)


def _win_rate(rows: Sequence[RoundFigures], file_end: str, title_end: str) -> Lines:
    rates = [f"round {row.round} {row.win_rate:.1%}" for row in rows if row.win_rate is not None]
    paper = tuple(Point(n, rate) for n, rate in enumerate(PAPER_WIN_RATES, start=1))
    return Lines(
        name=f"win-rate{file_end}",
        title=f"Win rate by round{title_end}",
        description=f"Win rate against the original with its 95% interval: {', '.join(rates)}. "
        "The paper's: 56.6, 61.9, 62.2, 65.3 and 65.9%.",
        x_label="round",
        y_label="win rate",
        series=(Series("this store", _rates(rows)), Series("paper", paper, is_reference=True)),
        is_share=True,
        caption=f"With 95% intervals. {PAPER_NOTE}",
    )


def _rates(rows: Sequence[RoundFigures]) -> tuple[Point, ...]:
    return tuple(Point(r.round, r.win_rate, r.win_rate_low, r.win_rate_high) for r in rows)


def _won_tied_lost(rows: Sequence[RoundFigures], file_end: str, title_end: str) -> Bars:
    return Bars(
        name=f"won-tied-lost{file_end}",
        title=f"Won, tied, lost{title_end}",
        description="Verdicts for each round's text against the original, both orders counted: "
        + "; ".join(f"round {r.round}: {r.wins} won, {r.ties} tied, {r.losses} lost" for r in rows),
        x_label="verdicts, both orders counted",
        labels=_labels(row.round for row in rows),
        segments=(
            Segment("won", "won", tuple(row.wins for row in rows)),
            Segment("tied", "tied", tuple(row.ties for row in rows)),
            Segment("lost", "lost", tuple(row.losses for row in rows)),
        ),
    )


def _length(rows: Sequence[RoundFigures], file_end: str, title_end: str) -> Lines:
    points = _merged([row for row in rows if row.length_ratio is not None])
    return Lines(
        name=f"length{file_end}",
        title=f"Length and win rate{title_end}",
        description=f"{_LENGTH} "
        + ", ".join(
            f"round {point.label}: length {point.x:.2f}, win rate {point.y:.1%}"
            for point in points
            if point.y is not None
        ),
        x_label="mean length, originals = 1",
        y_label="win rate",
        series=(Series("this store", points),),
        is_share=True,
        integer_x=False,
        caption=_LENGTH,
    )


def _merged(rows: Sequence[RoundFigures]) -> tuple[Point, ...]:
    """A point for each round; consecutive rounds at the same place share one."""
    points: list[Point] = []
    for (x, y), same in groupby(rows, key=lambda row: (row.length_ratio or 0.0, row.win_rate)):
        rounds = [str(row.round) for row in same]
        label = rounds[0] if len(rounds) == 1 else f"{rounds[0]} to {rounds[-1]}"
        points.append(Point(x, y, label=label))
    return tuple(points)


def _by_group(rows: Sequence[RoundFigures], field: str, file_end: str, title_end: str) -> Lines:
    by_name = {name: list(own) for name, own in groupby(rows, key=lambda row: row.group)}
    largest = sorted(by_name.items(), key=lambda one: -max(row.records for row in one[1]))
    omitted = len(largest) - _MAX_GROUPS
    more = f" The table has the {omitted} smaller groups." if omitted > 0 else ""
    return Lines(
        name=f"win-rate-by-group{file_end}",
        title=f"Win rate by {field}{title_end}",
        description=f"Win rate against the original for each value of {field}.{more}",
        x_label="round",
        y_label="win rate",
        series=tuple(Series(name or "", _rates(own)) for name, own in largest[:_MAX_GROUPS]),
        is_share=True,
        caption=more.strip(),
    )


def _criteria(figures: Sequence[CriterionFigures]) -> Lines:
    by_name = {
        name: tuple(Point(one.round, one.share, one.share_low, one.share_high) for one in own)
        for name, own in groupby(figures, key=lambda one: one.name)
    }
    together = (f"round {one.round} {one.share:.1%}" for one in figures if one.name == ALL)
    omitted = len(by_name) - _MAX_GROUPS
    more = f" The table has {omitted} more criteria." if omitted > 0 else ""
    return Lines(
        name="criteria",
        title="Criteria met by round",
        description=f"Share of the trajectories that meet {ALL}: {', '.join(together)}.{more}",
        x_label="round, 0 = originals",
        y_label="share met",
        series=tuple(Series(name, points) for name, points in list(by_name.items())[:_MAX_GROUPS]),
        is_share=True,
        caption=f"As the critic scored them, with Wilson's 95% intervals.{more}",
    )


def _stop_reasons(aggregates: Aggregates) -> Bars:
    counted = aggregates.stop_reasons.most_common()
    return Bars(
        name="stop-reasons",
        title="Stop reasons",
        description="; ".join(f"{as_words(reason)}: {count}" for reason, count in counted),
        x_label="trajectories",
        labels=tuple(as_words(reason) for reason, _ in counted),
        segments=(Segment("trajectories", "s0", tuple(count for _, count in counted)),),
    )


def _tokens(costs: dict[int, RoundCost]) -> Bars:
    rounds = sorted(costs)
    read, cached, generated, thinking = (
        tuple(getattr(costs[round_], name) / costs[round_].trajectories for round_ in rounds)
        for name in ("read_tokens", "cached_tokens", "generated_tokens", "thinking_tokens")
    )
    written = Segment("generated", "s2", generated)
    if any(thinking):
        answers = (both - thoughts for both, thoughts in zip(generated, thinking, strict=True))
        written = Segment("generated, without thoughts", "s2", tuple(answers))
    return Bars(
        name="tokens",
        title="Tokens by round",
        description=f"Tokens per trajectory in each round. {_TOKENS} "
        + "; ".join(
            f"round {round_}: {prompt:.0f} computed, {made:.0f} generated"
            for round_, prompt, made in zip(rounds, read, generated, strict=True)
        ),
        x_label="mean tokens per trajectory",
        labels=_labels(rounds),
        segments=(
            Segment("prompt, computed", "s0", read),
            Segment("prompt, cached", "s1", cached),
            written,
            *((Segment("thoughts", "s3", thinking),) if any(thinking) else ()),
        ),
        caption=_TOKENS,
    )


def _seconds(costs: dict[int, RoundCost]) -> Bars:
    rounds = sorted(costs)
    means = tuple(costs[round_].seconds / costs[round_].trajectories for round_ in rounds)
    return Bars(
        name="seconds",
        title="Seconds by round",
        description="Mean seconds per trajectory in each round. "
        + "; ".join(
            f"round {round_}: {mean:.2f}" for round_, mean in zip(rounds, means, strict=True)
        ),
        x_label="mean seconds per trajectory",
        labels=_labels(rounds),
        segments=(Segment("seconds", "s3", means),),
        digits=2,
        caption=_SECONDS,
    )


def _labels(rounds: Iterable[int]) -> tuple[str, ...]:
    return tuple(f"round {round_}" for round_ in rounds)
