"""A batch whose gate is a reward model, or a panel with one, behind a server that dies half way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from yarl import URL

from tests.helpers.reward_servers import VLLM, VLLM_PLAIN, reward_server
from tests.helpers.running_batch import Server, answering_server, assert_right, ended, work_in
from tests.helpers.stub_server import error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

DRAFTS = 8
BATCHES_BEFORE = 5
"""Requests to the reward server, the first of which finds the endpoint."""


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with answering_server() as server:
        yield server


def gate(*addresses: str, wait_s: float) -> tuple[str, ...]:
    few = ("--min-concurrency", "1", "--max-concurrency", "1")
    wait = ("--wait-for-server", str(wait_s))
    judges = [word for address in addresses for word in ("--judge", f"reward:{address}")]
    return ("--keep", "gate", *judges, *wait, *few)


async def test_what_was_judged_is_kept_and_the_rest_is_resumed(
    server: Server, tmp_path: Path
) -> None:
    calm = work_in(tmp_path / "undisturbed", DRAFTS)
    async with reward_server(VLLM_PLAIN) as rewards:
        finished = await calm.run(server, *gate(rewards.base_url, wait_s=60))
    assert finished.code == 0, finished.err
    expected = calm.rows()
    work = work_in(tmp_path / "disturbed", DRAFTS)
    async with reward_server(VLLM_PLAIN) as rewards:
        process = await work.begin(server, *gate(rewards.base_url, wait_s=0.5))
        await rewards.until_asked("/classify", BATCHES_BEFORE)
    finished = await ended(process)
    assert finished.code == 4, finished.err
    assert "The judge cannot be asked: The server was unreachable" in finished.err
    assert "Resume with the same command" in finished.err
    assert not work.output.exists()
    assert sum(work.stored_rounds().values()) > 0
    async with reward_server(VLLM_PLAIN) as rewards:
        finished = await work.run(server, *gate(rewards.base_url, wait_s=60))
    assert finished.code == 0, finished.err
    assert work.rows() == expected


async def test_with_one_judge_of_a_panel_away_the_batch_ends_and_the_same_command_resumes(
    server: Server, tmp_path: Path
) -> None:
    calm, work = (work_in(tmp_path / name, DRAFTS) for name in ("undisturbed", "disturbed"))
    async with reward_server(VLLM) as steady:
        async with reward_server(VLLM_PLAIN) as dying:
            panel = gate(steady.base_url, dying.base_url, wait_s=0.5)
            assert (await calm.run(server, *panel)).code == 0
            before = len(dying.asked("/classify"))
            process = await work.begin(server, *panel)
            await dying.until_asked("/classify", before + BATCHES_BEFORE)
        finished = await ended(process)
        assert finished.code == 4, finished.err
        assert "The judge reward cannot be asked: The server was unreachable" in finished.err
        assert not work.output.exists()
        async with reward_server(VLLM_PLAIN, port=URL(dying.base_url).port or 0):
            finished = await work.run(server, *panel)
    assert finished.code == 0, finished.err
    assert work.rows() == calm.rows()
    (version, *_) = (v for row in work.rows() for v in row["versions"] if v["comparison"])
    assert [vote["judge"] for vote in version["comparison"]["votes"]] == ["reward"] * 2


async def test_a_judge_that_takes_the_key_no_more_ends_the_batch_too(
    server: Server, tmp_path: Path
) -> None:
    work = work_in(tmp_path, DRAFTS)
    async with reward_server(VLLM_PLAIN) as rewards:
        process = await work.begin(server, *gate(rewards.base_url, wait_s=60))
        await rewards.until_asked("/classify", BATCHES_BEFORE)
        rewards.on("/classify", error(401, "Who are you?"))
        finished = await ended(process)
    assert finished.code == 4, finished.err
    assert "The judge cannot be asked:" in finished.err
    assert "Who are you?" in finished.err
    assert "Resume with the same command" in finished.err


async def test_a_server_that_comes_back_is_waited_for(server: Server, tmp_path: Path) -> None:
    work = work_in(tmp_path, DRAFTS)
    async with reward_server(VLLM_PLAIN) as rewards:
        address = rewards.base_url
        process = await work.begin(server, *gate(address, wait_s=60))
        await rewards.until_asked("/classify", BATCHES_BEFORE)
    async with reward_server(VLLM_PLAIN, port=URL(address).port or 0):
        finished = await ended(process)
    assert finished.code == 0, finished.err
    assert_right(work, DRAFTS)
