"""What the rounds did to checks: which texts fail before, are fixed, are broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from revloop.evaluation.figures import holm, sign_test, wilson_interval
from revloop.evaluation.outcomes import group_of
from revloop.evaluation.pairs import version_after
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from revloop.trajectory import Check, Trajectory


class CheckFigures(Frozen):
    """One check of all records after one round. None: not measured."""

    check: str | None = Field(description="The check's name; None: all checks of a text together.")
    group: str | None = Field(description="Value of the field split by; None: all records.")
    round: int = Field(description="0: the original responses.")
    records: int = Field(
        description="Records that all figures are of: the check could be run on the original and "
        "on the round's text."
    )
    missing: int = Field(description="Records without this round, excluded from all figures.")
    not_run: int = Field(
        description="Records excluded because the check could not be run on one of the two texts."
    )
    failed_before: int = Field(description="Records whose original fails the check.")
    fixed: int = Field(description="Of these, those whose text passes now.")
    broken: int = Field(description="Records whose original passes, and whose text fails now.")
    passed: int = Field(description="Records whose text passes now.")
    pass_rate: float | None = Field(description="passed / records.")
    pass_rate_low: float | None = Field(description="Lower end of Wilson's 95% interval.")
    pass_rate_high: float | None = Field(description="Upper end of Wilson's 95% interval.")
    p: float | None = Field(
        description="McNemar's exact test: fixed against broken. Holm's correction over the rounds "
        "of the check. None for round 0, or if no record changed."
    )


class CheckOutcome(NamedTuple):
    """One check of one record, in the original and after a round.

    Attributes:
        record: Number of the trajectory, from 0.
        group: Value of the field that the figures are split by; empty without a split.
        check: Its name; None for all checks of the record together.
        round: The round, from 0.
        before: Whether the original passes; None if the check could not be run on it.
        after: The same of the round's text.
    """

    record: int
    group: str
    check: str | None
    round: int
    before: bool | None
    after: bool | None

    @property
    def is_known(self) -> bool:
        """Whether the check could be run on both texts."""
        return self.before is not None and self.after is not None


def check_outcomes(
    trajectories: Iterable[Trajectory], *, rounds: int, by: str | None = None
) -> Iterator[CheckOutcome]:
    """The outcomes of all checks.

    Args:
        trajectories: In the order in which the records are numbered.
        rounds: Number of rounds.
        by: The field of the drafts to group by; None: no groups.
    """
    for record, trajectory in enumerate(trajectories):
        first = _results(trajectory.versions[0].checks)
        group = "" if by is None or not first else group_of(trajectory, by)
        for round_ in range(rounds + 1) if first else ():
            version = version_after(trajectory, round_)
            if version is None:
                break
            now = _results(version.checks)
            for name in first.keys() & now.keys():
                yield CheckOutcome(record, group, name, round_, first[name], now[name])


def figures_of_checks(
    outcomes: Iterable[CheckOutcome], *, rounds: int, is_split: bool
) -> tuple[CheckFigures, ...]:
    """The figures of each check and round, for all records and for each group.

    Args:
        outcomes: Of all checks.
        rounds: Number of rounds.
        is_split: Whether there are several groups.
    """
    by_check: dict[str | None, list[CheckOutcome]] = {}
    for outcome in outcomes:
        by_check.setdefault(outcome.check, []).append(outcome)
    rows: list[CheckFigures] = []
    # those of all checks together first; they say nothing new where there is one check
    for check in sorted(by_check, key=lambda name: (name is not None, name or "")):
        if check is None and len(by_check) <= 2:
            continue
        known = by_check[check]
        rows += _rows(known, rounds, check, None)
        for group in sorted({one.group for one in known}) if is_split else ():
            rows += _rows([one for one in known if one.group == group], rounds, check, group)
    return tuple(rows)


def _results(checks: Sequence[Check]) -> dict[str | None, bool | None]:
    """What each check found, and all of them together."""
    if not checks:
        return {}
    found = [check.passed for check in checks]
    together = False if False in found else (None if None in found else True)
    return {None: together, **{check.name: check.passed for check in checks}}


def _rows(
    outcomes: Sequence[CheckOutcome], rounds: int, check: str | None, group: str | None
) -> list[CheckFigures]:
    by_round: list[list[CheckOutcome]] = [[] for _ in range(rounds + 1)]
    for outcome in outcomes:
        by_round[outcome.round].append(outcome)
    size, names = len(by_round[0]), {"check": check, "group": group}
    tests = holm([_mcnemar(found) for found in by_round])
    return [
        CheckFigures.model_validate(
            {**names, "round": round_, "p": tests[round_], **_figures(found, size)}
        )
        for round_, found in enumerate(by_round)
    ]


def _figures(outcomes: Sequence[CheckOutcome], size: int) -> dict[str, object]:
    known = [outcome for outcome in outcomes if outcome.is_known]
    passed = sum(bool(outcome.after) for outcome in known)
    low, high = wilson_interval(passed, len(known)) if known else (None, None)
    return {
        "records": len(known),
        "missing": size - len(outcomes),
        "not_run": len(outcomes) - len(known),
        "failed_before": sum(not one.before for one in known),
        "fixed": sum(bool(one.after and not one.before) for one in known),
        "broken": sum(bool(one.before and not one.after) for one in known),
        "passed": passed,
        "pass_rate": passed / len(known) if known else None,
        "pass_rate_low": low,
        "pass_rate_high": high,
    }


def _mcnemar(outcomes: Sequence[CheckOutcome]) -> float | None:
    known = [outcome for outcome in outcomes if outcome.is_known]
    before = {one.record: float(bool(one.before)) for one in known}
    return sign_test(before, {one.record: float(bool(one.after)) for one in known})
