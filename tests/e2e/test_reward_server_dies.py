"""A batch whose gate is a reward model behind a server that dies half way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from yarl import URL

from tests.helpers.reward_servers import VLLM_PLAIN, reward_server
from tests.helpers.running_batch import Server, answering_server, assert_right, ended, work_in

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


def gate(address: str, *, wait_s: float) -> tuple[str, ...]:
    few = ("--min-concurrency", "1", "--max-concurrency", "1")
    wait = ("--wait-for-server", str(wait_s))
    return ("--keep", "gate", "--judge", f"reward:{address}", *wait, *few)


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
    assert "the judge failed: The server was unreachable" in finished.err
    broken = work.rows()
    reasons = {row["end"]["reason"] for row in broken}
    assert reasons == {"judge_failed", "converged"}
    for row, whole in zip(broken, expected, strict=True):
        assert row["versions"] == whole["versions"][: len(row["versions"])]
    async with reward_server(VLLM_PLAIN) as rewards:
        options = gate(rewards.base_url, wait_s=60)
        finished = await work.run(server, *options, "--retry-failed", "--force")
    assert finished.code == 0, finished.err
    assert work.rows() == expected


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
