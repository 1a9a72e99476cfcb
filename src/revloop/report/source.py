"""The input of a report: trajectories that can be read repeatedly, and verdicts."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from revloop.errors import MissingExtraError
from revloop.evaluation import Verdicts, evaluate, stored_judges
from revloop.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from revloop.evaluation import Evaluation, JudgeFigures, Question
    from revloop.options import Prices
    from revloop.trajectory import JudgeInfo, Trajectory, Verdict


def _no_verdict(_judge: JudgeInfo, _question: Question) -> Verdict | None:
    return None


class ReportSource(NamedTuple):
    """The input of a report.

    Attributes:
        name: The store's file name.
        trajectories: Reads all trajectories in order, at every call.
        judges: Whose verdicts are shown; the first one with enough of them decides which
            trajectories were harmed.
        verdict: Looks up a judge's verdict on a question.
        evaluation: The figures of the rounds, if available.
        note: Why there are no figures, and what to do about it.
    """

    name: str
    trajectories: Callable[[], Iterable[Trajectory]]
    judges: Sequence[JudgeInfo] = ()
    verdict: Callable[[JudgeInfo, Question], Verdict | None] = _no_verdict
    evaluation: Evaluation | None = None
    note: str = ""

    @property
    def figures(self) -> JudgeFigures | None:
        """The figures of the first judge with verdicts enough; of the first readable one else."""
        judges = [] if self.evaluation is None else self.evaluation.judges
        known = [figures for figures in judges if not figures.is_unreadable]
        first = known[0] if known else None
        return next((figures for figures in known if figures.has_win_rate), first)

    @property
    def judge(self) -> JudgeInfo | None:
        """The judge who decides which trajectories were harmed: that of the figures."""
        if self.figures is not None:
            return self.figures.judge
        return self.judges[0] if self.judges else None

    def in_both_orders(
        self, judge: JudgeInfo, question: Question
    ) -> tuple[Verdict | None, Verdict | None]:
        """A judge's verdicts on a question and on the swapped one."""
        return self.verdict(judge, question), self.verdict(judge, question.swapped)


@contextmanager
def open_source(
    path: str | Path,
    judges: Sequence[JudgeInfo] | None = None,
    *,
    rounds: int | None = None,
    by: str | None = None,
    prices: Prices | None = None,
) -> Iterator[ReportSource]:
    """Open a store to report on.

    Args:
        path: The store.
        judges: Whose verdicts to show; None: all judges with stored verdicts.
        rounds: Number of rounds; None: the most rounds of any trajectory.
        by: A field of the drafts to split the figures by.
        prices: The prices of the models, to count money too.

    Raises:
        StoreError: The store cannot be read.
        InputError: It holds no trajectory, or none with the field to split by.
    """
    path = Path(path)
    known = stored_judges(path) if judges is None else list(judges)
    evaluation, note = _evaluation(path, known, rounds, by, prices)
    with Store.open_to_read(path) as store, Verdicts.open_to_read(path) as verdicts:
        yield ReportSource(path.name, store.contents, known, verdicts.get, evaluation, note)


def _evaluation(
    path: Path,
    judges: Sequence[JudgeInfo],
    rounds: int | None,
    by: str | None,
    prices: Prices | None,
) -> tuple[Evaluation | None, str]:
    try:
        found = evaluate(path, judges, rounds=rounds, by=by, prices=prices)
    except MissingExtraError as exc:
        return None, str(exc)
    if judges:
        return found, ""
    return found if found.criteria or found.checks or found.spending else None, (
        "No judge has compared these versions yet, so there are no win rates and no harm rate. "
        f"Run a judge, then make the report again: revloop evaluate {path.name} --judge JUDGE"
    )
