"""Jobs of a batch API: what is submitted, what comes back, and what is submitted again."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from revloop import InputError, Reviser, Store, arevise, arevise_many
from revloop.engines import HttpEngine, RetryPolicy
from revloop.engines.batch_api.engine import BatchApiEngine
from revloop.engines.batch_api.journal import Journal
from revloop.errors import EngineGoneError
from revloop.trajectory import StopReason
from tests.helpers.batch_api_server import BatchApiServer, Ending, Lost
from tests.helpers.running_batch import timeless

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from revloop.trajectory import Trajectory

DRAFTS = 12
ITERATIONS = 2
AT_ONCE = RetryPolicy(attempts=6, first_wait_s=0.01, wait_for_server_s=5.0)


@pytest.fixture
async def provider() -> AsyncIterator[BatchApiServer]:
    async with BatchApiServer() as server:
        yield server


def drafts(number: int = DRAFTS) -> list[dict[str, Any]]:
    return [{"id": f"d{n}", "prompt": "Add.", "response": f"Draft {n}"} for n in range(number)]


async def revised(
    server: BatchApiServer, store: Path, *, number: int = DRAFTS, **options: Any
) -> dict[str, Trajectory]:
    """All trajectories by draft."""
    chosen: dict[str, Any] = {
        "kind": "openai-batch",
        "base_url": server.base_url,
        "store": store,
        "iterations": ITERATIONS,
        "retries": AT_ONCE,
        "early_stop": False,
        **options,
    }
    return {str(one.draft.id): one async for one in arevise_many(drafts(number), **chosen)}


def plain(trajectories: dict[str, Trajectory]) -> dict[str, Any]:
    """Trajectories without what the engines' names and times make different."""
    shown = {}
    for name, one in trajectories.items():
        dumped = timeless(one.model_dump(mode="json"))
        for version in dumped["versions"]:
            version["engine"] = None
        shown[name] = {"versions": dumped["versions"], "end": dumped["end"]}
    return shown


async def test_a_round_is_one_job_for_all_critiques_and_one_for_all_revisions(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    made = await revised(provider, tmp_path / "s.sqlite")
    assert all(one.rounds == ITERATIONS for one in made.values())
    assert provider.sizes == [DRAFTS] * (2 * ITERATIONS)
    assert max(provider.submitted.values()) == 1
    assert all(body["max_tokens"] == 1 for body in provider.live)


async def test_a_round_in_a_single_pass_is_one_job(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    provider.is_single_pass = True
    made = await revised(provider, tmp_path / "s.sqlite", single_pass=True)
    assert all(one.rounds == ITERATIONS for one in made.values())
    assert provider.sizes == [DRAFTS] * ITERATIONS


async def test_texts_and_ends_are_those_that_the_server_gives_when_asked_directly(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    made = await revised(provider, tmp_path / "jobs.sqlite", early_stop=True, iterations=5)
    direct = await revised(
        provider, tmp_path / "direct.sqlite", kind=None, early_stop=True, iterations=5
    )
    assert len(provider.live) > DRAFTS
    assert plain(made) == plain(direct)


async def test_requests_of_all_candidates_are_in_the_same_job(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    made = await revised(provider, tmp_path / "s.sqlite", iterations=1, candidates=3)
    assert all(one.rounds == 1 for one in made.values())
    critiques, revisions, scores = provider.sizes
    assert (critiques, revisions) == (DRAFTS, 3 * DRAFTS)
    assert scores >= DRAFTS


async def test_a_busy_line_goes_into_the_next_job_with_nothing_else_lost(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    provider.line_faults["Draft 7"] = [429, 500]
    made = await revised(provider, tmp_path / "s.sqlite", iterations=1)
    assert all(one.rounds == 1 for one in made.values())
    assert sorted(provider.submitted.values())[-2:] == [1, 3]
    critique = made["d7"].versions[1].steps[0]
    assert critique.retries == 2


async def test_a_refused_line_ends_its_draft_alone_with_the_servers_words(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    provider.line_faults["Draft 7"] = [400] * 99
    made = await revised(provider, tmp_path / "s.sqlite", iterations=1)
    assert [name for name, one in made.items() if one.failed] == ["d7"]
    end = made["d7"].end
    assert end is not None
    assert end.reason is StopReason.REJECTED
    assert "answers 400: The model says no." in end.detail
    assert max(provider.submitted.values()) == 1


async def test_a_line_that_fails_in_every_job_is_given_up_when_others_are_answered(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    provider.line_faults["Draft 7"] = [500] * 99
    made = await revised(provider, tmp_path / "s.sqlite", iterations=1)
    end = made["d7"].end
    assert end is not None
    assert end.reason is StopReason.REJECTED
    assert "happened in 5 jobs, while other requests were answered" in end.detail


async def test_a_provider_that_answers_nothing_ends_the_batch_and_fails_no_draft(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    provider.line_faults["Draft"] = [500] * 99
    provider.line_faults[r"Draft \\d+"] = [500] * 999
    with pytest.raises(EngineGoneError, match="no request was answered"):
        await revised(provider, tmp_path / "s.sqlite", number=3, iterations=1)
    provider.line_faults.clear()
    made = await revised(provider, tmp_path / "s.sqlite", number=3, iterations=1)
    assert [one.rounds for one in made.values()] == [1, 1, 1]


async def test_of_an_expired_job_what_is_done_is_used_and_the_rest_submitted_again(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    provider.endings = [Ending("expired", done=5)]
    made = await revised(provider, tmp_path / "s.sqlite", iterations=1)
    assert all(one.rounds == 1 for one in made.values())
    assert provider.jobs[0].status == "expired"
    done = [line["custom_id"] for line in provider.jobs[0].requests[:5]]
    assert all(provider.submitted[name] == 1 for name in done)
    assert sorted(provider.submitted.values()) == [1] * (2 * DRAFTS - 7) + [2] * 7


async def test_a_request_without_a_result_is_submitted_again(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    provider.lost_results = 2
    made = await revised(provider, tmp_path / "s.sqlite", iterations=1)
    assert all(one.rounds == 1 for one in made.values())
    assert sorted(provider.submitted.values())[-3:] == [1, 2, 2]


async def test_a_job_that_fails_ends_the_batch_with_the_servers_words(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    problem = {"code": "invalid_json_line", "message": "Not valid JSON.", "line": 3}
    provider.endings = [Ending("failed", errors=(problem,))]
    with pytest.raises(EngineGoneError, match=r"batch_1 failed: line 3: Not valid JSON\."):
        await revised(provider, tmp_path / "s.sqlite")
    made = await revised(provider, tmp_path / "s.sqlite")
    assert all(one.rounds == ITERATIONS for one in made.values())


async def test_a_job_above_the_limit_of_waiting_tokens_becomes_smaller_ones_in_turn(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    provider.most_requests = 4
    made = await revised(provider, tmp_path / "s.sqlite", iterations=1)
    assert all(one.rounds == 1 for one in made.values())
    assert provider.sizes[:2] == [DRAFTS, DRAFTS // 2]
    assert max(provider.sizes[2:]) <= 4


async def test_a_single_request_above_that_limit_ends_the_batch(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    provider.most_requests = 0
    with pytest.raises(EngineGoneError, match="Enqueued token limit reached"):
        await revised(provider, tmp_path / "s.sqlite", number=2)
    assert provider.sizes == [2, 1]


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("POST /batches", Lost()),
        ("POST /batches", 429),
        ("POST /batches", 500),
        ("POST /files", Lost()),
        ("POST /files", 503),
        ("GET /batches/{id}", 500),
        ("GET /batches/{id}", Lost()),
        ("GET /files/{id}/content", Lost()),
        ("GET /files/{id}/content", 502),
        ("GET /batches", 500),
    ],
)
async def test_a_fault_of_a_call_costs_a_retry_and_no_second_job(
    provider: BatchApiServer, tmp_path: Path, call: str, fault: Any
) -> None:
    provider.faults[call] = [fault, fault]
    if call == "GET /batches":
        provider.faults["POST /batches"] = [Lost()]
    made = await revised(provider, tmp_path / "s.sqlite", iterations=1)
    assert all(one.rounds == 1 for one in made.values())
    assert provider.sizes == [DRAFTS, DRAFTS]


async def test_a_job_cancelled_by_somebody_ends_the_batch_and_the_next_run_submits_the_rest(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    provider.endings = [Ending("cancelled", done=5)]
    with pytest.raises(EngineGoneError, match="batch_1 was cancelled at the provider"):
        await revised(provider, tmp_path / "s.sqlite", iterations=1)
    assert provider.sizes == [DRAFTS]
    made = await revised(provider, tmp_path / "s.sqlite", iterations=1)
    assert all(one.rounds == 1 for one in made.values())
    assert provider.sizes == [DRAFTS, DRAFTS, DRAFTS - 5]  # the second has five revisions
    assert sorted(provider.submitted.values()) == [1] * (2 * DRAFTS - 7) + [2] * 7


async def test_equal_requests_share_one_line(provider: BatchApiServer, tmp_path: Path) -> None:
    options: dict[str, Any] = {"kind": "openai-batch", "base_url": provider.base_url}
    same = [{"id": str(n), "response": "Draft 3"} for n in range(4)]
    store = tmp_path / "s.sqlite"
    made = [one async for one in arevise_many(same, iterations=1, store=store, **options)]
    assert [one.rounds for one in made] == [1] * 4
    assert provider.sizes == [1, 1]


async def test_no_more_drafts_than_allowed_are_in_flight(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    made = await revised(provider, tmp_path / "s.sqlite", iterations=1, max_concurrency=5)
    assert all(one.rounds == 1 for one in made.values())
    assert max(provider.sizes) == 5
    assert sum(provider.sizes) == 2 * DRAFTS


@pytest.mark.parametrize(("name", "limit"), [("MOST_REQUESTS", 5), ("MOST_BYTES", 4_000)])
async def test_requests_above_the_limits_of_a_file_are_several_jobs(
    provider: BatchApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    monkeypatch.setattr(f"revloop.engines.batch_api.engine.{name}", limit)
    made = await revised(provider, tmp_path / "s.sqlite", iterations=1)
    assert all(one.rounds == 1 for one in made.values())
    assert len(provider.jobs) > 2
    assert max(provider.submitted.values()) == 1
    if name == "MOST_BYTES":
        assert all(len(provider.files[job.file]) <= limit for job in provider.jobs)
    else:
        assert max(provider.sizes) <= limit


async def test_replies_are_deleted_from_the_store_once_every_version_is_stored(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    store = tmp_path / "s.sqlite"
    await revised(provider, store, iterations=1)
    with sqlite3.connect(store) as file:
        assert file.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
        assert file.execute("SELECT count(*) FROM job_requests").fetchone() == (0,)


async def test_a_failed_draft_is_asked_again_and_not_given_the_old_failure(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    provider.line_faults["Draft 7"] = [400]
    await revised(provider, tmp_path / "s.sqlite", iterations=1)
    made = await revised(provider, tmp_path / "s.sqlite", iterations=1)
    assert [name for name, one in made.items() if one.failed] == []


async def test_a_recorded_job_that_cannot_be_created_any_more_is_submitted_anew(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    store = tmp_path / "s.sqlite"
    provider.faults["POST /batches"] = [401]  # its file is recorded, and no job is created
    with pytest.raises(EngineGoneError, match="answers 401"):
        await revised(provider, store, iterations=1)
    provider.files.clear()  # too old
    made = await revised(provider, store, iterations=1)
    assert all(one.rounds == 1 for one in made.values())
    assert max(provider.submitted.values()) == 1


async def test_a_job_that_the_provider_does_not_know_is_not_submitted_again_silently(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    store = tmp_path / "s.sqlite"
    provider.faults["GET /batches/{id}"] = [401]
    with pytest.raises(EngineGoneError, match="answers 401"):
        await revised(provider, store, iterations=1)
    jobs, provider.jobs = provider.jobs, []
    with pytest.raises(EngineGoneError, match="Use the key that the job was submitted with"):
        await revised(provider, store, iterations=1)
    assert provider.jobs == []
    provider.jobs = jobs
    made = await revised(provider, store, iterations=1)
    assert all(one.rounds == 1 for one in made.values())
    assert max(provider.submitted.values()) == 1


async def test_results_that_the_provider_has_deleted_are_asked_for_again(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    provider.faults["GET /files/{id}/content"] = [404]
    made = await revised(provider, tmp_path / "s.sqlite", iterations=1)
    assert all(one.rounds == 1 for one in made.values())
    assert provider.sizes == [DRAFTS] * 3


async def test_chats_go_to_the_endpoint_of_chats(provider: BatchApiServer, tmp_path: Path) -> None:
    provider.chat_text = "<critique>Too short.</critique>"
    await revised(provider, tmp_path / "s.sqlite", iterations=1, prompts="chat", tries=1)
    job = provider.jobs[0]
    assert job.endpoint == "/v1/chat/completions"
    assert {line["url"] for line in job.requests} == {"/v1/chat/completions"}
    assert all(line["body"]["messages"][-1]["role"] == "user" for line in job.requests)


async def test_drafts_that_come_only_after_others_are_done_are_not_waited_for(
    provider: BatchApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revloop.engines.batch_api.engine._PATIENCE_S", 0.2)
    first_is_done = asyncio.Event()

    async def source() -> AsyncIterator[dict[str, Any]]:
        first, second = drafts(2)
        yield first
        await first_is_done.wait()
        yield second

    options: dict[str, Any] = {"kind": "openai-batch", "base_url": provider.base_url}
    made = []
    store = tmp_path / "s.sqlite"
    async for one in arevise_many(source(), iterations=1, store=store, **options):
        made.append(one.draft.id)
        first_is_done.set()
    assert made == ["d0", "d1"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), None),
        (("batch_1",), "The job batch_1 goes on at the provider"),
        (("batch_1", "batch_2"), "2 jobs (batch_1, batch_2) go on at the provider"),
    ],
)
async def test_what_goes_on_at_the_provider_is_told_with_the_call_that_cancels_it(
    provider: BatchApiServer, tmp_path: Path, names: tuple[str, ...], said: str | None
) -> None:
    store = tmp_path / "s.sqlite"
    Store.open(store).close()
    journal = Journal.open(store, provider.base_url)
    for name in names:
        journal.note_created(journal.add("file-1", "/v1/completions", [name]).key, name)
    journal.close()
    engine = BatchApiEngine(await HttpEngine.connect(provider.base_url), AT_ONCE)
    engine.record_in(store)
    how = engine.how_to_cancel()
    await engine.aclose()
    if said is None:
        assert how == ""
    else:
        assert how.startswith(said)
        which = names[0] if len(names) == 1 else "JOB"
        assert f"curl -X POST {provider.base_url}/v1/batches/{which}/cancel" in how


async def test_parameters_that_the_model_refuses_are_found_out_before_the_first_job(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    provider.refused = {"temperature", "top_p"}
    made = await revised(provider, tmp_path / "s.sqlite", iterations=1)
    assert all(one.rounds == 1 for one in made.values())
    assert provider.sizes == [DRAFTS, DRAFTS]
    bodies = [line["body"] for job in provider.jobs for line in job.requests]
    assert not any(provider.refused & body.keys() for body in bodies)
    assert all("seed" in body for body in bodies)


class TestRefusals:
    """What has no use for jobs refuses them by name."""

    OPTIONS: ClassVar[dict[str, Any]] = {
        "kind": "openai-batch",
        "base_url": "http://127.0.0.1:9",
        "store": "s.sqlite",
    }

    async def test_one_response(self, provider: BatchApiServer, tmp_path: Path) -> None:
        options: dict[str, Any] = {
            "base_url": provider.base_url,
            "store": tmp_path / "s.sqlite",
        }
        with pytest.raises(InputError, match="one response would wait hours"):
            await arevise("Good.", kind="openai-batch", **options)

    def test_no_store(self) -> None:
        with pytest.raises(InputError, match="--engine openai-batch needs a store"):
            Reviser(**{**self.OPTIONS, "store": None})

    def test_no_server(self) -> None:
        with pytest.raises(InputError, match="openai-batch needs a server"):
            Reviser(**{**self.OPTIONS, "base_url": None, "model": "demo"})

    def test_an_unknown_kind(self) -> None:
        with pytest.raises(InputError, match="openai-batch"):
            Reviser(**{**self.OPTIONS, "kind": "anthropic"})
