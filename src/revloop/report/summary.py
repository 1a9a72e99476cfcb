"""Which charts a report has, and what they show."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from revloop.report.charts import Bars, Chart, Lines, Point, Segment, Series

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from revloop.evaluation import Evaluation, JudgeFigures, RoundFigures
    from revloop.report.gathering import Gathered, RoundCost

PAPER_WIN_RATES = (0.566, 0.619, 0.622, 0.653, 0.659)
"""Rounds 1 to 5 of ChatGPT's answers (arXiv 2311.14543)."""

PAPER_NOTE = (
    "The paper's curve is of ChatGPT's answers to open questions, judged by people or models "
    "(arXiv 2311.14543). Other prompts and another judge give other figures: the two curves can be "
    "looked at side by side, but not compared."
)
_LENGTH = (
    "Win rate of each round against the mean length of its texts, as a multiple of the originals'. "
    "The numbers are rounds. Where both rise together, length may be what wins."
)
_TOKENS = "Of the trajectories that did the round; tries that gave nothing of use are counted."
_SECONDS = "Engine time. Requests that ran at the same time are each counted in full."
_MOST_GROUPS = 6


def charts_of(gathered: Gathered, evaluation: Evaluation | None) -> list[Chart]:
    """All charts of a report, those of the judges first."""
    charts: list[Chart] = []
    if evaluation is not None:
        told = [of_judge for of_judge in evaluation.judges if not of_judge.is_unreadable]
        for number, of_judge in enumerate(told, start=1):
            charts += _charts_of_judge(of_judge, number, evaluation)
    charts.append(_stop_reasons(gathered))
    if gathered.costs:
        charts += [_tokens(gathered.costs), _seconds(gathered.costs)]
    return charts


def words_of(name: str) -> str:
    """A name of the code's as words."""
    return name.replace("_", " ")


def overall(of_judge: JudgeFigures) -> list[RoundFigures]:
    """A judge's figures of all records against the original, round by round."""
    return [row for row in of_judge.rounds if row.group is None and row.against == "original"]


def _charts_of_judge(
    of_judge: JudgeFigures, number: int, evaluation: Evaluation
) -> Iterator[Chart]:
    several = sum(not other.is_unreadable for other in evaluation.judges) > 1
    file_end, title_end = (f"-{number}", f", by {of_judge.judge.name}") if several else ("", "")
    rows = overall(of_judge)
    if not rows:
        return
    yield _win_rate(rows, file_end, title_end)
    yield _won_tied_lost(rows, file_end, title_end)
    yield _length(rows, file_end, title_end)
    groups = [row for row in of_judge.rounds if row.group is not None]
    if groups:
        yield _by_group(groups, evaluation.split_by or "", file_end, title_end)


def _win_rate(rows: Sequence[RoundFigures], file_end: str, title_end: str) -> Lines:
    told = [f"round {row.round} {row.win_rate:.1%}" for row in rows if row.win_rate is not None]
    paper = tuple(Point(n, rate) for n, rate in enumerate(PAPER_WIN_RATES, start=1))
    return Lines(
        name=f"win-rate{file_end}",
        title=f"Win rate by round{title_end}",
        description=f"Win rate against the original with its 95% interval: {', '.join(told)}. "
        "Beside it the paper's: 56.6, 61.9, 62.2, 65.3 and 65.9%.",
        x_label="round",
        y_label="win rate",
        series=(Series("here", _rates(rows)), Series("paper", paper, is_reference=True)),
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
        labels=_labels([row.round for row in rows]),
        segments=(
            Segment("won", "won", tuple(row.wins for row in rows)),
            Segment("tied", "tied", tuple(row.ties for row in rows)),
            Segment("lost", "lost", tuple(row.losses for row in rows)),
        ),
    )


def _length(rows: Sequence[RoundFigures], file_end: str, title_end: str) -> Lines:
    measured = [row for row in rows if row.length_ratio is not None]
    points = _merged(measured)
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
        series=(Series("here", points),),
        is_share=True,
        whole_x=False,
        caption=_LENGTH,
    )


def _merged(rows: Sequence[RoundFigures]) -> tuple[Point, ...]:
    """A point for each round; rounds in a row that stand at the same place share one."""
    points: list[Point] = []
    for (x, y), same in groupby(rows, key=lambda row: (row.length_ratio or 0.0, row.win_rate)):
        named = [str(row.round) for row in same]
        label = named[0] if len(named) == 1 else f"{named[0]} to {named[-1]}"
        points.append(Point(x, y, label=label))
    return tuple(points)


def _by_group(rows: Sequence[RoundFigures], field: str, file_end: str, title_end: str) -> Lines:
    by_name = {name: list(own) for name, own in groupby(rows, key=lambda row: row.group)}
    largest = sorted(by_name.items(), key=lambda one: -max(row.records for row in one[1]))
    shown = largest[:_MOST_GROUPS]
    left_out = len(largest) - len(shown)
    more = f" The {left_out} smaller groups stand in the table." if left_out else ""
    return Lines(
        name=f"win-rate-by-group{file_end}",
        title=f"Win rate by {field}{title_end}",
        description=f"Win rate against the original for each value of {field}.{more}",
        x_label="round",
        y_label="win rate",
        series=tuple(Series(name or "", _rates(own)) for name, own in shown),
        is_share=True,
        caption=more.strip(),
    )


def _stop_reasons(gathered: Gathered) -> Bars:
    counted = gathered.ended.most_common()
    return Bars(
        name="stop-reasons",
        title="Why the rounds ended",
        description="; ".join(f"{words_of(reason)}: {count}" for reason, count in counted),
        x_label="trajectories",
        labels=tuple(words_of(reason) for reason, _ in counted),
        segments=(Segment("trajectories", "s0", tuple(count for _, count in counted)),),
    )


def _tokens(costs: dict[int, RoundCost]) -> Bars:
    by_round = sorted(costs.items())

    def means(name: str) -> tuple[float, ...]:
        return tuple(getattr(cost, name) / cost.trajectories for _, cost in by_round)

    return Bars(
        name="tokens",
        title="Tokens by round",
        description=f"Mean tokens of one trajectory in each round. {_TOKENS} "
        + "; ".join(
            f"round {n}: {cost.read_tokens / cost.trajectories:.0f} read, "
            f"{cost.written_tokens / cost.trajectories:.0f} written"
            for n, cost in by_round
        ),
        x_label="tokens a trajectory, mean",
        labels=_labels([round_ for round_, _ in by_round]),
        segments=(
            Segment("read", "s0", means("read_tokens")),
            Segment("from the cache", "s1", means("cached_tokens")),
            Segment("written", "s2", means("written_tokens")),
        ),
        caption=_TOKENS,
    )


def _seconds(costs: dict[int, RoundCost]) -> Bars:
    by_round = sorted(costs.items())
    means = tuple(cost.seconds / cost.trajectories for _, cost in by_round)
    return Bars(
        name="seconds",
        title="Seconds by round",
        description="Mean seconds of one trajectory in each round. "
        + "; ".join(
            f"round {round_}: {mean:.2f}" for (round_, _), mean in zip(by_round, means, strict=True)
        ),
        x_label="seconds a trajectory, mean",
        labels=_labels([round_ for round_, _ in by_round]),
        segments=(Segment("seconds", "s3", means),),
        digits=2,
        caption=_SECONDS,
    )


def _labels(rounds: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"round {round_}" for round_ in rounds)
