"""Which of two versions is better: by stored verdicts, or by the critic's scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from revloop.errors import InputError
from revloop.evaluation import Question
from revloop.evaluation.outcomes import scores_of
from revloop.trajectory import PanelComparison

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from revloop.evaluation import Verdicts
    from revloop.export.options import ExportOptions
    from revloop.store import Store
    from revloop.trajectory import JudgeInfo, Trajectory, Verdict, Version

    StoredVerdict = Callable[[JudgeInfo, Question], Verdict | None]


class Decision(NamedTuple):
    """Which of two texts is better.

    Attributes:
        wins: 1: the later one; -1: the earlier one; 0: neither is.
        margin: By how much the better one wins, above 0: the judges' mean verdict, from 0 (they
            contradict each other) to 1 (all agree in all orders), or the difference of the scores.
        is_known: Whether anyone compared them.
    """

    wins: int
    margin: float
    is_known: bool = True


_UNKNOWN = Decision(0, 0.0, is_known=False)


class Preferences(Protocol):
    """Decides which of two versions of a trajectory is better."""

    def decide(self, trajectory: Trajectory, earlier: Version, later: Version) -> Decision:
        """Compare two versions with different texts."""
        ...


class CriticScores:
    """Prefers the version with the critic's higher score."""

    def decide(self, trajectory: Trajectory, earlier: Version, later: Version) -> Decision:
        """Compare two versions; unknown if one was not scored."""
        before, after = (trajectory.score_of(version.round) for version in (earlier, later))
        if before is None or after is None:
            return _UNKNOWN
        return Decision((after > before) - (after < before), abs(after - before))


class JudgedPreferences:
    """Prefers the version that judges prefer.

    Args:
        verdict: Looks up a judge's verdict on a question.
        judges: Whose verdicts count.
        options: How many judges must agree, in which orders, and whether ties are left out.
        of_loop: The judges whose verdicts the versions hold, from the run itself.
    """

    def __init__(
        self,
        verdict: StoredVerdict,
        judges: Sequence[JudgeInfo],
        options: ExportOptions,
        *,
        of_loop: Sequence[JudgeInfo] = (),
    ) -> None:
        self._verdict = verdict
        self._of_loop = of_loop
        self.judges = tuple(judges)
        self._least = options.min_judges
        self._in_both = options.orders == "both"
        self._drop_ties = options.drop_ties

    def decide(self, trajectory: Trajectory, earlier: Version, later: Version) -> Decision:
        """Compare two versions; unknown if no judge did, or none could be read."""
        draft = trajectory.draft
        question = Question(draft.prompt_text, earlier.text, later.text, draft.extra)
        held = _held(trajectory, earlier, later, self._of_loop)
        found = [self._scores(judge, question, held) for judge in self.judges]
        known = [score for scores in found for score in scores]
        if not known:
            return _UNKNOWN
        if self._drop_ties and 0.5 in known:
            return Decision(0, 0.0)
        winners = [
            self._winner(scores, 1 if judge.kind == "people" else 2)
            for judge, scores in zip(self.judges, found, strict=True)
        ]
        return self._agreed(winners, known)

    def _scores(
        self, judge: JudgeInfo, question: Question, held: Mapping[str, tuple[Verdict, Verdict]]
    ) -> list[float]:
        """The later text's readable scores in both orders."""
        given = [self._verdict(judge, one) for one in question.orders]
        if given == [None, None] and judge.digest in held:
            given = list(held[judge.digest])
        both = scores_of(*given)
        return [score for score in both if score is not None]

    def _winner(self, scores: Sequence[float], orders: int) -> int:
        for wins, preferred, lost in ((1, 1.0, 0.0), (-1, 0.0, 1.0)):
            if self._in_both and len(scores) == orders and set(scores) == {preferred}:
                return wins
            if not self._in_both and preferred in scores and lost not in scores:
                return wins
        return 0

    def _agreed(self, winners: Sequence[int], known: Sequence[float]) -> Decision:
        for wins in (1, -1):
            if winners.count(wins) >= self._least and -wins not in winners:
                return _decision(wins, known)
        return Decision(0, 0.0)


def judged_preferences(
    store: Store,
    verdicts: Verdicts,
    options: ExportOptions,
    run: int | None,
    *,
    needs_judges: bool = True,
    or_scores: bool = True,
) -> JudgedPreferences:
    """The preferences of the judges that the options name, or of all that a store knows.

    Args:
        store: Its versions hold the verdicts of the run's own judges.
        verdicts: The store's verdicts.
        options: Which judges, and by which rules.
        run: The run that is read; None: the newest with a trajectory.
        needs_judges: Whether it is an error if there is no judge at all and none is named.
        or_scores: Whether the caller could take the critic's scores in their place.

    Raises:
        InputError: The store has no verdict of a judge, or none at all.
    """
    wanted = store.newest_run() if run is None else run
    of_loop = next((one.settings.all_judges for one in store.runs() if one.id == wanted), ())
    known = verdicts.judges()
    stored = {judge.digest for judge in known}
    known += [judge for judge in of_loop if judge.digest not in stored]
    if not (known or needs_judges or options.judge):
        return JudgedPreferences(verdicts.get, (), options)
    if not known:
        scores = ", or take the critic's scores (--prefer scores)" if or_scores else ""
        raise InputError(
            f"{store.path} has no verdicts, so nothing says which version is better. Compare them "
            f"(revloop evaluate {store.path} --judge JUDGE){scores}."
        )
    judges = _judges_named(known, options.judge, store.path)
    return JudgedPreferences(verdicts.get, judges, options, of_loop=of_loop)


def is_harmed(trajectory: Trajectory, preferences: Preferences) -> bool:
    """Whether the original is preferred to the version that was kept."""
    first, kept = trajectory.versions[0], trajectory.versions[trajectory.kept]
    if first.text == kept.text:
        return False
    return preferences.decide(trajectory, first, kept).wins < 0


def _judges_named(
    known: Sequence[JudgeInfo], names: Sequence[str], store: object
) -> list[JudgeInfo]:
    """The judges with some names; all, if none is named.

    Raises:
        InputError: The store has no verdict of one.
    """
    for name in names:
        if all(judge.name != name for judge in known):
            there = ", ".join(dict.fromkeys(f"'{judge.name}'" for judge in known))
            raise InputError(
                f"{store} has no verdict of a judge '{name}'; it has those of {there}."
            )
    return [judge for judge in known if not names or judge.name in names]


def _held(
    trajectory: Trajectory, earlier: Version, later: Version, judges: Sequence[JudgeInfo]
) -> dict[str, tuple[Verdict, Verdict]]:
    """The verdicts of the run's own judges on two versions, by digest, if they compared them."""
    for version in trajectory.versions:
        compared = version.comparison
        if compared is None:
            continue
        before = trajectory.versions[compared.incumbent]
        if (before.text, version.text) == (earlier.text, later.text):
            if isinstance(compared, PanelComparison):
                return {vote.digest: vote.verdicts for vote in compared.votes}
            return {judge.digest: compared.verdicts for judge in judges}
    return {}


def _decision(wins: int, known: Sequence[float]) -> Decision:
    mean = sum(known) / len(known)
    return Decision(wins, abs(2 * mean - 1) if wins else 0.0)
