"""A batch that is killed repeatedly: nothing is lost, nothing is done twice."""

from __future__ import annotations

import json
import random
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from revloop import Store
from tests.helpers.command_line import revloop
from tests.helpers.running_batch import Server, Work, answering_server, assert_right, ended, work_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

DRAFTS = 200


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with answering_server() as server:
        yield server


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return work_in(tmp_path / "disturbed", DRAFTS)


async def assert_nothing_was_asked_again(server: Server, stored_before: dict[str, int]) -> None:
    """No request was for a round that was stored before the session."""
    asked = await server.asked()
    again = [one for one in asked if one[1] < stored_before.get(one[0], 0)]
    assert again == []
    assert len(set(asked)) == len(asked)


async def assert_equals_an_undisturbed_run(server: Server, work: Work, folder: Path) -> None:
    undisturbed = work_in(folder / "undisturbed", DRAFTS)
    assert (await undisturbed.run(server)).code == 0
    assert_right(work, DRAFTS)
    assert work.rows() == undisturbed.rows()


def concurrency(width: int) -> tuple[str, ...]:
    return ("--min-concurrency", "1", "--max-concurrency", str(width))


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
async def test_kills_over_one_file_lose_nothing_and_repeat_nothing(
    server: Server, work: Work, tmp_path: Path, kills: int
) -> None:
    chance = random.Random(20231114)
    for _ in range(kills):
        before = work.stored_rounds()
        after, width = chance.randint(1, 30), chance.choice([1, 4, 16])
        finished = await work.run_until_signal(
            server, signal.SIGKILL, after=after, options=concurrency(width)
        )
        assert finished.code == -signal.SIGKILL, finished.err
        await assert_nothing_was_asked_again(server, before)
        assert not work.output.exists()
    before = work.stored_rounds()
    assert sum(before.values()) > kills  # kills came in the middle of things
    await server.tell("/session")
    assert (await work.run(server)).code == 0
    await assert_nothing_was_asked_again(server, before)
    await assert_equals_an_undisturbed_run(server, work, tmp_path)


async def test_a_batch_that_was_killed_is_one_whole_file_once_it_was_exported(
    server: Server, work: Work, tmp_path: Path
) -> None:
    await work.run_until_signal(server, signal.SIGKILL, after=40, options=concurrency(4))
    export = await revloop("export", str(work.store), str(tmp_path / "so-far.jsonl"))
    assert export.code == 0, export.err
    copy = tmp_path / "copy.sqlite"
    shutil.copyfile(work.store, copy)
    with Store.open_to_read(copy) as store:
        copied = [trajectory.model_dump_json() for trajectory in store.trajectories()]
    assert copied == (tmp_path / "so-far.jsonl").read_text().splitlines()
    assert sum(work.stored_rounds().values()) > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_polite_signal_finishes_the_rounds_in_flight_and_says_how_to_go_on(
    server: Server, work: Work, tmp_path: Path, number: signal.Signals
) -> None:
    chance, rounds = random.Random(number), 0
    for _ in range(4):
        before = work.stored_rounds()
        after = chance.randint(10, 60)
        finished = await work.run_until_signal(server, number, after=after)
        assert finished.code == 130, finished.err
        assert "Resume with the same command" in finished.err
        assert "revloop export" in finished.err
        await assert_nothing_was_asked_again(server, before)
        asked = await server.asked()
        stored = work.stored_rounds()
        assert all(stored[name] > version for name, version, _ in asked)  # none was in vain
        assert sum(stored.values()) > rounds
        rounds = sum(stored.values())
        assert not work.output.exists()
    assert (await work.run(server)).code == 0
    await assert_equals_an_undisturbed_run(server, work, tmp_path)


async def test_a_second_signal_ends_at_once_and_nothing_finished_is_lost(
    server: Server, work: Work, tmp_path: Path
) -> None:
    await server.tell("/session", after=10**9)  # no answer until somebody is named
    process = await work.begin(server)
    await server.until_asked(1)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while b"Ctrl-C again" not in await process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    finished = await ended(process)
    assert finished.code == 130
    assert "Interrupted." in finished.err
    assert all(rounds == 0 for rounds in work.stored_rounds().values())
    await server.tell("/session")
    await server.tell("/victim", pid=0)
    assert (await work.run(server)).code == 0
    await assert_equals_an_undisturbed_run(server, work, tmp_path)


async def test_a_server_that_is_killed_and_comes_back_costs_nothing(
    server: Server, work: Work, tmp_path: Path
) -> None:
    await server.tell("/session")
    process = await work.begin(server)
    await server.until_asked(100)
    await server.kill()
    port = int(server.base_url.rpartition(":")[2])
    async with answering_server(port) as back:
        finished = await ended(process)
        assert finished.code == 0, finished.err
        await assert_equals_an_undisturbed_run(back, work, tmp_path)


async def test_a_second_batch_on_the_same_store_is_refused(server: Server, work: Work) -> None:
    await server.tell("/session", after=10**9)
    first = await work.begin(server)
    await server.until_asked(1)
    second = await work.run(server)
    assert second.code == 5
    assert "Another batch is running on" in second.err
    await server.tell("/victim", pid=0)
    assert (await ended(first)).code == 0
    assert_right(work, DRAFTS)


async def test_a_server_that_refuses_the_key_ends_the_batch_at_once_with_nothing_failed(
    server: Server, work: Work, tmp_path: Path
) -> None:
    await server.tell("/session", refuse_after=100)
    gone = await work.run(server)
    assert gone.code == 4, gone.err
    assert "answers 401" in gone.err
    assert "REVLOOP_API_KEY" in gone.err
    assert "Resume with the same command" in gone.err
    assert not work.output.exists()
    before = work.stored_rounds()
    assert sum(before.values()) > 0
    await server.tell("/session")
    assert (await work.run(server)).code == 0
    await assert_nothing_was_asked_again(server, before)
    await assert_equals_an_undisturbed_run(server, work, tmp_path)


async def test_a_server_that_stays_away_ends_the_batch_with_nothing_failed(
    server: Server, work: Work, tmp_path: Path
) -> None:
    process = await work.begin(server, "--wait-for-server", "2", "--log-json")
    await server.until_asked(100)
    await server.kill()
    gone = await ended(process)
    assert gone.code == 4, gone.err
    assert "past the wait limit of 2 s" in gone.err
    assert "Resume with the same command" in gone.err
    last = json.loads([line for line in gone.err.splitlines() if line.startswith("{")][-1])
    assert (last["failed"], last["server_limit_s"]) == (0, 2.0)
    assert last["server_away_s"] >= 2.0
    assert not work.output.exists()
    async with answering_server() as another:
        before = work.stored_rounds()
        assert (await work.run(another)).code == 0
        await assert_nothing_was_asked_again(another, before)
        await assert_equals_an_undisturbed_run(another, work, tmp_path)
