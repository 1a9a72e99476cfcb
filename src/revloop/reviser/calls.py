"""The Python API without an event loop: ``revise``, its asynchronous form, and a reviser."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Self, Unpack

from revloop.concurrency import LoopThread
from revloop.errors import InputError
from revloop.options import DEFAULT_ITERATIONS, checked_iterations
from revloop.reviser.asynchronous import AsyncReviser
from revloop.trajectory.warning import warn_if_failed

if TYPE_CHECKING:
    from types import TracebackType

    from revloop.engines.base import Engine
    from revloop.options import RunSettings
    from revloop.reviser.asynchronous import DraftLike, OnVersion, Prompt
    from revloop.reviser.options import ReviserOptions
    from revloop.trajectory import Trajectory


class Reviser:
    """Revises responses with one engine that stays open; a context manager.

    Its event loop runs in a separate thread, so it also works in a notebook, where one is already
    running.

    Raises:
        InputError: An option is unknown or invalid, or no server, model or engine is given.
    """

    def __init__(self, **options: Unpack[ReviserOptions]) -> None:
        self._reviser = AsyncReviser(**options)
        self._resources = ExitStack()
        self._loop: LoopThread | None = None

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            loop = opened.enter_context(LoopThread())
            opened.enter_context(loop.hold(self._reviser))
            self._loop = loop
            self._resources = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # on an error (Ctrl-C, say), the loop cancels what is under way instead of waiting
        self._resources.__exit__(kind, error, trace)

    @property
    def settings(self) -> RunSettings:
        """The settings in use, including the prompt set's defaults."""
        return self._reviser.settings

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The engines that are open: the critic's, and the editor's if it is another."""
        return self._reviser.engines

    def revise(
        self,
        response: DraftLike,
        *,
        prompt: Prompt = None,
        iterations: int = DEFAULT_ITERATIONS,
        on_version: OnVersion | None = None,
    ) -> Trajectory:
        """Revise one response: see :meth:`AsyncReviser.revise`."""
        if self._loop is None:
            raise InputError("The reviser is not open: use it in a 'with' statement.")
        call = partial(
            self._reviser.revise,
            response,
            prompt=prompt,
            iterations=iterations,
            on_version=on_version,
        )
        return self._loop.call(call)


def revise(
    response: DraftLike,
    *,
    prompt: Prompt = None,
    iterations: int = DEFAULT_ITERATIONS,
    on_version: OnVersion | None = None,
    **options: Unpack[ReviserOptions],
) -> Trajectory:
    """Improve a response by rounds of critique and revision.

    The critic is a server or a model, given here or in ``REVLOOP_BASE_URL`` or ``REVLOOP_MODEL``.
    Without either it is the proofreader ``english``, if it is installed (a log message says
    so).

    Args:
        response: The text, or a draft (a mapping or a model with ``response`` and optionally
            ``id``, ``prompt`` or ``messages``).
        prompt: What a bare response answers: a text or chat messages. None: unknown.
        iterations: Rounds of critique and revision, at least 1.
        on_version: Called with each new version.
        options: See :class:`ReviserOptions`.

    Returns:
        All versions (0 is the original), the final text, and why the rounds ended; a
        ``RevloopWarning`` is issued if rounds are missing.

    Raises:
        RevloopError: The input, an option, the engine or the store cannot be used.
    """
    rounds = checked_iterations(iterations)
    with Reviser(**options) as reviser:
        trajectory = reviser.revise(
            response, prompt=prompt, iterations=rounds, on_version=on_version
        )
    return warn_if_failed(trajectory)


async def arevise(
    response: DraftLike,
    *,
    prompt: Prompt = None,
    iterations: int = DEFAULT_ITERATIONS,
    on_version: OnVersion | None = None,
    **options: Unpack[ReviserOptions],
) -> Trajectory:
    """The asynchronous form of :func:`revise`, with the same arguments."""
    rounds = checked_iterations(iterations)
    async with AsyncReviser(**options) as reviser:
        trajectory = await reviser.revise(
            response, prompt=prompt, iterations=rounds, on_version=on_version
        )
    return warn_if_failed(trajectory)
