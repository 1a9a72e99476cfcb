"""What ends a batch on a misbehaving server, what does not, and what the user sees."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from revloop import End, StopReason
from revloop.batch import Progress
from revloop.batch.failures import IS_GONE_AFTER, FailuresInARow
from tests.helpers.command_line import Finished, start
from tests.helpers.running_batch import ended, write_rows
from tests.helpers.scripted_engine import cnr_critique
from tests.helpers.stub_server import COMPLETIONS, StubServer, answer, completion, error

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp import web

    from tests.helpers.stub_server import Behaviour

BAD, GOOD = "a bad draft", "a good draft"
HTML = answer("<html>Welcome to nginx!</html>")
TOO_LONG = {
    "llama.cpp": answer({"error": {"code": 400, "type": "exceed_context_size_error"}}, 400),
    "tgi": answer({"error": "`inputs` must have less than 9 tokens", "error_type": "v"}, 422),
    "openai": answer({"error": {"code": "context_length_exceeded", "message": "No."}}, 400),
    "413": error(413),
}
OF_ONE_ROW: dict[str, tuple[Behaviour, str]] = {
    **{name: (behaviour, "context_full") for name, behaviour in TOO_LONG.items()},
    "filter": (
        answer({"error": {"code": "content_filter", "message": "No."}}, 400),
        "content_filtered",
    ),
    "filtered reply": (completion("It", finish_reason="content_filter"), "content_filtered"),
    "refusal": (completion("I cannot", finish_reason="refusal"), "refused"),
    "call of a tool": (completion("", finish_reason="tool_calls"), "tool_called"),
    "refused": (error(400, "messages: no."), "rejected"),
    "error with 200": (answer({"error": {"code": 422, "message": "No."}}), "rejected"),
    "500": (error(500, "CUDA error."), "rejected"),
    "html": (HTML, "rejected"),
}
OF_THE_RUN: dict[str, tuple[Behaviour, str]] = {
    "key": (error(401, "Who are you?"), "Who are you?"),
    "quota": (answer({"error": {"code": "insufficient_quota", "message": "Pay."}}, 429), "Pay."),
    "credits with 200": (answer({"error": {"code": 402, "message": "Pay."}}), "Pay."),
    "model": (error(404, "No such model."), "No such model."),
    "setting": (
        answer({"error": {"code": "unsupported_parameter", "message": "No seed."}}, 400),
        "No seed.",
    ),
    "garbage": (HTML, "Welcome to nginx!"),
}


@dataclass(frozen=True)
class Batch:
    """A batch on a stub server, in a separate process."""

    folder: Path
    server: StubServer
    rows: list[str] = field(default_factory=list)

    async def run(self, *options: str) -> Finished:
        rows = [{"id": f"r{n}", "response": f"{text} {n}"} for n, text in enumerate(self.rows)]
        write_rows(self.folder / "in.jsonl", rows)
        arguments = ("in.jsonl", "out.jsonl", "--base-url", self.server.base_url)
        return await ended(
            await start("batch", *arguments, "--iterations", "1", *options, folder=self.folder)
        )

    def reasons(self) -> list[str]:
        lines = (self.folder / "out.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["end"]["reason"] for line in lines]


def critic(bad: Behaviour | None = None) -> Behaviour:
    """A critic that works, except for bad rows."""

    async def behave(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if bad is not None and BAD in body["prompt"]:
            return await bad(request)
        text = cnr_critique() if body.get("stop") else "Better."
        return await completion(text)(request)

    return behave


@pytest.mark.parametrize("case", OF_ONE_ROW.values(), ids=OF_ONE_ROW.keys())
async def test_a_fault_of_one_row_never_ends_the_batch(
    server: StubServer, tmp_path: Path, case: tuple[Behaviour, str]
) -> None:
    behaviour, reason = case
    server.on(COMPLETIONS, critic(behaviour))
    bad = IS_GONE_AFTER + 5
    batch = Batch(tmp_path, server, [*[BAD] * bad, GOOD, GOOD])
    finished = await batch.run("--max-concurrency", "8")
    assert finished.code == 4, finished.err
    assert batch.reasons() == [reason] * bad + ["rounds_done"] * 2
    assert f"{bad} trajectories ended before all rounds were done" in finished.err
    assert "The first, r0: Round 1: " in " ".join(finished.err.split())


async def test_the_cause_of_the_first_failure_is_told_in_full(
    server: StubServer, tmp_path: Path
) -> None:
    said = "A cause of many words that would not fit into a line of eighty columns at all."
    server.on(COMPLETIONS, critic(error(400, said)))
    batch = Batch(tmp_path, server, [GOOD, BAD])
    for _ in range(2):  # the second run only writes the output
        finished = await batch.run()
        assert finished.code == 4, finished.err
        told = " ".join(finished.err.split())
        assert "1 trajectory ended before all rounds were done; --retry-failed tries it" in told
        assert "The first, r1: Round 1: " in told
        assert said in told


@pytest.mark.parametrize("case", OF_THE_RUN.values(), ids=OF_THE_RUN.keys())
async def test_what_would_fail_every_row_ends_the_batch_with_its_cause_and_nothing_failed(
    server: StubServer, tmp_path: Path, case: tuple[Behaviour, str]
) -> None:
    behaviour, words = case
    server.on(COMPLETIONS, behaviour)
    batch = Batch(tmp_path, server, [GOOD] * 3)
    finished = await batch.run("--log-json")
    assert finished.code == 4, finished.err
    assert words in finished.err
    assert "Resume with the same command" in finished.err
    assert "Traceback" not in finished.err
    last = json.loads([said for said in finished.err.splitlines() if said.startswith("{")][-1])
    assert (last["done"], last["failed"]) == (0, 0)
    server.on(COMPLETIONS, critic())
    assert (await batch.run()).code == 0
    assert batch.reasons() == ["rounds_done"] * 3


async def test_max_failures_still_ends_it(server: StubServer, tmp_path: Path) -> None:
    server.on(COMPLETIONS, critic(error(400, "No.")))
    batch = Batch(tmp_path, server, [BAD] * 5)
    finished = await batch.run("--max-failures", "2")
    assert finished.code == 9
    assert "more than --max-failures allows" in finished.err
    assert " s ago: Round 1: the server answers 400: No." in finished.err


async def test_a_bad_row_costs_a_few_requests_and_not_its_twenty_tries(
    server: StubServer, tmp_path: Path
) -> None:
    server.on(COMPLETIONS, critic(error(500)))
    batch = Batch(tmp_path, server, [GOOD, BAD])
    assert (await batch.run()).code == 4
    asked = [request.body["prompt"] for request in server.asked(COMPLETIONS)]
    assert sum(BAD in prompt for prompt in asked) == 5


async def test_tokens_of_unusable_replies_are_counted(server: StubServer, tmp_path: Path) -> None:
    server.on(COMPLETIONS, completion("No form at all."))
    finished = await Batch(tmp_path, server, [GOOD]).run("--log-json")
    last = json.loads([said for said in finished.err.splitlines() if said.startswith("{")][-1])
    assert (last["versions"], last["failed"]) == (0, 1)
    assert last["tokens_per_s"] > 0
    assert "could not be used in 3 tries" in last["last_failure"]


async def test_a_single_revision_does_not_wait_long_for_what_is_permanent(
    server: StubServer, tmp_path: Path
) -> None:
    server.on(COMPLETIONS, error(500, "CUDA error."))
    async with asyncio.timeout(60):  # with all tries it took twenty times as long
        process = await start("revise", "Good.", "--base-url", server.base_url, folder=tmp_path)
        finished = await ended(process)
    assert finished.code == 4
    assert "CUDA error." in finished.err
    assert len(server.asked(COMPLETIONS)) == 5 + 1


def noted(failures: FailuresInARow, reason: StopReason, times: int) -> list[Any]:
    end = End(reason=reason, detail="So it was.")
    return [told for _ in range(times) if (told := failures.note(end)) is not None]


class TestFailuresInARow:
    @pytest.mark.parametrize(
        ("reason", "who"),
        [(StopReason.ENGINE_FAILED, "engine"), (StopReason.JUDGE_FAILED, "judge")],
    )
    def test_twenty_in_a_row_are_too_many(self, reason: StopReason, who: str) -> None:
        failures = FailuresInARow(Progress())
        assert noted(failures, reason, IS_GONE_AFTER - 1) == []
        (told,) = noted(failures, reason, 1)
        assert told == f"The {who} failed 20 times in a row; the last time: So it was."

    @pytest.mark.parametrize(
        "reason",
        [reason for reason in StopReason if not reason.value.endswith("_failed")],
    )
    def test_other_ends_are_not_counted(self, reason: StopReason) -> None:
        assert noted(FailuresInARow(Progress()), reason, 100) == []

    def test_engine_and_judge_are_counted_apart(self) -> None:
        failures = FailuresInARow(Progress())
        for _ in range(IS_GONE_AFTER - 1):
            assert noted(failures, StopReason.ENGINE_FAILED, 1) == []
            assert noted(failures, StopReason.JUDGE_FAILED, 1) == []

    def test_a_reply_in_between_resets_the_engines_count(self) -> None:
        progress = Progress()
        failures = FailuresInARow(progress)
        for _ in range(5):
            progress.replies += 1
            assert noted(failures, StopReason.ENGINE_FAILED, IS_GONE_AFTER - 1) == []

    def test_a_version_in_between_resets_the_judges_count_and_a_reply_does_not(self) -> None:
        progress = Progress()
        failures = FailuresInARow(progress)
        progress.versions += 1
        assert noted(failures, StopReason.JUDGE_FAILED, IS_GONE_AFTER - 1) == []
        progress.versions += 1
        assert noted(failures, StopReason.JUDGE_FAILED, IS_GONE_AFTER - 1) == []
        progress.replies += 1
        assert len(noted(failures, StopReason.JUDGE_FAILED, 1)) == 1


async def test_a_budget_of_tokens_is_not_kept_in_silence_where_none_are_reported(
    tmp_path: Path,
) -> None:
    async with StubServer() as server:
        texts = {"object": "text_completion", "choices": [{"text": GOOD, "finish_reason": "stop"}]}
        server.on(COMPLETIONS, answer(texts))
        batch = Batch(tmp_path, server, [GOOD] * 9)
        options = ("--min-concurrency", "1", "--max-concurrency", "1")
        finished = await batch.run("--max-tokens-total", "1000000", *options)
    assert finished.code == 11, finished.err
    assert "does not report the tokens of its replies" in finished.err.replace("\n", " ")
