"""Collecting verdicts: nothing is asked twice, and nothing is lost on a failure."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from revloop.errors import JudgeError, StoreError, UnreachableError
from revloop.evaluation import Question, Verdicts, ask_judge, count_questions
from revloop.trajectory import Verdict
from tests.helpers.judges import RuleJudge, always_first, by_number, count_verdicts, store_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from revloop.evaluation import Against, VerdictCounts
    from revloop.trajectory import Preference

BY_TURNS: tuple[Preference, ...] = ("tie", "unparseable")
BOTH: frozenset[Against] = frozenset({"original", "previous"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Three records; the last round did not change the second."""
    return store_of(tmp_path / "s.sqlite", [["1 a", "2 a", "3 a"], ["1 b", "2 b"], ["5", "4"]])


def stored(path: Path, judge: RuleJudge) -> int:
    return count_verdicts(path, judge.info)


async def test_every_changed_pair_is_asked_in_both_orders(path: Path) -> None:
    judge = RuleJudge(by_number)
    asked = await ask_judge(path, judge, rounds=1)
    assert asked == (6, 0, 0)
    assert sorted(judge.asked) == sorted(
        ("Why?", *order)
        for pair in (("1 a", "2 a"), ("1 b", "2 b"), ("5", "4"))
        for order in (pair, pair[::-1])
    )


async def test_a_second_call_asks_nothing(path: Path) -> None:
    judge = RuleJudge(by_number)
    await ask_judge(path, judge, rounds=2, against=BOTH)
    before = len(judge.asked)
    again = await ask_judge(path, judge, rounds=2, against=BOTH)
    assert (again.new, len(judge.asked)) == (0, before)
    assert again.stored == stored(path, judge) + 6  # round 1 against both is asked about once


async def test_the_same_texts_are_asked_about_once(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["1", "2"]] * 20)
    judge = RuleJudge(by_number)
    assert (await ask_judge(path, judge, rounds=1)).new == 2 == len(judge.asked)


async def test_unchanged_texts_are_not_asked_about(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["1", "1"]])
    judge = RuleJudge(by_number)
    assert await ask_judge(path, judge, rounds=1) == (0, 0, 0)
    assert judge.asked == []


async def test_another_judge_is_asked_again(path: Path) -> None:
    await ask_judge(path, RuleJudge(by_number, "one"), rounds=1)
    assert (await ask_judge(path, RuleJudge(by_number, "two"), rounds=1)).new == 6


async def test_a_judge_that_fails_halfway_loses_nothing(path: Path) -> None:
    count = itertools.count()

    def dying(*texts: str) -> Preference | Exception:
        return UnreachableError("gone") if next(count) >= 3 else by_number(*texts)

    judge = RuleJudge(dying)
    with pytest.raises(JudgeError, match=r"gave 3 verdicts and then failed: gone\n.* to continue"):
        await ask_judge(path, judge, rounds=1, concurrency=1)
    assert stored(path, judge) == 3
    again = RuleJudge(by_number)
    assert (await ask_judge(path, again, rounds=1)).new == 3
    assert not {*again.asked} & {*judge.asked[:3]}


async def test_an_interruption_keeps_the_verdicts(path: Path) -> None:
    waiting = anyio.Event()

    class Slow(RuleJudge):
        async def judge(self, prompt: str, first: str, second: str) -> Verdict:
            if len(self.asked) == 2:
                waiting.set()
                await anyio.sleep_forever()
            return await super().judge(prompt, first, second)

    judge = Slow(by_number)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(ask_judge, path, judge, rounds=1, concurrency=1))
        await waiting.wait()
        tasks.cancel_scope.cancel()
    assert stored(path, judge) == 2


async def test_concurrency_limits_the_open_questions(path: Path) -> None:
    most = open_ = 0
    all_open = anyio.Event()

    class Counting(RuleJudge):
        async def judge(self, prompt: str, first: str, second: str) -> Verdict:
            nonlocal most, open_
            open_ += 1
            most = max(most, open_)
            if open_ == 3:
                all_open.set()
            await all_open.wait()
            open_ -= 1
            return await super().judge(prompt, first, second)

    await ask_judge(path, Counting(always_first), rounds=2, concurrency=3)
    assert most == 3


async def test_each_new_verdict_is_reported(path: Path) -> None:
    told: list[VerdictCounts] = []
    await ask_judge(path, RuleJudge(by_number), rounds=1, on_verdict=told.append)
    assert [asked.new for asked in told] == [1, 2, 3, 4, 5, 6]
    assert count_questions(path, rounds=1) == 6


async def test_unreadable_verdicts_are_counted(path: Path) -> None:
    answers = itertools.cycle(BY_TURNS)
    asked = await ask_judge(path, RuleJudge(lambda *_: next(answers)), rounds=1)
    assert asked == (6, 0, 3)


async def test_an_unwritable_store_is_a_store_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(Verdicts, "add", full)
    with pytest.raises(StoreError, match="disk is full"):
        await ask_judge(path, RuleJudge(by_number), rounds=1)


async def test_an_unreadable_store_is_a_store_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> Verdict:
        raise StoreError("damaged")

    monkeypatch.setattr(Verdicts, "get", damaged)
    with pytest.raises(StoreError, match="damaged"):
        await ask_judge(path, RuleJudge(by_number), rounds=1)


def test_a_question_can_be_asked_in_the_other_order() -> None:
    assert Question("p", "a", "b", {"n": 1}).swapped == Question("p", "b", "a", {"n": 1})


class Reader(RuleJudge):
    """A judge that is told the rubric, and prefers the second text if it is "second"."""

    def __init__(self, *fields: str) -> None:
        super().__init__(by_number)
        self.info = self.info.model_copy(update={"fields": fields})
        self.told: list[dict[str, Any]] = []

    async def judge(
        self, prompt: str, first: str, second: str, *, fields: Mapping[str, Any] | None = None
    ) -> Verdict:
        await super().judge(prompt, first, second)
        known = dict(fields or {})
        self.told.append(known)
        return Verdict(preference="first" if known.get("rubric") == "first" else "second")


class TestFields:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Three equal pairs under two rubrics."""
        fields = [{"rubric": name, "note": name} for name in ("first", "second", "first")]
        return store_of(tmp_path / "s.sqlite", [["1", "2"]] * 3, fields=fields)

    async def test_a_judge_is_told_those_that_it_names(self, path: Path) -> None:
        judge = Reader("rubric", "absent")
        counts = await ask_judge(path, judge, rounds=1)
        assert sorted(one["rubric"] for one in judge.told) == ["first"] * 2 + ["second"] * 2
        assert all(one.keys() == {"rubric"} for one in judge.told)
        assert (counts.new, counts.stored) == (4, 2)

    async def test_verdicts_under_another_rubric_are_others(self, path: Path) -> None:
        judge = Reader("rubric")
        await ask_judge(path, judge, rounds=1)
        assert (await ask_judge(path, judge, rounds=1)).new == 0
        with Verdicts.open_to_read(path) as verdicts:
            (info,) = verdicts.judges()
            assert info == judge.info
            found = [
                verdicts.get(info, Question("Why?", "1", "2", {"rubric": name, "note": 7}))
                for name in ("first", "second", "third")
            ]
        assert [one and one.preference for one in found] == ["first", "second", None]

    async def test_other_judges_ask_once_about_the_same_texts(self, path: Path) -> None:
        counts = await ask_judge(path, RuleJudge(by_number), rounds=1)
        assert (counts.new, counts.stored) == (2, 4)
