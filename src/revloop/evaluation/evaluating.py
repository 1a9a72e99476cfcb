"""A whole store before one judge or several."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from revloop.errors import InputError
from revloop.evaluation.agreement import agreement
from revloop.evaluation.collecting import DEFAULT_CONCURRENCY, Asked, collect, count_questions
from revloop.evaluation.outcomes import Outcome, group_of, outcomes
from revloop.evaluation.rounds import Evaluation, JudgeFigures, rounds_of
from revloop.evaluation.verdicts import Verdicts
from revloop.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from revloop.evaluation.pairs import Against
    from revloop.trajectory import Judge, JudgeInfo

ORIGINAL: frozenset[Against] = frozenset({"original"})


class Contents(NamedTuple):
    """What a store holds, as far as an evaluation must know before it begins.

    Attributes:
        trajectories: How many.
        failed: Those that ended with a failure.
        unfinished: Those without an end.
        rounds: The most rounds that any of them has.
        groups: Number of records by their value in the field to split by.
    """

    trajectories: int
    failed: int
    unfinished: int
    rounds: int
    groups: dict[str, int]


def look_into(path: str | Path, *, by: str | None = None) -> Contents:
    """Count what a store holds.

    Raises:
        StoreError: The store cannot be read.
        InputError: It holds no trajectory, or none with the field to split by.
    """
    count = failed = unfinished = rounds = 0
    groups: dict[str, int] = {}
    has_field = False
    with Store.open_to_read(path) as store:
        for trajectory in store.contents():
            count += 1
            rounds = max(rounds, trajectory.rounds)
            failed += trajectory.failed
            unfinished += trajectory.end is None
            has_field = has_field or by in trajectory.draft.extra
            group = "" if by is None else group_of(trajectory, by)
            groups[group] = groups.get(group, 0) + 1
    if not count:
        raise InputError(f"{path} holds no trajectory: there is nothing to evaluate.")
    if by is not None and not has_field:
        raise InputError(f"No draft of {path} has a field '{by}' to split by.")
    return Contents(count, failed, unfinished, rounds, groups)


async def ask_judge(
    path: str | Path,
    judge: Judge,
    *,
    rounds: int,
    against: frozenset[Against] = ORIGINAL,
    concurrency: int = DEFAULT_CONCURRENCY,
    on_verdict: Callable[[Asked], None] | None = None,
) -> Asked:
    """Have a judge give all verdicts on a store that are not there yet.

    Raises:
        JudgeError: The judge cannot be asked any more; what it said before is stored.
        StoreError: The store cannot be read or written.
    """
    with Store.open_to_read(path) as store, Verdicts.open(path) as verdicts:
        return await collect(
            store.contents(),
            judge,
            verdicts,
            rounds=rounds,
            against=against,
            concurrency=concurrency,
            on_verdict=on_verdict,
        )


def questions(path: str | Path, *, rounds: int, against: frozenset[Against] = ORIGINAL) -> int:
    """How many questions a judge of a store has to answer, those it has answered included.

    Raises:
        StoreError: The store cannot be read.
    """
    with Store.open_to_read(path) as store:
        return count_questions(store.contents(), rounds=rounds, against=against)


def evaluate(
    path: str | Path,
    judges: Sequence[JudgeInfo],
    *,
    rounds: int | None = None,
    against: frozenset[Against] = ORIGINAL,
    by: str | None = None,
) -> Evaluation:
    """The figures of a store from the verdicts that are stored in it.

    Args:
        path: The store.
        judges: Whose verdicts; see :func:`stored_judges`.
        rounds: Rounds to tell of; None: as many as any trajectory has.
        against: What each round is compared with.
        by: A field of the drafts to split by.

    Raises:
        StoreError: The store cannot be read.
        InputError: It holds no trajectory, or none with the field to split by.
        MissingExtraError: The statistics libraries are not installed.
    """
    contents = look_into(path, by=by)
    told = contents.rounds if rounds is None else rounds
    said: list[tuple[JudgeInfo, list[Outcome]]] = []
    with Store.open_to_read(path) as store, Verdicts.open_to_read(path) as verdicts:
        for judge in judges:
            found = outcomes(store.contents(), verdicts, judge, rounds=told, against=against, by=by)
            said.append((judge, list(found)))
    shared = agreement([(judge.name, known) for judge, known in said]) if len(said) > 1 else None
    return Evaluation(
        trajectories=contents.trajectories,
        failed=contents.failed,
        unfinished=contents.unfinished,
        split_by=by,
        judges=tuple(
            JudgeFigures(judge=judge, rounds=rounds_of(known, rounds=told, sizes=contents.groups))
            for judge, known in said
        ),
        agreement=shared,
    )


def stored_judges(path: str | Path) -> list[JudgeInfo]:
    """The judges whose verdicts a store holds.

    Raises:
        StoreError: The store cannot be read.
    """
    with Verdicts.open_to_read(path) as verdicts:
        return verdicts.judges()
