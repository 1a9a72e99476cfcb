"""The oracle replay: the work of a finished run, with nothing in it that waits for anything else.

Every request of the run is handed to the same engine again, all at once, with the same prompt and
just as many tokens to generate. No revision waits for its critique, so no order of work could be
better: this is the engine's limit for this work, and what a run reaches of it is what its
scheduling and its own cost leave.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio.lowlevel

from revloop.bench.recording import RecordingEngine
from revloop.concurrency import task_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.bench.recording import Recording, Sent
    from revloop.engines.base import Engine, Request


def exact_request(sent: Sent) -> Request:
    """A request that makes the engine do the same work again, whatever it would rather say."""
    return replace(
        sent.request,
        max_tokens=sent.usage.generated_tokens,
        room_tokens=1,
        reserve_tokens=0,
        stop=(),
        keep_prefix=False,
        exact=True,
    )


def exact_requests(recording: Recording) -> list[Request]:
    """The work of a run, in the order in which the run sent it.

    A request that generated nothing is left out: no engine can be asked for no token.
    """
    return [
        exact_request(sent)
        for sent in recording.in_order_of_sending()
        if sent.usage.generated_tokens > 0
    ]


async def replay(engine: Engine, requests: Sequence[Request]) -> Recording:
    """Hand all requests to an engine at once, and wait for the last answer.

    Raises:
        EngineError: One of them failed: the oracle is of use only as a whole.
    """
    recorder = RecordingEngine(engine)
    async with task_group() as tasks:
        for request in requests:
            tasks.start_soon(recorder.generate, request)
            # the first ones are on their way while the others are still being tokenised
            await anyio.lowlevel.checkpoint()
    return recorder.recording
