"""Batches of calls that arrive at the same time."""

from __future__ import annotations

import anyio
import pytest

from revloop.concurrency import Batcher, task_group


class Doubling:
    """Doubles numbers in batches, and records the batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_go_on = anyio.Event()
        self.may_go_on.set()

    async def run(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        await self.may_go_on.wait()
        if 13 in items:
            raise ValueError("13")
        return [2 * item for item in items]


@pytest.fixture
def doubling() -> Doubling:
    return Doubling()


async def all_of(batcher: Batcher[int, int], items: range) -> dict[int, int]:
    results: dict[int, int] = {}

    async def one(item: int) -> None:
        results[item] = await batcher(item)

    async with task_group() as tasks:
        for item in items:
            tasks.start_soon(one, item)
    return results


async def test_calls_of_the_same_moment_are_one_batch(doubling: Doubling) -> None:
    assert await all_of(Batcher(doubling.run, size=lambda: 8), range(5)) == {
        i: 2 * i for i in range(5)
    }
    assert doubling.batches == [[0, 1, 2, 3, 4]]


async def test_a_batch_has_at_most_its_size(doubling: Doubling) -> None:
    assert await all_of(Batcher(doubling.run, size=lambda: 2), range(5)) == {
        i: 2 * i for i in range(5)
    }
    assert doubling.batches == [[0, 1], [2, 3], [4]]


async def test_while_a_batch_runs_the_next_fills_up(doubling: Doubling) -> None:
    batcher, results = Batcher(doubling.run, size=lambda: 8), list[int]()
    doubling.may_go_on = anyio.Event()

    async def one(item: int) -> None:
        results.append(await batcher(item))

    async with task_group() as tasks:
        tasks.start_soon(one, 1)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(one, 2)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(one, 3)
        await anyio.wait_all_tasks_blocked()
        doubling.may_go_on.set()
    assert doubling.batches == [[1], [2, 3]]
    assert results == [2, 4, 6]


async def test_a_failed_batch_fails_each_of_its_calls_and_no_later_one(doubling: Doubling) -> None:
    batcher, failed = Batcher(doubling.run, size=lambda: 8), list[int]()

    async def one(item: int) -> None:
        try:
            await batcher(item)
        except ValueError:
            failed.append(item)

    async with task_group() as tasks:
        for item in (12, 13, 14):
            tasks.start_soon(one, item)
    assert failed == [12, 13, 14]
    assert await batcher(15) == 30


async def test_a_cancelled_call_does_not_cost_the_others_theirs(doubling: Doubling) -> None:
    batcher, results = Batcher(doubling.run, size=lambda: 8), list[int]()
    doubling.may_go_on = anyio.Event()
    leader = anyio.CancelScope()

    async def one(item: int) -> None:
        results.append(await batcher(item))

    async def first() -> None:
        with leader:
            await one(1)

    async with task_group() as tasks:
        tasks.start_soon(first)
        tasks.start_soon(one, 2)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(one, 3)
        await anyio.wait_all_tasks_blocked()
        leader.cancel()
        await anyio.wait_all_tasks_blocked()
        doubling.may_go_on.set()
    assert results == [4, 6]
    assert doubling.batches == [[1, 2], [2, 3]]


async def test_too_few_results_are_an_error() -> None:
    async def run(items: list[int]) -> list[int]:
        return items[1:]

    with pytest.raises(ValueError, match="0 results for a batch of 1"):
        await Batcher(run, size=lambda: 8)(1)


async def test_calls_with_the_same_key_are_one_item(doubling: Doubling) -> None:
    batcher = Batcher(doubling.run, size=lambda: 8, key=lambda item: item)
    assert await batcher.all([1, 2, 1]) == [2, 4, 2]
    assert doubling.batches == [[1, 2]]


async def test_only_items_of_one_kind_share_a_batch(doubling: Doubling) -> None:
    batcher = Batcher(doubling.run, size=lambda: 8, kind=lambda item: item % 2)
    assert await batcher.all([1, 2, 3, 4]) == [2, 4, 6, 8]
    assert doubling.batches == [[1, 3], [2, 4]]


async def test_so_many_batches_run_at_once_and_no_more(doubling: Doubling) -> None:
    doubling.may_go_on = anyio.Event()
    batcher = Batcher(doubling.run, size=lambda: 1, at_once=2)
    async with task_group() as tasks:
        for item in range(3):
            tasks.start_soon(batcher, item)
        await anyio.wait_all_tasks_blocked()
        assert doubling.batches == [[0], [1]]
        doubling.may_go_on.set()
    assert doubling.batches == [[0], [1], [2]]
