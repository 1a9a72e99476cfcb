"""What a report is made from: trajectories that can be read again and again, and verdicts."""

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
    from revloop.trajectory import JudgeInfo, Trajectory, Verdict


def _no_verdict(_judge: JudgeInfo, _question: Question) -> Verdict | None:
    return None


class ReportSource(NamedTuple):
    """What a report tells of.

    Attributes:
        name: What people call it: the store's file name.
        trajectories: Reads them all, in order, as often as it is called.
        judges: Whose verdicts are told; the first one says which trajectories were harmed.
        verdict: Looks up a judge's verdict on a question; None where there is none.
        evaluation: The figures of the rounds; None where they cannot be told.
        note: Why there are none, and what to do about it; empty where there are.
    """

    name: str
    trajectories: Callable[[], Iterable[Trajectory]]
    judges: Sequence[JudgeInfo] = ()
    verdict: Callable[[JudgeInfo, Question], Verdict | None] = _no_verdict
    evaluation: Evaluation | None = None
    note: str = ""

    @property
    def figures(self) -> JudgeFigures | None:
        """The figures of the first judge whose verdicts can be read; None where there is none."""
        known = [] if self.evaluation is None else self.evaluation.judges
        return next((figures for figures in known if not figures.is_unreadable), None)

    @property
    def judge(self) -> JudgeInfo | None:
        """Who says which trajectories were harmed: the first judge that can be read, if any."""
        if self.figures is not None:
            return self.figures.judge
        return self.judges[0] if self.judges else None


@contextmanager
def open_source(
    path: str | Path,
    judges: Sequence[JudgeInfo] | None = None,
    *,
    rounds: int | None = None,
    by: str | None = None,
) -> Iterator[ReportSource]:
    """A store to report on, open while the block runs.

    Args:
        path: The store.
        judges: Whose verdicts to tell of; None: of all judges whose verdicts it holds.
        rounds: Rounds that the figures tell of; None: as many as any trajectory has.
        by: A field of the drafts to split the figures by.

    Raises:
        StoreError: The store cannot be read.
        InputError: It holds no trajectory, or none with the field to split by.
    """
    path = Path(path)
    known = stored_judges(path) if judges is None else list(judges)
    evaluation, note = _evaluation(path, known, rounds, by)
    with Store.open_to_read(path) as store, Verdicts.open_to_read(path) as verdicts:
        yield ReportSource(path.name, store.contents, known, verdicts.get, evaluation, note)


def _evaluation(
    path: Path, judges: Sequence[JudgeInfo], rounds: int | None, by: str | None
) -> tuple[Evaluation | None, str]:
    try:
        found = evaluate(path, judges, rounds=rounds, by=by)
    except MissingExtraError as exc:
        return None, str(exc)
    if judges:
        return found, ""
    return None, (
        "Nobody has compared these versions yet, so win rates and harm cannot be told. "
        f"Let a judge compare them, then make the report again: "
        f"revloop evaluate {path.name} --judge JUDGE"
    )
