"""Rounds for one draft, within a deadline, over revisers that all requests share."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import anyio

from revloop.errors import RevloopError, RunMismatchError, StoreError, failure_line
from revloop.reviser import AsyncReviser

if TYPE_CHECKING:
    from collections.abc import Callable

    from revloop.options import Keep, LoopOptions, RunSettings
    from revloop.trajectory import Draft, Trajectory, Version


@dataclass(frozen=True, slots=True)
class RevisedDraft:
    """A draft after its rounds.

    Attributes:
        trajectory: All versions.
        reason: Why the rounds ended: a stop reason, ``deadline`` or ``interrupted``.
        detail: A sentence about it.
    """

    trajectory: Trajectory
    reason: str
    detail: str


class Revisers:
    """The revisers that all requests share: one for each way to keep versions.

    They use one engine and one store; the second one is opened when it is first asked for.

    Args:
        loop: The loop's options, with the way to keep that is the default.
        store: The store's file; None: nothing is stored.
        new_run: Whether to begin a new run in it.
        options: The other keywords of :class:`~revloop.reviser.AsyncReviser`.
    """

    def __init__(self, loop: LoopOptions, *, store: Any, new_run: bool, **options: Any) -> None:
        self._loop = loop
        self._main = AsyncReviser(loop=loop, store=store, new_run=new_run, **options)
        self._options = {**options, "store": store}
        self._open: dict[Keep, AsyncReviser] = {}
        self._lock = anyio.Lock()
        self._resources = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._open[self._loop.keep] = await self._resources.enter_async_context(self._main)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._resources.aclose()

    @property
    def settings(self) -> RunSettings:
        """The default settings."""
        return self._main.settings

    async def revise(
        self,
        draft: Draft,
        iterations: int,
        *,
        gate: bool | None = None,
        ends_at_s: float | None = None,
        on_version: Callable[[Version], None] | None = None,
    ) -> RevisedDraft:
        """Do a draft's rounds; what fails or takes too long leaves the best version so far.

        Args:
            draft: The draft.
            iterations: Rounds; 0 stores the draft only.
            gate: Whether a version must win before the judge; None: the default.
            ends_at_s: When to stop, by the event loop's clock; None: after the last round.
            on_version: Called with each new version, once it is stored.

        Raises:
            StoreError: A version could not be stored.
            InputError: The draft cannot be revised.
        """
        reviser = await self._reviser(gate)
        open_one = await reviser.begin(draft)

        async def until(rounds: int) -> None:
            await reviser.resume(
                open_one,
                engine=reviser.engine,
                iterations=rounds,
                on_version=on_version,
                one_of_many=True,
            )

        failed = ""
        deadline = float("inf") if ends_at_s is None else ends_at_s
        with anyio.CancelScope(deadline=deadline) as scope:
            try:
                await until(iterations)
            except StoreError:
                raise
            except RevloopError as exc:
                failed = failure_line(exc)
        if not open_one.versions:  # the draft itself is always stored
            await until(0)
        trajectory = open_one.snapshot()
        if scope.cancelled_caught:
            detail = f"The deadline was up in round {trajectory.rounds + 1}."
            return RevisedDraft(trajectory, "deadline", detail)
        if failed or trajectory.end is None:
            return RevisedDraft(trajectory, "interrupted", failed)
        return RevisedDraft(trajectory, trajectory.end.reason.value, trajectory.end.detail)

    async def _reviser(self, gate: bool | None) -> AsyncReviser:
        keep: Keep = self._loop.keep
        if gate is not None and gate != (keep == "gate"):
            keep = "gate" if gate else "last"
        async with self._lock:
            if keep not in self._open:
                self._open[keep] = await self._open_other(keep)
        return self._open[keep]

    async def _open_other(self, keep: Keep) -> AsyncReviser:
        loop = self._loop.model_copy(update={"keep": keep})
        options = {**self._options, "engine": self._main.engine, "loop": loop}
        if keep == "last" and loop.revisions_a_round == 1:
            options["judge"] = ()  # it has nothing to compare
        try:
            return await self._resources.enter_async_context(AsyncReviser(**options))
        except RunMismatchError:  # its settings are its own, so it has a run of its own
            again = AsyncReviser(**options, new_run=True)
            return await self._resources.enter_async_context(again)
