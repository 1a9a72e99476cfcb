"""What the list keeps of one trajectory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from revloop.evaluation import ORIGINAL, Question, pairs_of
from revloop.evaluation.drawing import stratum_of
from revloop.evaluation.outcomes import group_of
from revloop.report.aggregates import RESULTS, UNFINISHED, preview_of, result_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from revloop.report.source import ReportSource
    from revloop.trajectory import JudgeInfo, Trajectory

    Row = tuple[object, ...]

_RANKS = {result: rank for rank, result in enumerate(RESULTS)}
_VALUE_CHARACTERS = 80
_ALL_LATER = 10**6
"""A round beyond any: after an early stop the kept text stands for all later rounds."""


class ListedRows(NamedTuple):
    """The rows of one trajectory in the tables of the list.

    Attributes:
        line: Its line.
        questions: The questions whose verdicts decide its result.
        fields: Its draft's fields.
    """

    line: Row
    questions: tuple[Row, ...]
    fields: tuple[Row, ...]

    @classmethod
    def of(
        cls,
        key: int,
        trajectory: Trajectory,
        version: int,
        source: ReportSource,
        questions: Iterable[str],
    ) -> Self:
        """The rows of a trajectory.

        Args:
            key: The trajectory's key.
            trajectory: The trajectory, or its outline.
            version: Number of the newest version that was read.
            source: Decides its result.
            questions: Digests of the questions that decide it.
        """
        draft, end = trajectory.draft, trajectory.end
        return cls(
            line=(
                *(key, version, str(draft.id)),
                UNFINISHED if end is None else end.reason.value,
                *(result := result_of(trajectory, source), _RANKS[result]),
                *(trajectory.rounds, trajectory.kept, trajectory.score_of(trajectory.kept)),
                len(trajectory.kept_text) / max(1, len(trajectory.original)),
                preview_of(trajectory),
            ),
            questions=tuple((digest, key) for digest in questions),
            fields=tuple(
                (name, group_of(trajectory, name)[:_VALUE_CHARACTERS].casefold(), key)
                for name in draft.extra
            ),
        )


def deciding(trajectory: Trajectory, judge: JudgeInfo | None) -> dict[Question, str]:
    """The questions whose verdicts decide the result, with their digests."""
    original, kept, draft = trajectory.original, trajectory.kept_text, trajectory.draft
    if judge is None or original == kept:
        return {}
    question = Question(draft.prompt_text, original, kept, draft.extra)
    return {one: one.digest_for(judge) for one in question.orders}


def rows_of_texts(key: int, trajectory: Trajectory, by: str | None) -> Iterator[Row]:
    """The changed texts after a trajectory's rounds, to vote on.

    Args:
        key: The trajectory's key.
        trajectory: The trajectory, or its outline.
        by: A field of the drafts that the strata of samples are split by.
    """
    end, stratum = trajectory.end, stratum_of(trajectory, by)
    for pair in pairs_of(trajectory, trajectory.rounds, ORIGINAL):
        if pair.is_unchanged:
            continue
        is_last = pair.round == trajectory.rounds and end is not None and end.reason.is_early_stop
        until = _ALL_LATER if is_last else pair.round
        question = pair.question
        yield (key, pair.round, until, question.digest, question.swapped.digest, stratum)
