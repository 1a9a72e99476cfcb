"""Blind votes of people: which pairs, in which order, and what they have said so far."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from revloop.errors import MissingExtraError
from revloop.evaluation import Question, Verdicts
from revloop.evaluation.agreement import agreement_on
from revloop.evaluation.pairs import text_after
from revloop.evaluation.samples import DeclaredSample, SampleKey, Samples
from revloop.evaluation.sheets import WORDS, human_judge
from revloop.trajectory import Verdict, challenger_score
from revloop.values import digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.evaluation.verdicts import GivenVerdict
    from revloop.review.listing import ChangedPair, Listing
    from revloop.store import StoreFollower
    from revloop.trajectory import JudgeInfo, Trajectory

_LONGEST_THOUGHT_S = 300.0
_LAST_VOTES = 20
_NOTE_CHARACTERS = 5000


class Ballot(NamedTuple):
    """What one person has done and has left to do.

    Attributes:
        pairs: All pairs that they are asked about, in their order.
        done: Number of those that they voted on.
        next: The pair to show; None if nothing is left.
        left_s: Estimated seconds left; None if unknown.
        can_undo: Whether there is a vote or a skip to take back.
    """

    pairs: list[ChangedPair]
    done: int
    next: ChangedPair | None
    left_s: float | None
    can_undo: bool


class SharedVotes(NamedTuple):
    """How far two people agree on the pairs that both voted on.

    Attributes:
        name: The other person.
        votes: Pairs that both voted on.
        share: Share of these on which they agree; None if there are none.
        kappa: Cohen's kappa; None if undefined, or if statsmodels is not installed.
    """

    name: str
    votes: int
    share: float | None
    kappa: float | None


@dataclass
class Voting:
    """The votes of a store. Safe to use from several threads.

    Attributes:
        path: The store.
        follower: Reads trajectories.
        verdicts: Reads verdicts.
        listing: Knows the pairs.
        size: Number of pairs in the sample; None: all.
        seed: Random seed of the sample and of the order.
        by: The field of the drafts that the strata of the sample are split by, if any.
        round: The round whose texts are compared with the originals; None: the last one there is
            when the first person votes.
    """

    path: Path
    follower: StoreFollower
    verdicts: Verdicts
    listing: Listing
    size: int | None = None
    seed: int = 0
    by: str | None = None
    round: int | None = None
    _sample: DeclaredSample | None = None
    _writer: Verdicts | None = None
    _mark: int = 0  # the pairs have been read once when their mark is 1
    _asked: list[ChangedPair] = field(default_factory=list)
    _orders: dict[str, list[ChangedPair]] = field(default_factory=dict)
    _skipped: dict[str, dict[str, datetime]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def ballot(self, name: str, wanted: str = "") -> Ballot:
        """What a person has done and has left to do.

        Args:
            name: The person.
            wanted: Digest of the pair to show, if it is open; else the next one is.
        """
        given = self.verdicts.given_by(human_judge(name))
        skipped = self._skipped.get(name, {})
        pairs = self._in_order_of(name)
        left = [pair for pair in pairs if pair.digest not in given and pair.swapped not in given]
        left.sort(key=lambda pair: skipped.get(pair.digest, datetime.min.replace(tzinfo=UTC)))
        asked = [pair for pair in left if pair.digest == wanted]
        times = [one.given_at for one in given.values()]
        return Ballot(
            pairs=pairs,
            done=len(pairs) - len(left),
            next=next(iter([*asked, *left]), None),
            left_s=_seconds_left(times, len(left)),
            can_undo=bool(skipped) or len(pairs) > len(left),
        )

    def question(self, name: str, pair: ChangedPair) -> Question | None:
        """A pair in the order that a person sees it; None if the store has it no more."""
        trajectory = self.follower.trajectory(pair.key)
        found = None if trajectory is None else self._original_first(trajectory)
        if found is None or found.digest != pair.digest:
            return None
        is_swapped = int(digest_of("side", self.seed, name, pair.digest), 16) % 2
        return found.swapped if is_swapped else found

    def vote(self, name: str, pair: str, choice: str, note: str) -> bool:
        """Store a vote; when this returns, it is on disk.

        Args:
            name: Who votes.
            pair: Digest of the pair.
            choice: ``a``, ``b`` or ``tie``, of the texts as they were shown to this person.
            note: The reason; may be empty.

        Returns:
            False if there is no such pair, or no such choice.
        """
        found = next((one for one in self._pairs() if one.digest == pair), None)
        question = None if found is None else self.question(name, found)
        if found is None or question is None or choice not in WORDS:
            return False
        reason = note.strip()[:_NOTE_CHARACTERS] or None
        verdict = Verdict(preference=WORDS[choice], reason=reason, raw=choice)
        self._write().add(human_judge(name), [(question, verdict)])
        self._skipped.get(name, {}).pop(pair, None)
        return True

    def skip(self, name: str, pair: str) -> None:
        """Show a pair last."""
        if any(one.digest == pair for one in self._pairs()):
            self._skipped.setdefault(name, {})[pair] = datetime.now(UTC)

    def undo(self, name: str) -> str:
        """Take back the last vote or skip; returns the pair, empty if there is none."""
        judge = human_judge(name)
        by_digest = {digest: one for one in self._pairs() for digest in (one.digest, one.swapped)}
        given = self.verdicts.given_by(judge)
        votes = [(one.given_at, digest) for digest, one in given.items() if digest in by_digest]
        skips = [(time, digest) for digest, time in self._skipped.get(name, {}).items()]
        if not votes and not skips:
            return ""
        _, digest = max([*votes, *skips])
        if (digest in given) and (max(votes)[1] == digest):
            self._write().remove(judge, digest)
        else:
            del self._skipped[name][digest]
        return by_digest[digest].digest

    def agreement(self, name: str) -> list[SharedVotes]:
        """How far each other person agrees with one, on the pairs that both voted on."""
        me = human_judge(name)
        pairs = self._pairs()
        mine = _scores(self.verdicts.given_by(me), pairs)
        others = [one for one in self.verdicts.judges() if one.kind == "people" and one != me]
        return [self._shared(mine, one, pairs) for one in others]

    @property
    def key(self) -> SampleKey:
        """What is voted on."""
        with self._lock:
            if self.round is None and self.listing.pairs_mark:
                self.round = max(1, self.listing.most_rounds())
            return SampleKey("original", self.round or 1)

    def close(self) -> None:
        """Close what was opened to write."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()

    def _shared(
        self, mine: dict[str, float], other: JudgeInfo, pairs: list[ChangedPair]
    ) -> SharedVotes:
        theirs = _scores(self.verdicts.given_by(other), pairs)
        both = [(mine[pair], theirs[pair]) for pair in mine.keys() & theirs.keys()]
        try:
            found = agreement_on(("one", "other"), both)
        except MissingExtraError:
            share = sum(one == two for one, two in both) / len(both)
            return SharedVotes(other.name, len(both), share, None)
        return SharedVotes(other.name, found.verdicts, found.share, found.kappa)

    def _pairs(self) -> list[ChangedPair]:
        """The pairs that people are asked about; the first call declares them in the store."""
        mark = self.listing.pairs_mark
        with self._lock:
            if mark != self._mark:
                known = self.listing.pairs(self.key.round)
                if self._sample is None and known:
                    strata = {pair.digest: pair.stratum for pair in known}
                    with Samples.open(self.path) as samples:
                        self._sample = samples.declare(
                            self.key, self.size, self.seed, strata, by=self.by
                        )
                sample = self._sample
                self._asked = [one for one in known if sample is None or sample.has(one.digest)]
                self._orders.clear()
                self._mark = mark
            return self._asked

    def _in_order_of(self, name: str) -> list[ChangedPair]:
        """The pairs in the random order in which a person sees them."""
        with self._lock:
            pairs = self._pairs()
            if name not in self._orders:
                self._orders[name] = sorted(
                    pairs, key=lambda pair: digest_of(self.seed, name, pair.digest)
                )
            return self._orders[name]

    def _original_first(self, trajectory: Trajectory) -> Question | None:
        later = text_after(trajectory, self.key.round)
        draft = trajectory.draft
        if later is None:
            return None
        return Question(draft.prompt_text, trajectory.original, later, draft.extra)

    def _write(self) -> Verdicts:
        with self._lock:
            if self._writer is None:
                self._writer = Verdicts.open(self.path)
            return self._writer


def _scores(given: dict[str, GivenVerdict], pairs: list[ChangedPair]) -> dict[str, float]:
    """What a person's votes give the later texts, by pair."""
    found = {}
    for pair in pairs:
        for digest, is_first in ((pair.digest, False), (pair.swapped, True)):
            if digest in given:
                score = challenger_score(given[digest].verdict, challenger_first=is_first)
                if score is not None:
                    found[pair.digest] = score
    return found


def _seconds_left(times: list[datetime], left: int) -> float | None:
    """The pairs left times the usual time between the last votes, pauses excluded."""
    last = sorted(times)[-_LAST_VOTES:]
    pauses = [(after - before) / timedelta(seconds=1) for before, after in pairwise(last)]
    usual = [pause for pause in pauses if pause < _LONGEST_THOUGHT_S]
    return median(usual) * left if usual else None
