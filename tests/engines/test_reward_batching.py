"""Texts that are asked for together are scored together: `revloop.engines.rewards.batching`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from revloop.engines.rewards.batching import Answered, RewardBatcher
from revloop.errors import ContextFullError, RevloopError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.engines.rewards.batching import Outcome

GONE = UnreachableError("The server is gone.")


class LengthModel:
    """Gives each text its length, and records the batches.

    Attributes:
        batches: The texts of each batch.
        has_begun: Set when the first batch begins.
        open: Batches are scored while it is set.
        fault: Raised instead of scoring, if there is one.
    """

    name = "length"
    digest = "length"

    def __init__(
        self, *, most_texts: int = 8, most_batches: int = 1, has_one_prompt: bool = False
    ) -> None:
        self.most_texts = most_texts
        self.most_batches = most_batches
        self.has_one_prompt = has_one_prompt
        self.batches: list[list[str]] = []
        self.has_begun = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()
        self.fault: RevloopError | None = None

    async def score(self, texts: Sequence[Answered]) -> list[Outcome]:
        self.batches.append([answered.text for answered in texts])
        self.has_begun.set()
        await self.open.wait()
        if self.fault is not None:
            raise self.fault
        return [
            ContextFullError("too long") if len(one.text) > 20 else float(len(one.text))
            for one in texts
        ]

    async def aclose(self) -> None:
        pass


def pair(text: str, prompt: str = "Why?") -> Answered:
    return Answered(prompt, text)


async def ask_all(batcher: RewardBatcher, *texts: str) -> list[list[Outcome]]:
    """One caller a text, all at the same time."""
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(batcher.rewards([pair(text)])) for text in texts]
    return [task.result() for task in asked]


async def test_texts_that_are_asked_for_at_the_same_time_are_one_batch() -> None:
    model = LengthModel()
    assert await ask_all(RewardBatcher(model), "a", "bb", "ccc") == [[1.0], [2.0], [3.0]]
    assert model.batches == [["a", "bb", "ccc"]]


async def test_a_batch_has_at_most_so_many_texts() -> None:
    model = LengthModel(most_texts=2)
    texts = ["a", "bb", "ccc", "dddd", "eeeee"]
    assert await ask_all(RewardBatcher(model), *texts) == [[float(len(text))] for text in texts]
    assert [len(batch) for batch in model.batches] == [2, 2, 1]


async def test_texts_that_come_while_a_batch_is_scored_are_the_next_one() -> None:
    model = LengthModel()
    model.open.clear()
    batcher = RewardBatcher(model)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(batcher.rewards([pair("a")]))
        await model.has_begun.wait()
        for text in ("bb", "ccc"):
            tasks.create_task(batcher.rewards([pair(text)]))
        model.open.set()
    assert model.batches == [["a"], ["bb", "ccc"]]


async def test_a_text_that_several_ask_for_is_scored_once() -> None:
    model = LengthModel()
    batcher = RewardBatcher(model)
    assert await ask_all(batcher, "a", "a", "bb", "a") == [[1.0], [1.0], [2.0], [1.0]]
    assert await batcher.rewards([pair("bb"), pair("a"), pair("a")]) == [2.0, 1.0, 1.0]
    assert model.batches == [["a", "bb"]]


async def test_the_same_text_under_another_prompt_is_another_one() -> None:
    model = LengthModel()
    batcher = RewardBatcher(model)
    # the same when written together
    await batcher.rewards([Answered("ab", "c"), Answered("a", "bc")])
    assert model.batches == [["c", "bc"]]


async def test_only_so_many_rewards_are_remembered() -> None:
    model = LengthModel()
    batcher = RewardBatcher(model, remembered=2)
    for text in ("a", "bb", "ccc", "bb", "a"):
        await batcher.rewards([pair(text)])
    assert model.batches == [["a"], ["bb"], ["ccc"], ["a"]]


async def test_a_text_that_does_not_fit_is_not_sent_again() -> None:
    model = LengthModel()
    batcher = RewardBatcher(model)
    for _ in range(2):
        (outcome,) = await batcher.rewards([pair("a" * 30)])
        assert isinstance(outcome, ContextFullError)
    assert len(model.batches) == 1


async def test_only_texts_with_the_same_prompt_share_a_batch_where_the_server_needs_it() -> None:
    model = LengthModel(has_one_prompt=True)
    asked = [pair("a"), pair("bb", "How?"), pair("ccc"), pair("dddd", "How?")]
    assert await RewardBatcher(model).rewards(asked) == [1.0, 2.0, 3.0, 4.0]
    assert model.batches == [["a", "ccc"], ["bb", "dddd"]]


async def test_batches_are_scored_side_by_side_up_to_a_number() -> None:
    model = LengthModel(most_texts=1, most_batches=2)
    model.open.clear()
    batcher = RewardBatcher(model)
    async with asyncio.TaskGroup() as tasks:
        for text in ("a", "bb", "ccc"):
            tasks.create_task(batcher.rewards([pair(text)]))
        for _ in range(20):
            await asyncio.sleep(0)
        assert model.batches == [["a"], ["bb"]]
        model.open.set()
    assert model.batches == [["a"], ["bb"], ["ccc"]]


async def test_a_failure_reaches_all_of_the_batch_and_is_forgotten() -> None:
    model = LengthModel()
    model.fault = GONE
    batcher = RewardBatcher(model)
    assert await ask_all(batcher, "a", "bb") == [[GONE], [GONE]]
    model.fault = None
    assert await ask_all(batcher, "a", "bb") == [[1.0], [2.0]]


async def test_if_the_caller_who_scores_is_cancelled_the_next_one_scores() -> None:
    model = LengthModel()
    model.open.clear()
    batcher = RewardBatcher(model)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(batcher.rewards([pair("a")]))
        second = tasks.create_task(batcher.rewards([pair("bb")]))
        await model.has_begun.wait()
        first.cancel()
        model.open.set()
    assert second.result() == [2.0]
    assert model.batches == [["a", "bb"], ["bb"]]  # the first text is wanted no more


async def test_a_caller_who_is_cancelled_while_waiting_costs_nothing() -> None:
    model = LengthModel(most_texts=1)
    model.open.clear()
    batcher = RewardBatcher(model)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(batcher.rewards([pair("a")]))
        second = tasks.create_task(batcher.rewards([pair("bb")]))
        await model.has_begun.wait()
        second.cancel()
        await asyncio.sleep(0)
        model.open.set()
    assert first.result() == [1.0]
    assert model.batches == [["a"]]


def test_it_serves_one_event_loop_after_the_other() -> None:
    model = LengthModel(most_texts=1)
    batcher = RewardBatcher(model)
    for texts in (["a", "bb", "ccc"], ["dddd", "eeeee"]):
        found = asyncio.run(ask_all(batcher, *texts))
        assert found == [[float(len(text))] for text in texts]
