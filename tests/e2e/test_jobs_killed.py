"""A batch with jobs at a provider, killed at every moment: nothing is lost or submitted twice."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.helpers.batch_api_server import BatchApiServer
from tests.helpers.command_line import revloop
from tests.helpers.running_batch import assert_right, ended, work_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.helpers.command_line import Finished
    from tests.helpers.running_batch import Work

DRAFTS = 30
OPTIONS = ("--engine", "openai-batch", "--iterations", "2")
CALLS = (
    "POST /files",
    "POST /batches",
    "GET /batches/{id}",
    "GET /files/{id}/content",
)


@pytest.fixture
async def provider() -> AsyncIterator[BatchApiServer]:
    async with BatchApiServer() as server:
        yield server


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return work_in(tmp_path / "disturbed", DRAFTS)


async def run_until_signal(
    provider: BatchApiServer, work: Work, number: signal.Signals, *, at: str, times: int = 1
) -> Finished:
    victim = provider.order(number, at=at, times=times)
    process = await work.begin(provider, *OPTIONS)
    victim.set_result(process.pid)
    return await ended(process)


async def assert_equals_an_undisturbed_run(
    provider: BatchApiServer, work: Work, folder: Path
) -> None:
    assert max(provider.submitted.values()) == 1
    assert_right(work, DRAFTS)
    undisturbed = work_in(folder / "undisturbed", DRAFTS)
    async with BatchApiServer() as another:
        finished = await undisturbed.run(another, *OPTIONS)
        assert finished.code == 0, finished.err
        assert work.rows() == undisturbed.rows()
        assert provider.submitted == another.submitted


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
async def test_a_kill_at_any_moment_of_a_job_costs_nothing(
    provider: BatchApiServer, work: Work, tmp_path: Path, call: str, when: str
) -> None:
    killed = await run_until_signal(provider, work, signal.SIGKILL, at=f"{when} {call}", times=2)
    assert killed.code == -signal.SIGKILL, killed.err
    finished = await work.run(provider, *OPTIONS)
    assert finished.code == 0, finished.err
    await assert_equals_an_undisturbed_run(provider, work, tmp_path)


async def test_many_kills_in_a_row_cost_nothing(
    provider: BatchApiServer, work: Work, tmp_path: Path
) -> None:
    for call in CALLS:
        for when in ("before", "after"):
            await run_until_signal(provider, work, signal.SIGKILL, at=f"{when} {call}")
    assert not work.output.exists()
    finished = await work.run(provider, *OPTIONS)
    assert finished.code == 0, finished.err
    await assert_equals_an_undisturbed_run(provider, work, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupt_leaves_the_job_running_and_says_how_to_go_on_and_how_to_cancel(
    provider: BatchApiServer, work: Work, tmp_path: Path, number: signal.Signals
) -> None:
    provider.polls = 10**9
    interrupted = await run_until_signal(
        provider, work, number, at="after GET /batches/{id}", times=2
    )
    assert interrupted.code == 130, interrupted.err
    said = " ".join(interrupted.err.split())
    assert "The job batch_1 goes on at the provider, and the same command uses the results" in said
    assert f"curl -X POST {provider.base_url}/v1/batches/batch_1/cancel" in said
    assert "Resume with the same command" in said
    assert provider.jobs[0].status == "in_progress"
    provider.polls = 1
    finished = await work.run(provider, *OPTIONS)
    assert finished.code == 0, finished.err
    await assert_equals_an_undisturbed_run(provider, work, tmp_path)


async def test_the_progress_names_the_job_and_counts_its_requests(
    provider: BatchApiServer, work: Work
) -> None:
    provider.polls = 10**9
    victim = provider.order(signal.SIGINT, at="after GET /batches/{id}", times=2)
    process = await work.begin(provider, *OPTIONS, "--log-json")
    victim.set_result(process.pid)
    interrupted = await ended(process)
    lines = [line for line in interrupted.err.splitlines() if line.startswith("{")]
    (job,) = json.loads(lines[-1])["jobs"]
    assert (job["name"], job["status"], job["requests"]) == ("batch_1", "in_progress", DRAFTS)


async def test_commands_that_need_answers_at_once_refuse_jobs_by_name(tmp_path: Path) -> None:
    server = ("--base-url", "http://127.0.0.1:9", "--engine", "openai-batch")
    (tmp_path / "d.jsonl").write_text('{"response": "Draft 1"}\n')
    for command, what in (
        (("revise", "Good."), "one response"),
        (("bench", "throughput"), "a measurement"),
        (("batch", "d.jsonl", "out", "--ray"), "a Ray cluster"),
    ):
        refused = await revloop(*command, *server, folder=tmp_path)
        assert refused.code == 3, refused.err
        assert f"{what} would wait hours" in " ".join(refused.err.split())
