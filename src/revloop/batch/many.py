"""``revise_many`` and ``arevise_many``: trajectories as they finish, from any iterable."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import aclosing
from typing import TYPE_CHECKING, Unpack

import anyio

from revloop.batch.intake import in_thread
from revloop.batch.progress import Progress
from revloop.batch.workers import Workers
from revloop.concurrency import LoopThread
from revloop.errors import InputError
from revloop.options import (
    DEFAULT_ITERATIONS,
    DEFAULT_MAX_CONCURRENCY,
    DEFAULT_MIN_CONCURRENCY,
    Concurrency,
    checked_iterations,
)
from revloop.reviser import AsyncReviser
from revloop.trajectory import Draft, Trajectory, as_draft

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectSendStream

    from revloop.batch.workers import OnVersion
    from revloop.reviser.asynchronous import DraftLike
    from revloop.reviser.options import ReviserOptions

    Drafts = Iterable[DraftLike] | AsyncIterable[DraftLike]

_DRAFTS_AT_A_TIME = 16


async def arevise_many(
    drafts: Drafts,
    *,
    iterations: int = DEFAULT_ITERATIONS,
    min_concurrency: int = DEFAULT_MIN_CONCURRENCY,
    max_concurrency: int = DEFAULT_MAX_CONCURRENCY,
    on_version: OnVersion | None = None,
    **options: Unpack[ReviserOptions],
) -> AsyncGenerator[Trajectory, None]:
    """Revise many drafts concurrently; yields each trajectory when it ends, in no fixed order.

    Drafts are read as needed, so the source may be endless. With a store, the same call resumes
    where the last one stopped.

    Args:
        drafts: As for :func:`~revloop.revise`, in any iterable or asynchronous iterable.
        iterations: Rounds of critique and revision for each, at least 1.
        min_concurrency: Fewest concurrent requests, even if the engine is busy.
        max_concurrency: Most concurrent requests.
        on_version: Called with the draft and each of its new versions, once stored. Equal drafts
            under way at the same time are revised once, under the first one.
        options: See :class:`~revloop.reviser.options.ReviserOptions`.

    Yields:
        A trajectory that ended, one for each draft.

    Raises:
        RevloopError: The input, an option, the engine or the store cannot be used; versions made
            before are in the store.
    """
    _refuse_what_is_no_series(drafts)
    rounds = checked_iterations(iterations)
    bounds = Concurrency(min_concurrency, max_concurrency)
    async with (
        AsyncReviser(**options) as reviser,
        aclosing(
            trajectories_of(
                drafts, reviser, iterations=rounds, bounds=bounds, on_version=on_version
            )
        ) as trajectories,
    ):
        async for trajectory in trajectories:
            yield trajectory


async def trajectories_of(
    drafts: Drafts,
    reviser: AsyncReviser,
    *,
    iterations: int,
    bounds: Concurrency,
    on_version: OnVersion | None = None,
) -> AsyncGenerator[Trajectory, None]:
    """What :func:`arevise_many` does, with a reviser that is open.

    Args:
        drafts: Read as needed.
        reviser: An open reviser.
        iterations: Rounds for each.
        bounds: Least and most requests under way.
        on_version: Called with each new version and its draft, once it is stored.
    """
    workers = Workers(
        reviser,
        iterations=iterations,
        bounds=bounds,
        progress=Progress(),
        on_version=on_version,
    )
    send, receive = anyio.create_memory_object_stream[Trajectory]()
    # a separate task: a task group must not be open in a generator that yields
    work = asyncio.create_task(_revise_all(drafts, reviser, workers, send))
    async with receive:
        try:
            async for trajectory in receive:
                yield trajectory
            await work
        finally:
            work.cancel()
            with anyio.CancelScope(shield=True):  # the reviser must outlive it
                await asyncio.wait([work])


def revise_many(
    drafts: Iterable[DraftLike],
    *,
    iterations: int = DEFAULT_ITERATIONS,
    min_concurrency: int = DEFAULT_MIN_CONCURRENCY,
    max_concurrency: int = DEFAULT_MAX_CONCURRENCY,
    on_version: OnVersion | None = None,
    **options: Unpack[ReviserOptions],
) -> Iterator[Trajectory]:
    """The synchronous form of :func:`arevise_many`, with the same arguments."""
    trajectories = arevise_many(
        drafts,
        iterations=iterations,
        min_concurrency=min_concurrency,
        max_concurrency=max_concurrency,
        on_version=on_version,
        **options,
    )

    in_use = anyio.Lock()

    async def next_one() -> Trajectory | None:
        async with in_use:
            return await anext(trajectories, None)

    async def close() -> None:
        async with in_use:  # a running generator cannot be closed
            await trajectories.aclose()

    with LoopThread() as loop:
        try:
            while (trajectory := loop.call(next_one)) is not None:
                yield trajectory
        finally:
            loop.call(close)


def _refuse_what_is_no_series(drafts: object) -> None:
    """Refuse one draft, whose letters or keys would be revised, and a table, whose columns would.

    Raises:
        InputError: It is one of these.
    """
    if isinstance(drafts, str | bytes | Mapping | Draft):
        raise InputError(
            f"Many drafts are revised here, and a {type(drafts).__name__} is one: write [...]."
        )
    if hasattr(drafts, "columns"):
        raise InputError(
            "A table is not a series of drafts: give its rows, with to_dict('records') (pandas), "
            "iter_rows(named=True) (polars) or to_pylist() (Arrow)."
        )


async def _revise_all(
    drafts: Drafts,
    reviser: AsyncReviser,
    workers: Workers,
    send: MemoryObjectSendStream[Trajectory],
) -> None:
    """Revise all drafts, and send each trajectory when it ends."""

    async def on_end(trajectory: Trajectory, _gone: str | None) -> None:
        await send.send(trajectory)

    async with send, workers.running():
        async for source in _each(drafts):
            await workers.start(await reviser.begin(as_draft(source)), on_end)


async def _each(drafts: Drafts) -> AsyncIterator[DraftLike]:
    if isinstance(drafts, AsyncIterable):
        async for source in drafts:
            yield source
    else:
        async for source in in_thread(iter(drafts), _DRAFTS_AT_A_TIME):
            yield source
