"""Group commit: many tasks share a disk sync, and a failure stays with its task."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import anyio
import pytest

from revloop import Draft, Store, StoreError
from tests.store.test_store import DONE, begin, stored, version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        yield opened


async def test_a_version_is_readable_elsewhere_when_append_returns(
    store: Store, path: Path
) -> None:
    entry = begin(store)
    for number in range(3):
        await entry.append(version(number))
        assert stored(path)[0].rounds == number
    await entry.finish(DONE)
    assert stored(path)[0].end == DONE


async def test_additions_of_many_tasks_share_few_commits(store: Store) -> None:
    entries = [begin(store, Draft(id=str(n), response="a")) for n in range(60)]
    commits = 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"

    store._file._connection.set_trace_callback(count)
    async with anyio.create_task_group() as tasks:
        for entry in entries:
            tasks.start_soon(entry.append, version(0))
    assert 1 <= commits <= 10
    assert len(list(store.trajectories())) == 60


async def test_an_addition_that_fails_does_not_fail_the_others(store: Store, path: Path) -> None:
    good, bad = begin(store), begin(store, Draft(id="e", response="a"))
    store._file._connection.execute(
        "CREATE TEMP TRIGGER refuse BEFORE INSERT ON versions "
        f"WHEN new.trajectory = {bad.key} BEGIN SELECT raise(ABORT, 'refused'); END"
    )
    failed = []

    async def add(number: int) -> None:
        try:
            await (good if number else bad).append(version(number and number - 1))
        except StoreError as exc:
            failed.append((number, str(exc)))

    async with anyio.create_task_group() as tasks:
        for number in range(4):
            tasks.start_soon(add, number)
    ((number, message),) = failed
    assert number == 0
    assert "refused" in message
    assert [v.round for v in stored(path)[0].versions] == [0, 1, 2]


async def test_of_two_versions_of_a_round_the_first_is_kept_and_both_writers_get_it(
    store: Store, path: Path
) -> None:
    entry, twin = begin(store), begin(store)
    news = await asyncio.gather(
        entry.append(version(0, "first")),
        twin.append(version(0, "second")),
        begin(store, Draft(id="e", response="a")).append(version(0)),
    )
    assert list(news) == [[version(0, "first")], [version(0, "first")], [version(0)]]
    assert await twin.append(version(0, "third")) == []
    assert list(stored(path)[0].versions) == twin.versions == [version(0, "first")]


async def test_a_dropped_version_does_not_reopen_the_trajectory(store: Store, path: Path) -> None:
    entry = begin(store)
    await entry.append(version(0))
    await entry.finish(DONE)
    assert await entry.append(version(0, "late")) == []
    assert stored(path)[0].end == DONE


async def test_a_cancelled_task_does_not_affect_the_others(store: Store, path: Path) -> None:
    entries = [begin(store, Draft(id=str(n), response="a")) for n in range(20)]
    adding = [asyncio.ensure_future(entry.append(version(0))) for entry in entries]
    await asyncio.sleep(0)
    for one in adding[::2]:
        one.cancel()
    await asyncio.wait(adding)
    assert not any(one.cancelled() for one in adding[1::2])
    assert len(stored(path)) >= 10


def test_several_event_loops_share_a_store(store: Store, path: Path) -> None:
    entries = [begin(store, Draft(id=str(n), response="a")) for n in range(4)]

    async def add_all(number: int) -> None:
        for round_ in range(10):
            await entries[number].append(version(round_))
        await entries[number].finish(DONE)

    threads = [threading.Thread(target=asyncio.run, args=(add_all(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [t.rounds for t in stored(path)] == [9] * 4


async def test_closing_commits_what_is_queued(path: Path) -> None:
    with Store.open(path) as store:
        entry = begin(store)
        adding = asyncio.ensure_future(entry.append(version(0)))
        await asyncio.sleep(0)
    await adding
    assert len(stored(path)) == 1


async def test_a_closed_store_accepts_nothing(path: Path) -> None:
    with Store.open(path) as store:
        entry = begin(store)
    with pytest.raises(StoreError, match="is closed"):
        await entry.append(version(0))


async def test_a_lock_of_another_process_fails_all_waiting_tasks(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revloop.store.file._BUSY_TIMEOUT_S", 0.01)
    with Store.open(path) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        entries = [begin(store, Draft(id=str(n), response="a")) for n in range(5)]
        other.execute("BEGIN IMMEDIATE")
        results = await asyncio.gather(
            *(entry.append(version(0)) for entry in entries), return_exceptions=True
        )
        assert [type(result) for result in results] == [StoreError] * 5
        other.execute("ROLLBACK")
        await entries[0].append(version(0))
