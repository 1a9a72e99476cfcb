"""The oracle replay: the requests of a finished run, without their dependencies.

All requests of the run are sent to the same engine at once, with the same prompts and the same
numbers of tokens to generate. No revision waits for its critique, so no schedule could be better:
this is the engine's limit for this work. A run falls short of it by its scheduling and overhead.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio.lowlevel

from revloop.bench.recording import RecordingEngine
from revloop.concurrency import task_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.bench.recording import Recording
    from revloop.engines.base import Engine, Request


def exact_requests(recording: Recording) -> list[Request]:
    """The requests of a run in their original order, which make the engine repeat the same work.

    Those that generated nothing are left out: no engine accepts a request for zero tokens.
    """
    return [
        replace(
            sent.request,
            max_tokens=sent.usage.generated_tokens,
            room_tokens=1,
            reserve_tokens=0,
            stop=(),
            keep_prefix=False,
            exact=True,
        )
        for sent in recording.in_order_of_sending()
        if sent.usage.generated_tokens > 0
    ]


async def replay(engine: Engine, requests: Sequence[Request]) -> Recording:
    """Send all requests to an engine at once and wait for the last reply.

    Raises:
        EngineError: A request failed, so the measurement would be incomplete.
    """
    recorder = RecordingEngine(engine)
    async with task_group() as tasks:
        for request in requests:
            tasks.start_soon(recorder.generate, request)
            # send the first ones while the others are still being tokenised
            await anyio.lowlevel.checkpoint()
    return recorder.recording
