"""Judges with known behaviour and stores with known texts, for tests of evaluation."""

from __future__ import annotations

import contextlib
import itertools
import random
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from revloop.evaluation import Outcome
from revloop.options import LoopOptions, RunSettings
from revloop.prompts import PromptSet
from revloop.store import Store
from revloop.trajectory import Draft, End, EngineInfo, JudgeInfo, StopReason, Verdict, Version
from tests.helpers.stored import append, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from revloop.trajectory import JudgeKind, Preference

ENGINE = EngineInfo(kind="scripted", model="script", version="1")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DONE = StopReason.ROUNDS_DONE


class RuleJudge:
    """Decides by a rule and records every comparison."""

    def __init__(
        self, rule: Callable[[str, str, str], Preference | Exception], name: str = "rule"
    ) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.is_closed = False
        self._rule = rule
        self.info = JudgeInfo(kind="function", name=name, digest=f"digest of {name}")

    async def judge(self, prompt: str, first: str, second: str) -> Verdict:
        self.asked.append((prompt, first, second))
        said = self._rule(prompt, first, second)
        if isinstance(said, Exception):
            raise said
        return Verdict(preference=said, reason="By rule.", raw=said)

    async def aclose(self) -> None:
        self.is_closed = True


def always_first(_prompt: str, _first: str, _second: str) -> Preference:
    """Always prefers the first text."""
    return "first"


def longer_wins(_prompt: str, first: str, second: str) -> Preference:
    """Decides by length only."""
    if len(first) == len(second):
        return "tie"
    return "first" if len(first) > len(second) else "second"


def coin(seed: int = 0) -> Callable[[str, str, str], Preference]:
    """Decides at random."""
    drawn = random.Random(seed)

    def flip(_prompt: str, _first: str, _second: str) -> Preference:
        return drawn.choice(("first", "second"))

    return flip


def by_number(_prompt: str, first: str, second: str) -> Preference:
    """Prefers the text that begins with the higher number."""
    left, right = (int(text.split()[0]) for text in (first, second))
    if left == right:
        return "tie"
    return "first" if left > right else "second"


def store_of(
    path: Path,
    texts: Iterable[Sequence[str]],
    *,
    reasons: Iterable[StopReason | None] = (),
    fields: Iterable[Mapping[str, Any]] = (),
    prompt: str | None = "Why?",
) -> Path:
    """A store with one trajectory for each row of texts, version 0 first.

    Args:
        path: The store's file.
        texts: The versions of each trajectory.
        reasons: Stop reason of each; None: unfinished. Missing ones: rounds done.
        fields: Extra fields of each draft.
        prompt: The prompt of all drafts.
    """
    settings = RunSettings.resolve(LoopOptions(), PromptSet.load("cnr"), ENGINE)
    ended, own = itertools.chain(reasons, itertools.repeat(DONE)), iter(fields)
    with Store.open(path) as store:
        run = store.begin_run(settings)
        for number, row in enumerate(texts, start=1):
            extra = dict(next(own, {}))
            draft = Draft(id=f"d{number}", prompt=prompt, response=row[0], extra=extra)
            trajectory = store.begin(run, f"t{number}", draft)
            for round_, text in enumerate(row):
                append(trajectory, Version(round=round_, text=text, created_at=NOW))
            reason = next(ended)
            if reason is not None:
                finish(trajectory, End(reason=reason, detail="Ended."))
    return path


def outcome(
    record: int = 0,
    scores: tuple[float | None, float | None] = (1.0, 1.0),
    *,
    round_: int = 1,
    characters: tuple[int, int] = (10, 10),
    **more: Any,
) -> Outcome:
    """One record after one round."""
    given: dict[str, Any] = {
        "group": "",
        "against": "original",
        "unparseable": 0,
        "is_judged": True,
        "is_unchanged": False,
        **more,
    }
    return Outcome(record=record, round=round_, scores=scores, characters=characters, **given)


def outcomes_of(wins: int, ties: int, losses: int) -> list[Outcome]:
    """Records in both orders with these verdict counts, whose sum must be even."""
    scores = [1.0] * wins + [0.5] * ties + [0.0] * losses
    pairs = zip(scores[::2], scores[1::2], strict=True)
    return [outcome(number, pair) for number, pair in enumerate(pairs)]


def info(name: str = "rule", kind: JudgeKind = "function") -> JudgeInfo:
    """The record of a judge."""
    return JudgeInfo(kind=kind, name=name, digest=f"digest of {name}")


def count_verdicts(path: Path, judge: JudgeInfo) -> int:
    """Number of stored verdicts of a judge."""
    sql = "SELECT count(*) FROM verdicts WHERE judge = ?"
    with contextlib.closing(sqlite3.connect(path)) as database:
        (number,) = database.execute(sql, (judge.digest,)).fetchone()
    return int(number)
