"""Traces of a batch arrive whole at a collector: trajectories, their rounds, their requests."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING

import pytest

from revloop import Store
from tests.helpers.collector import ArrivedSpan, Collector, collecting
from tests.helpers.running_batch import Server, Work, answering_server, ended, work_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.helpers.command_line import Finished

DRAFTS = 40
REQUEST = "text_completion answers"
NARROW = ("--min-concurrency", "1", "--max-concurrency", "4")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with answering_server() as server:
        yield server


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as collector:
        yield collector


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return work_in(tmp_path, DRAFTS)


async def run(work: Work, server: Server, collector: Collector, *options: str) -> Finished:
    process = await work.begin(server, *options, environment=collector.environment)
    return await ended(process)


def traced_rounds(collector: Collector) -> dict[str, list[list[ArrivedSpan]]]:
    """The requests of each finished round of each draft, in order; checks what is within what."""
    found: dict[str, list[list[ArrivedSpan]]] = {}
    for trajectory in collector.named("trajectory"):
        assert trajectory.parent == b""
        rounds = collector.within(trajectory)
        assert {one.name for one in rounds} <= {"round"}
        finished = [one for one in rounds if "revloop.stopped" not in one.attributes]
        for one in (*rounds, *(request for of in rounds for request in collector.within(of))):
            assert one.trace == trajectory.trace
            assert trajectory.began_ns <= one.began_ns <= one.ended_ns <= trajectory.ended_ns
        draft = trajectory.attributes.get("revloop.draft.id")
        if draft is not None:
            found[draft] = [collector.within(one) for one in finished]
    return found


def stored_requests(work: Work) -> dict[str, list[list[tuple[str, int]]]]:
    """The kind and the seed of each stored request, by round."""
    with Store.open_to_read(work.store) as store:
        return {
            trajectory.draft.name: [
                [(step.kind, step.sampling.seed) for step in version.steps]
                for version in trajectory.versions[1:]
            ]
            for trajectory in store.trajectories()
        }


def as_stored(requests: list[ArrivedSpan]) -> list[tuple[str, int]]:
    return [
        (one.attributes["revloop.request.kind"], one.attributes["gen_ai.request.seed"])
        for one in requests
    ]


async def test_every_trajectory_arrives_with_all_its_rounds_and_requests(
    server: Server, work: Work, collector: Collector
) -> None:
    finished = await run(work, server, collector, "--otel")
    assert finished.code == 0, finished.err
    stored = stored_requests(work)
    assert len(stored) == DRAFTS
    arrived = traced_rounds(collector)
    assert {name: [as_stored(one) for one in rounds] for name, rounds in arrived.items()} == stored
    assert len(collector.spans) == DRAFTS + sum(
        1 + len(requests) for rounds in stored.values() for requests in rounds
    )
    assert not [one for one in collector.spans if one.is_error]
    assert collector.resources[0]["service.name"] == "revloop"


async def test_a_request_has_the_attributes_of_the_conventions_and_no_text(
    server: Server, work: Work, collector: Collector
) -> None:
    await run(work, server, collector, "--otel", "--iterations", "1")
    request = collector.named(REQUEST)[0].attributes
    port = int(server.base_url.rpartition(":")[2])
    assert request.items() >= {
        ("gen_ai.operation.name", "text_completion"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "answers"),
        ("gen_ai.request.temperature", 0.0),
        ("gen_ai.response.finish_reasons", ("stop",)),
        ("gen_ai.usage.input_tokens", 50),
        ("gen_ai.usage.output_tokens", 20),
        ("server.address", "127.0.0.1"),
        ("server.port", port),
    }
    assert "Draft" not in str([span.attributes for span in collector.spans])


async def test_texts_are_sent_if_asked_for(
    server: Server, work: Work, collector: Collector
) -> None:
    await run(work, server, collector, "--otel", "--otel-content", "--iterations", "1")
    request = collector.named(REQUEST)[0].attributes
    (given,) = json.loads(request["gen_ai.input.messages"])
    assert given["role"] == "user"
    assert "Draft" in given["parts"][0]["content"]
    (answered,) = json.loads(request["gen_ai.output.messages"])
    assert answered["finish_reason"] == "stop"


async def test_after_ctrl_c_all_that_was_done_arrives(
    server: Server, work: Work, collector: Collector
) -> None:
    await server.tell("/session", signal=int(signal.SIGINT), after=30)
    options = (*NARROW, "--otel")
    process = await work.begin(server, *options, environment=collector.environment)
    await server.tell("/victim", pid=process.pid)
    finished = await ended(process)
    assert finished.code == 130, finished.err
    stored = {name: rounds for name, rounds in stored_requests(work).items() if rounds}
    assert stored
    requests = [as_stored(collector.within(one)) for one in collector.named("round")]
    made = sorted(one for one in requests if one)
    assert made == sorted(one for rounds in stored.values() for one in rounds)
    assert not [one for one in collector.spans if one.is_error]
    traced_rounds(collector)


async def test_a_collector_that_is_away_costs_the_traces_and_no_draft(
    server: Server, work: Work
) -> None:
    nowhere = Collector("http://127.0.0.1:9")
    finished = await asyncio.wait_for(
        run(work, server, nowhere, "--otel", "--iterations", "1"), timeout=100
    )
    assert finished.code == 0, finished.err
    assert "did not arrive at the collector" in finished.err.replace("\n", " ")


async def test_without_the_flag_nothing_is_sent_whatever_the_variables_say(
    server: Server, work: Work, collector: Collector
) -> None:
    assert (await run(work, server, collector, "--iterations", "1")).code == 0
    assert collector.spans == []
