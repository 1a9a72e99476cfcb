"""The way in from Python: ``revise``, its asynchronous twin, and revisers that stay open."""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

import anyio.to_thread
from anyio.from_thread import BlockingPortal, start_blocking_portal
from pydantic import SecretStr, ValidationError

from revloop.demo import CRITIC_FOLDER
from revloop.engines.choice import open_engine
from revloop.errors import InputError
from revloop.judging import Judge
from revloop.loop import Rounds
from revloop.prompts import PromptSet
from revloop.settings import (
    DEFAULT_ITERATIONS,
    DEFAULT_PROMPTS,
    EngineOptions,
    LoopOptions,
    RunSettings,
)
from revloop.store import Entry, Run, Store
from revloop.trajectory import (
    Draft,
    End,
    Message,
    StopReason,
    Trajectory,
    Version,
    as_draft,
    digest_of,
    explain,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from revloop.engines.base import Engine
    from revloop.settings import Keep

    Source = str | Mapping[str, Any] | Draft
    Prompt = str | Sequence[Message | Mapping[str, str]] | None
    OnVersion = Callable[[Version], None]
    JudgeSource = Judge | Callable[[], Awaitable[Judge]]


class ReviserOptions(TypedDict, total=False):
    """How a reviser works; everything may be left out.

    Attributes:
        base_url: Address of an OpenAI-compatible server.
        model: The model it serves, or a model folder or hub id to run in this process.
        api_key: The server's key.
        tokenizer: Folder of the served model, to send exact tokens.
        tensor_parallel_size: GPUs for a model in this process.
        engine: An engine of your own, instead of all the above.
        prompts: Name or folder of a prompt set.
        store: File that every version is committed to.
        single_pass, temperature, top_p, seed, critique_max_tokens, revision_max_tokens,
        early_stop, stop_score, tries, retry_temperature, keep, candidates: see
            :class:`~revloop.settings.LoopOptions`.
        judge: Who compares versions where ``keep`` is ``best`` or ``gate``, and candidates: a
            judge, or an asynchronous function that opens one (it is then closed with the reviser).
    """

    base_url: str | None
    model: str | None
    api_key: str | SecretStr | None
    tokenizer: str | None
    tensor_parallel_size: int
    engine: Engine | None
    prompts: str | Path
    store: str | Path | None
    single_pass: bool
    temperature: float | None
    top_p: float | None
    seed: int
    critique_max_tokens: int | None
    revision_max_tokens: int | None
    early_stop: bool
    stop_score: float | None
    tries: int
    retry_temperature: float
    keep: Keep
    candidates: int
    judge: JudgeSource | None


class AsyncReviser:
    """Revises responses over one engine that stays open; an asynchronous context manager.

    Any number of :meth:`revise` calls may run at once.

    Raises:
        InputError: An option is unknown or has a value that cannot be used.
    """

    def __init__(self, **options: Unpack[ReviserOptions]) -> None:
        rest: dict[str, Any] = dict(options)
        self._engine: Engine | None = rest.pop("engine", None)
        self._prompts_source = rest.pop("prompts", None) or DEFAULT_PROMPTS
        self._store_path = rest.pop("store", None)
        self._judge_source: JudgeSource | None = rest.pop("judge", None)
        own = {name: rest.pop(name) for name in EngineOptions.model_fields if name in rest}
        try:
            self._engine_options = EngineOptions.from_environment(**own)
            self._loop_options = LoopOptions.model_validate(rest)
        except ValidationError as exc:
            raise InputError(f"An option cannot be used: {explain(exc)}.") from exc
        self._check_judge()
        self._resources = AsyncExitStack()
        self._judge: Judge | None = None
        self._store: Store | None = None
        self._run: Run | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opened:
            self._prompts = PromptSet.load(self._prompts_source)
            if self._engine is None:
                self._engine = await open_engine(self._engine_options, shipped_critic=CRITIC_FOLDER)
                opened.push_async_callback(self._engine.aclose)
            await self._open_judge(opened)
            info = None if self._judge is None else self._judge.info
            self._settings = RunSettings.resolve(
                self._loop_options, self._prompts, self._engine.info, info
            )
            if self._store_path is not None:
                self._store = opened.enter_context(Store.open(self._store_path))
                self._run = self._store.begin_run(self._settings)
            self._resources = opened.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._resources.aclose()

    def _check_judge(self) -> None:
        chooses = self._loop_options.keep != "last"
        if self._judge_source is None and chooses:
            raise InputError("A judge is needed to keep 'best' or 'gate'.")
        if self._judge_source is not None and not chooses and self._loop_options.candidates == 1:
            raise InputError(
                "A judge has nothing to choose: keep 'best' or 'gate', or ask for candidates."
            )

    async def _open_judge(self, opened: AsyncExitStack) -> None:
        source = self._judge_source
        if source is None or isinstance(source, Judge):
            self._judge = source
        else:
            self._judge = await source()
            opened.push_async_callback(self._judge.aclose)

    @property
    def settings(self) -> RunSettings:
        """The settings in force, the prompt set's defaults filled in."""
        return self._settings

    async def revise(
        self,
        response: Source,
        *,
        prompt: Prompt = None,
        iterations: int = DEFAULT_ITERATIONS,
        on_version: OnVersion | None = None,
    ) -> Trajectory:
        """Revise one response.

        With a store, a draft that is already there goes on from its last stored version.

        Args:
            response: The text, or a draft (a mapping or a model with ``response``, and maybe
                ``id``, ``prompt`` or ``messages``).
            prompt: What a bare response answers: a text or chat messages. None: not known.
            iterations: Rounds of critique and revision, at least 1.
            on_version: Called with each new version, once it is stored.

        Returns:
            All versions and why the rounds ended. An engine that fails in mid-run ends the
            trajectory with that reason; what was made before is kept.

        Raises:
            InputError: The response is empty, or something has the wrong type.
            StoreError: A version could not be stored.
        """
        if iterations < 1:
            raise InputError(f"iterations is {iterations}; at least 1 round is needed.")
        draft = as_draft(response, prompt=prompt)
        if self._engine is None:
            raise InputError("The reviser is not open: use it in a 'with' statement.")
        trajectory_id = digest_of(
            draft.id,
            draft.content_digest,
            self._settings.digest,
            self._engine.info.model_dump(),
        )
        record = await _Record.begin(self._store, self._run, trajectory_id, draft)
        if record.is_settled:
            return record.trajectory()
        rounds = Rounds(
            draft,
            self._engine,
            self._prompts,
            self._settings,
            iterations=iterations,
            earlier=record.versions[: iterations + 1],
            judge=self._judge,
        )
        async for version in rounds:
            await record.append(version)
            if on_version is not None:
                on_version(version)
        return await record.finish(rounds.end, rounds=iterations)


class Reviser:
    """Revises responses over one engine that stays open; a context manager.

    It runs an event loop in a thread of its own, so it works in a notebook too, where one is
    already running.

    Raises:
        InputError: An option is unknown or has a value that cannot be used.
    """

    def __init__(self, **options: Unpack[ReviserOptions]) -> None:
        self._reviser = AsyncReviser(**options)
        self._resources = ExitStack()
        self._portal: BlockingPortal | None = None

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._portal = opened.enter_context(start_blocking_portal())
            opened.enter_context(self._portal.wrap_async_context_manager(self._reviser))
            self._resources = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # told of an error (Ctrl-C, say), the portal cancels what is under way instead of waiting
        self._resources.__exit__(kind, error, trace)

    @property
    def settings(self) -> RunSettings:
        """The settings in force, the prompt set's defaults filled in."""
        return self._reviser.settings

    def revise(
        self,
        response: Source,
        *,
        prompt: Prompt = None,
        iterations: int = DEFAULT_ITERATIONS,
        on_version: OnVersion | None = None,
    ) -> Trajectory:
        """Revise one response: see :meth:`AsyncReviser.revise`."""
        if self._portal is None:
            raise InputError("The reviser is not open: use it in a 'with' statement.")
        call = partial(
            self._reviser.revise,
            response,
            prompt=prompt,
            iterations=iterations,
            on_version=on_version,
        )
        return self._portal.call(call)


def revise(
    response: Source,
    *,
    prompt: Prompt = None,
    iterations: int = DEFAULT_ITERATIONS,
    on_version: OnVersion | None = None,
    **options: Unpack[ReviserOptions],
) -> Trajectory:
    """Make a response better by rounds of critique and revision.

    With no server and no model named, neither here nor in ``REVLOOP_BASE_URL`` or
    ``REVLOOP_MODEL``, the small critic that ships with revloop runs in this process.

    Args:
        response: The text, or a draft (a mapping or a model with ``response``, and maybe ``id``,
            ``prompt`` or ``messages``).
        prompt: What a bare response answers: a text or chat messages. None: not known.
        iterations: Rounds of critique and revision, at least 1.
        on_version: Called with each new version.
        options: See :class:`ReviserOptions`.

    Returns:
        All versions (0 is the original), the final text, and why the rounds ended.

    Raises:
        RevloopError: The input, an option, the engine or the store cannot be used.
    """
    with Reviser(**options) as reviser:
        return reviser.revise(response, prompt=prompt, iterations=iterations, on_version=on_version)


async def arevise(
    response: Source,
    *,
    prompt: Prompt = None,
    iterations: int = DEFAULT_ITERATIONS,
    on_version: OnVersion | None = None,
    **options: Unpack[ReviserOptions],
) -> Trajectory:
    """The asynchronous twin of :func:`revise`, with the same arguments."""
    async with AsyncReviser(**options) as reviser:
        return await reviser.revise(
            response, prompt=prompt, iterations=iterations, on_version=on_version
        )


@dataclass(slots=True)
class _Record:
    """One trajectory as it grows: in memory, and in the store if there is one."""

    trajectory_id: str
    draft: Draft
    versions: list[Version]
    end: End | None = None
    store: Store | None = None
    entry: Entry | None = None

    @classmethod
    async def begin(
        cls, store: Store | None, run: Run | None, trajectory_id: str, draft: Draft
    ) -> Self:
        """Start a record, or go on with the stored one."""
        if store is None or run is None:
            return cls(trajectory_id, draft, [])
        entry = await anyio.to_thread.run_sync(store.begin, run, trajectory_id, draft)
        return cls(entry.trajectory_id, draft, list(entry.versions), entry.end, store, entry)

    @property
    def is_settled(self) -> bool:
        """Whether it ended for a reason that asking again would not change."""
        if self.end is None or not self.end.reason.is_failure:
            return False
        return self.end.reason not in {StopReason.ENGINE_FAILED, StopReason.JUDGE_FAILED}

    async def append(self, version: Version) -> None:
        """Add a version; it is on disk when this returns."""
        if self.store is not None and self.entry is not None:
            await anyio.to_thread.run_sync(self.store.append, self.entry, version)
        self.versions.append(version)

    async def finish(self, end: End | None, *, rounds: int) -> Trajectory:
        """Set the end; a stored trajectory that has more rounds than asked for keeps its own."""
        if len(self.versions) > rounds + 1:
            return replace(self, versions=self.versions[: rounds + 1], end=end).trajectory()
        self.end = end
        if self.store is not None and self.entry is not None and end is not None:
            await anyio.to_thread.run_sync(self.store.finish, self.entry, end)
        return self.trajectory()

    def trajectory(self) -> Trajectory:
        """What there is so far."""
        versions = tuple(self.versions)
        return Trajectory(id=self.trajectory_id, draft=self.draft, versions=versions, end=self.end)
