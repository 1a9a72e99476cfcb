"""Budgets of a batch over a real server that counts: they hold, and nothing is paid for twice."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from typing import TYPE_CHECKING, Any

import pytest

from revloop.cli import exit_codes
from tests.helpers.running_batch import Server, Work, answering_server, assert_right, ended, work_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.helpers.command_line import Finished

DRAFTS = 30
WIDTH = 4
NARROW = ("--min-concurrency", "1", "--max-concurrency", str(WIDTH))
TOKENS = 70  # of each request to the server
A_ROUND = 2  # requests
TRIALS = 4  # at most so many small requests at the start find out what the server accepts


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with answering_server() as server:
        yield server


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return work_in(tmp_path, DRAFTS)


def value_of(finished: Finished, name: str) -> Any:
    """A value of the one line of JSON that has it."""
    lines = [json.loads(one) for one in finished.err.splitlines() if one.startswith("{")]
    (found,) = [line[name] for line in lines if name in line]
    return found


async def assert_nothing_was_in_vain(server: Server, work: Work, before: dict[str, int]) -> None:
    """Every request was for a round that was not stored before, and is now."""
    asked, stored = await server.asked(), work.stored_rounds()
    assert all(before.get(name, 0) <= version < stored[name] for name, version, _ in asked)
    assert len(set(asked)) == len(asked)


async def until_out_of_budget(server: Server, work: Work, *budget: str) -> Finished:
    """Run it until its budget of 40 requests, or what these cost, is reached."""
    await server.tell("/session")
    before = work.stored_rounds()
    finished = await work.run(server, *budget, *NARROW, "--log-json")
    assert finished.code == exit_codes.OUT_OF_BUDGET, finished.err
    asked = len(await server.asked())
    assert 40 - TRIALS <= asked <= 40 + WIDTH * A_ROUND
    assert asked < value_of(finished, "spent")["requests"] <= asked + TRIALS
    assert not work.output.exists()
    await assert_nothing_was_in_vain(server, work, before)
    return finished


async def test_a_budget_holds_to_within_the_rounds_under_way_and_the_rest_is_resumed(
    server: Server, work: Work
) -> None:
    finished = await until_out_of_budget(server, work, "--max-requests", "40")
    assert "The budget of 40 requests is reached." in finished.err
    assert "Resume with the same command" in finished.err
    asked = len(await server.asked())
    finished = await until_out_of_budget(server, work, "--max-requests", "40")
    asked += len(await server.asked())
    in_store = value_of(finished, "in_store")
    assert in_store["requests"] == asked
    assert in_store["prompt_tokens"] + in_store["generated_tokens"] == asked * TOKENS
    assert (await work.run(server)).code == 0
    assert_right(work, DRAFTS)


async def test_tokens_and_money_are_limited_too(server: Server, work: Work) -> None:
    prices = 'currency = "USD"\n[models.answers]\ninput = 1\noutput = 1\n'
    (work.folder / "prices.toml").write_text(prices)
    tokens = await until_out_of_budget(server, work, "--max-tokens-total", str(40 * TOKENS))
    assert "The budget of 2,800 tokens is reached." in tokens.err
    money = await until_out_of_budget(
        server, work, "--max-cost", "0.0028", "--prices", "prices.toml"
    )
    assert "The budget of 0.0028 USD is reached." in money.err
    spent = value_of(money, "spent")
    assert spent["cost"] == pytest.approx(spent["requests"] * TOKENS / 1e6)


async def test_a_budget_that_suffices_is_no_end(server: Server, work: Work) -> None:
    finished = await work.run(server, "--max-requests", "10000", "--log-json")
    assert finished.code == 0, finished.err
    spent = value_of(finished, "spent")
    assert value_of(finished, "left") == [f"{10_000 - spent['requests']:,} requests"]
    assert spent["generated_tokens"] == 20 * spent["requests"]


async def test_rewards_of_a_judge_count(server: Server, work: Work) -> None:
    judge = ("--keep", "best", "--judge", f"reward:{server.base_url}")
    await server.tell("/session")
    finished = await work.run(server, "--max-requests", "40", *judge, *NARROW)
    assert finished.code == exit_codes.OUT_OF_BUDGET, finished.err
    asked = await server.asked()
    assert "reward" in {kind for _, _, kind in asked}
    assert 40 - 2 * TRIALS <= len(asked) <= 40 + WIDTH * (A_ROUND + 2)


async def test_killed_under_a_budget_it_pays_for_no_stored_round_again(
    server: Server, work: Work
) -> None:
    chance, ends = random.Random(29), []
    for _ in range(2):
        before = work.stored_rounds()
        options = (*NARROW, "--max-requests", str(chance.randint(10, 40)))
        finished = await work.run_until_signal(
            server, signal.SIGKILL, after=chance.randint(5, 30), options=options
        )
        ends.append(finished.code)
        asked = await server.asked()
        assert all(version >= before.get(name, 0) for name, version, _ in asked)
        assert len(set(asked)) == len(asked)
    assert -signal.SIGKILL in ends
    await server.tell("/session")
    assert (await work.run(server)).code == 0
    assert_right(work, DRAFTS)


async def test_a_deadline_passes_while_rounds_wait_and_they_are_finished(
    server: Server, work: Work
) -> None:
    await server.tell("/session", after=10**9)  # no answer until somebody is named
    process = await work.begin(server, *NARROW, "--deadline", "1s", "--log-json")
    await server.until_asked(WIDTH)
    await asyncio.sleep(1)  # the deadline began before the first request
    await server.tell("/victim", pid=0)
    finished = await ended(process)
    assert finished.code == exit_codes.OUT_OF_BUDGET, finished.err
    assert "The deadline (1s) is reached." in finished.err
    await assert_nothing_was_in_vain(server, work, {})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--max-requests", "5", "--ray"), "--max-requests cannot be used with --ray"),
        (("--prices", "none.toml"), "none.toml cannot be read"),
    ],
)
async def test_what_cannot_be_limited_is_refused(
    work: Work, options: tuple[str, ...], says: str
) -> None:
    nowhere = Server(None, "http://127.0.0.1:9", None)  # type: ignore[arg-type]
    finished = await work.run(nowhere, *options)
    assert finished.code == 3
    assert says in finished.err.replace("\n", " ")
