"""Evaluate a store with judges."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from revloop.errors import InputError
from revloop.evaluation.agreement import agreement
from revloop.evaluation.checks import check_outcomes, figures_of_checks
from revloop.evaluation.criteria import criteria_after, criteria_of
from revloop.evaluation.outcomes import Outcome, group_of, outcomes
from revloop.evaluation.pairs import ORIGINAL, Against
from revloop.evaluation.rounds import Evaluation, JudgeFigures, rounds_of
from revloop.evaluation.samples import Samples
from revloop.evaluation.verdicts import Verdicts
from revloop.evaluation.worth import spending_figures
from revloop.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from revloop.options.prices import Prices
    from revloop.trajectory import JudgeInfo


class StoreCounts(NamedTuple):
    """What a store holds.

    Attributes:
        trajectories: Number of trajectories.
        failed: Trajectories that ended with a failure.
        unfinished: Trajectories without an end.
        rounds: The most rounds of any trajectory.
        groups: Number of records by their value in the field to split by.
        has_criteria: Whether a critique scores criteria.
        has_checks: Whether any text was checked.
    """

    trajectories: int
    failed: int
    unfinished: int
    rounds: int
    groups: dict[str, int]
    has_criteria: bool
    has_checks: bool


def count_store(path: str | Path, *, by: str | None = None) -> StoreCounts:
    """Count what a store holds.

    Raises:
        StoreError: The store cannot be read.
        InputError: It holds no trajectory, or none with the field to split by.
    """
    count = failed = unfinished = rounds = 0
    groups: Counter[str] = Counter()
    has_field = has_criteria = has_checks = False
    with Store.open_to_read(path) as store:
        for trajectory in store.contents():
            count += 1
            rounds = max(rounds, trajectory.rounds)
            failed += trajectory.failed
            unfinished += trajectory.end is None
            has_checks = has_checks or bool(trajectory.versions[0].checks)
            has_field = has_field or by in trajectory.draft.extra
            has_criteria = has_criteria or bool(criteria_after(trajectory, 0))
            groups["" if by is None else group_of(trajectory, by)] += 1
    if not count:
        raise InputError(f"{path} holds no trajectory: there is nothing to evaluate.")
    if by is not None and not has_field:
        raise InputError(f"No draft of {path} has a field '{by}' to split by.")
    return StoreCounts(count, failed, unfinished, rounds, groups, has_criteria, has_checks)


def evaluate(
    path: str | Path,
    judges: Sequence[JudgeInfo],
    *,
    rounds: int | None = None,
    against: frozenset[Against] = ORIGINAL,
    by: str | None = None,
    prices: Prices | None = None,
) -> Evaluation:
    """Compute the figures of a store from its stored verdicts and checks.

    Args:
        path: The store.
        judges: Whose verdicts; see :func:`stored_judges`.
        rounds: Number of rounds; None: the most rounds of any trajectory.
        against: What each round is compared with.
        by: A field of the drafts to split by.
        prices: The prices of the models, to count money too.

    Raises:
        StoreError: The store cannot be read.
        InputError: It holds no trajectory, none with the field to split by, or a model without a
            price.
        MissingExtraError: The statistics libraries are not installed.
    """
    counts = count_store(path, by=by)
    last = counts.rounds if rounds is None else rounds
    by_judge: list[tuple[JudgeInfo, list[Outcome]]] = []
    with Samples.open_to_read(path) as declared:
        samples = declared.latest()
    with Store.open_to_read(path) as store, Verdicts.open_to_read(path) as verdicts:
        for judge in judges:
            found = outcomes(
                *(store.contents(), verdicts, judge),
                rounds=last,
                against=against,
                by=by,
                samples=samples,
            )
            by_judge.append((judge, list(found)))
        criteria = criteria_of(store.contents(), last) if counts.has_criteria else ()
        checks = check_outcomes(store.contents() if counts.has_checks else (), rounds=last, by=by)
        of_checks = figures_of_checks(checks, rounds=last, is_split=len(counts.groups) > 1)
        of_judges = tuple(
            JudgeFigures(
                judge=judge,
                rounds=rounds_of(
                    known,
                    rounds=last,
                    sizes=counts.groups,
                    sampled=samples if judge.kind == "people" else (),
                ),
            )
            for judge, known in by_judge
        )
        spending = spending_figures(store.contents(), of_judges, rounds=last, prices=prices)
    named = [(judge.name, known) for judge, known in by_judge]
    return Evaluation(
        trajectories=counts.trajectories,
        failed=counts.failed,
        unfinished=counts.unfinished,
        split_by=by,
        judges=of_judges,
        criteria=criteria,
        agreement=agreement(named) if len(named) > 1 else None,
        checks=of_checks,
        spending=spending,
        currency=None if prices is None else prices.currency,
    )


def stored_judges(path: str | Path) -> list[JudgeInfo]:
    """The judges whose verdicts a store holds.

    Raises:
        StoreError: The store cannot be read.
    """
    with Verdicts.open_to_read(path) as verdicts:
        return verdicts.judges()
