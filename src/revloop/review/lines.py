"""What the list keeps of one trajectory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from revloop.evaluation import ORIGINAL, Question, pairs_of
from revloop.evaluation.drawing import stratum_of
from revloop.evaluation.outcomes import group_of
from revloop.report.aggregates import RESULTS, UNFINISHED, preview_of, result_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.report.source import ReportSource
    from revloop.trajectory import Trajectory

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
        texts: The changed texts after its rounds, to vote on.
    """

    line: Row
    questions: tuple[Row, ...]
    fields: tuple[Row, ...]
    texts: tuple[Row, ...]

    @classmethod
    def of(
        cls, key: int, trajectory: Trajectory, version: int, source: ReportSource, by: str | None
    ) -> Self:
        """The rows of a trajectory.

        Args:
            key: The trajectory's key.
            trajectory: The trajectory.
            version: Number of the newest version that was read.
            source: Decides its result.
            by: A field of the drafts that the strata of samples are split by.
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
            questions=tuple((digest, key) for digest in _deciding(trajectory, source)),
            fields=tuple(
                (name, group_of(trajectory, name)[:_VALUE_CHARACTERS], key) for name in draft.extra
            ),
            texts=tuple(_texts(key, trajectory, by)),
        )


def _deciding(trajectory: Trajectory, source: ReportSource) -> Iterator[str]:
    """Digests of the questions whose verdicts decide the result."""
    original, kept, draft = trajectory.original, trajectory.kept_text, trajectory.draft
    if source.judge is not None and original != kept:
        for question in Question(draft.prompt_text, original, kept, draft.extra).orders:
            yield question.digest_for(source.judge)


def _texts(key: int, trajectory: Trajectory, by: str | None) -> Iterator[Row]:
    end, stratum = trajectory.end, stratum_of(trajectory, by)
    for pair in pairs_of(trajectory, trajectory.rounds, ORIGINAL):
        if pair.is_unchanged:
            continue
        is_last = pair.round == trajectory.rounds and end is not None and end.reason.is_early_stop
        until = _ALL_LATER if is_last else pair.round
        question = pair.question
        yield (key, pair.round, until, question.digest, question.swapped.digest, stratum)
