"""The oracle replay: the same work as a run, without dependencies."""

from __future__ import annotations

import anyio
import pytest

from revloop.bench.oracle import exact_requests, replay
from revloop.bench.recording import Recording, RecordingEngine, Sent
from revloop.engines import Completion, Request
from revloop.engines.base import TokenPrefix
from revloop.errors import RejectedError
from revloop.trajectory import Sampling, Usage
from tests.helpers.scripted_engine import ScriptedEngine

ASKED = Request(
    prompt="one two three",
    sampling=Sampling(seed=3),
    max_tokens=384,
    room_tokens=64,
    reserve_tokens=100,
    stop=("###",),
    keep_prefix=True,
    prefix=TokenPrefix("one", (1,)),
)


def sent(request: Request, generated: int, at_s: float) -> Sent:
    return Sent(request, Usage(prompt_tokens=3, generated_tokens=generated), at_s, at_s + 1, 0)


def test_a_replayed_request_has_the_same_prompt_and_just_as_many_tokens() -> None:
    (again,) = exact_requests(Recording([sent(ASKED, 17, 0.0)]))
    assert (again.prompt, again.prefix, again.sampling) == (
        ASKED.prompt,
        ASKED.prefix,
        ASKED.sampling,
    )
    assert (again.max_tokens, again.exact) == (17, True)
    assert (again.stop, again.keep_prefix, again.room_tokens, again.reserve_tokens) == (
        (),
        False,
        1,
        0,
    )


def test_requests_come_in_the_order_in_which_they_were_sent() -> None:
    answered = [sent(ASKED, 3, 2.0), sent(ASKED, 1, 0.0), sent(ASKED, 0, 0.5), sent(ASKED, 2, 1.0)]
    assert [again.max_tokens for again in exact_requests(Recording(answered))] == [1, 2, 3]


async def test_all_requests_are_under_way_at_once() -> None:
    everyone_is_here = anyio.Event()
    engine = ScriptedEngine(lambda _: "fine")
    inside = 0

    class Crowded(RecordingEngine):
        async def generate(self, request: Request) -> Completion:
            nonlocal inside
            inside += 1
            if inside == 50:
                everyone_is_here.set()
            await everyone_is_here.wait()
            return await super().generate(request)

    replayed = await replay(Crowded(engine), [ASKED] * 50)
    assert len(replayed.answered) == 50


async def test_a_replay_with_a_failure_is_worth_nothing() -> None:
    def refuse(_: Request) -> str:
        raise RejectedError("The engine refuses.")

    with pytest.raises(RejectedError, match="refuses"):
        await replay(ScriptedEngine(refuse), [ASKED])


async def test_a_recorder_keeps_what_was_answered_and_counts_what_was_not() -> None:
    recorder = RecordingEngine(ScriptedEngine(["fine", RejectedError("The engine refuses.")]))
    await recorder.generate(ASKED)
    with pytest.raises(RejectedError, match="refuses"):
        await recorder.generate(ASKED)
    (kept,) = recorder.recording.answered
    assert kept.request is ASKED
    assert kept.usage.generated_tokens == 1
    assert kept.sent_s <= kept.answered_s
    assert recorder.recording.failed == 1
