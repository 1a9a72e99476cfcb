"""When a trajectory ends, decided by its versions alone."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from revloop.trajectory import REVISION_KINDS, End, StopReason, kept_round

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from revloop.options import RunSettings
    from revloop.trajectory import Critique, Trajectory, Version


_AROUND = " \t\r*_\"'`.!-"
"""What models put around a line."""

_FOUND_NOTHING = {StopReason.NOTHING_TO_IMPROVE, StopReason.CRITERIA_MET}
"""Ends after a critique that asks for no revision."""


def end_of(
    versions: Sequence[Version],
    settings: RunSettings,
    iterations: int,
    fields: Mapping[str, object] = MappingProxyType({}),
) -> End | None:
    """Why the rounds end after these versions; None if another round follows.

    A pure function of the versions, so that a trajectory resumed from a store ends where it would
    have ended without the interruption.

    Args:
        versions: All versions so far, version 0 first.
        settings: Which early stops are enabled.
        iterations: Rounds requested.
        fields: Those of the draft's row, for the policy.
    """
    last = versions[-1]
    early = (
        _verified(versions, settings)
        or _left_by_policy(versions, settings, iterations, fields)
        or _early_reason(versions, settings)
    )
    if early is not None:
        reason, detail = early
        saved = settings.requests_a_round * max(0, iterations - last.round)
        if last.round and _is_unrevised(reason, last) and not settings.single_pass:
            # the revisions of the round whose critique found nothing
            critiques = 0 if settings.critique == "checks" else settings.critiques
            saved += settings.requests_a_round - critiques
        return End(reason=reason, detail=detail + _unscored(versions, settings), calls_saved=saved)
    if last.round >= iterations:
        detail = f"All rounds are done ({last.round})." + _unscored(versions, settings)
        return End(reason=StopReason.ROUNDS_DONE, detail=detail)
    return _nothing_to_tell(next_base(versions, settings), settings)


def next_base(versions: Sequence[Version], settings: RunSettings) -> Version:
    """The version that the next round revises."""
    return versions[kept_round(versions) if settings.keep == "gate" else -1]


def first_rounds(trajectory: Trajectory, settings: RunSettings, iterations: int) -> Trajectory:
    """A trajectory without what came after its first rounds, a failure included.

    Args:
        trajectory: Returned unchanged if it has fewer rounds.
        settings: What it was made with.
        iterations: Rounds to keep.
    """
    if trajectory.rounds < iterations:
        return trajectory
    versions = trajectory.versions[: iterations + 1]
    end = end_of(versions, settings, iterations, trajectory.draft.extra)
    return trajectory.model_copy(update={"versions": versions, "end": end})


def is_enough(
    critique: Critique, round_: int, settings: RunSettings, fields: Mapping[str, object]
) -> bool:
    """Whether no revision follows a critique: it found nothing, or the policy wants none."""
    policy = settings.policy
    if round_ == 1 and policy is not None and policy.leaves_alone(fields, critique.score):
        return True
    return found_nothing(critique, settings)


def found_nothing(critique: Critique | None, settings: RunSettings) -> bool:
    """Whether a critique's score is high enough, all of its criteria are met, or it says so."""
    score = None if critique is None else critique.score
    if critique is not None and critique.meets_all and settings.early_stop:
        return True
    if critique is not None and _says_so(critique, settings):
        return True
    return settings.stop_score is not None and score is not None and score >= settings.stop_score


def _says_so(critique: Critique, settings: RunSettings) -> bool:
    """Whether the last line of a critique is the prompt set's for "nothing to change"."""
    if not settings.no_change:
        return False
    last = critique.raw.rstrip().rpartition("\n")[2]
    return last.strip(_AROUND).casefold() == settings.no_change.strip(_AROUND).casefold()


def _left_by_policy(
    versions: Sequence[Version],
    settings: RunSettings,
    iterations: int,
    fields: Mapping[str, object],
) -> tuple[StopReason, str] | None:
    """The end of a draft that has had the rounds that the policy gives it."""
    policy, done = settings.policy, versions[-1].round
    if policy is None:
        return None
    rounds, why = policy.by_field(fields), f"its field '{policy.field}'"
    if rounds is None:
        if not done:
            return None
        critique = versions[1].critique
        score = None if critique is None else critique.score
        rounds = policy.by_score(score)
        why = "its first critique, which has no score" if score is None else f"its score {score:g}"
    if done < rounds or rounds >= iterations:
        return None
    number = "1 round" if rounds == 1 else f"{rounds or 'no'} rounds"
    return StopReason.NOT_WORTH_REVISING, f"By {why}, the policy gives it {number}."


def _is_unrevised(reason: StopReason, last: Version) -> bool:
    """Whether the last round ended with its critique."""
    if reason is StopReason.NOT_WORTH_REVISING:
        return not any(step.kind in REVISION_KINDS for step in last.steps)
    return reason in _FOUND_NOTHING


def _nothing_to_tell(base: Version, settings: RunSettings) -> End | None:
    """The end where checks are the critique, none of them fails, and some could not be run."""
    if settings.critique != "checks" or any(check.passed is False for check in base.checks):
        return None
    unknown = [check for check in base.checks if check.passed is None]
    if not unknown:
        return None
    names = ", ".join(check.name for check in unknown)
    detail = (
        f"Version {base.round} fails no check, but not every check could be run ({names}): "
        f"{unknown[0].message}"
    )
    return End(reason=StopReason.CHECK_FAILED, detail=detail)


def _unscored(versions: Sequence[Version], settings: RunSettings) -> str:
    """A warning if a stop score is set and no critique gave a score."""
    critiques = [version.critique for version in versions if version.critique is not None]
    if settings.stop_score is None or not critiques or any(c.score is not None for c in critiques):
        return ""
    return f" No critique gave a readable score, so none could reach {settings.stop_score:g}."


def _verified(versions: Sequence[Version], settings: RunSettings) -> tuple[StopReason, str] | None:
    kept = versions[kept_round(versions)]
    if not settings.stop_verified or not kept.is_verified:
        return None
    return StopReason.VERIFIED, f"Version {kept.round} passes all checks."


def _early_reason(
    versions: Sequence[Version], settings: RunSettings
) -> tuple[StopReason, str] | None:
    last = versions[-1]
    if last.critique is not None and found_nothing(last.critique, settings):
        return _found_nothing_because(last.critique, last.round, settings)
    if not settings.early_stop or len(versions) < 2:
        return None
    text, base = _words(last.text), versions[-2 if last.base is None else last.base]
    if text == _words(base.text):
        space = "" if last.text == base.text else " but white space"
        return StopReason.CONVERGED, f"Round {last.round} changed nothing{space}."
    if settings.keep == "gate" and kept_round(versions) != last.round:
        return _after_a_version_that_lost(last, settings)
    for earlier in versions[:-1]:
        if text == _words(earlier.text):
            detail = f"Round {last.round} went back to version {earlier.round}."
            return StopReason.CYCLE, detail
    return None


def _found_nothing_because(
    critique: Critique, round_: int, settings: RunSettings
) -> tuple[StopReason, str]:
    if critique.meets_all and settings.early_stop:
        number = len(critique.criteria)
        met = "the criterion is" if number == 1 else f"all {number} criteria are"
        return StopReason.CRITERIA_MET, f"Round {round_}: {met} met."
    if _says_so(critique, settings):
        return StopReason.NOTHING_TO_IMPROVE, f"Round {round_}: the critique wants no change."
    detail = f"Round {round_}: the critique's score is {critique.score:g}."
    return StopReason.NOTHING_TO_IMPROVE, detail


def _after_a_version_that_lost(
    last: Version, settings: RunSettings
) -> tuple[StopReason, str] | None:
    """The next round starts where the last one did; at temperature 0 it would write the same."""
    if not settings.is_greedy:
        return None
    detail = f"Round {last.round} improved nothing, and at temperature 0 no other would."
    return StopReason.CONVERGED, detail


def _words(text: str) -> list[str]:
    """A text's words, to compare texts without white space."""
    return text.split()
