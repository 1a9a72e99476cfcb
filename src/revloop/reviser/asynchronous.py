"""The reviser that stays open, for an event loop of the caller's."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from anyio import CancelScope, to_thread
from pydantic import ValidationError

from revloop.checks import CheckSuite, as_checkers
from revloop.concurrency import check_process
from revloop.demo import CRITIC_FOLDER
from revloop.engines.batch_api.engine import BatchApiEngine
from revloop.engines.english import load_prompts
from revloop.engines.factory import open_engine, refuse_jobs, require_store, with_default
from revloop.engines.metering import spending_of
from revloop.errors import InputError
from revloop.files.paths import Kind, Writes, check_paths
from revloop.loop import Rounds, first_rounds, negotiate
from revloop.loop.judges import Judges, JudgeSources
from revloop.loop.roles import EditorSource, Role, refuse_no_engine
from revloop.options import (
    DEFAULT_ITERATIONS,
    EngineOptions,
    LoopOptions,
    RunSettings,
    checked_iterations,
)
from revloop.reviser.options import refuse_unknown
from revloop.store import Run, Store
from revloop.trajectory import Draft, Judge, Message, OpenTrajectory, Trajectory, Version, as_draft
from revloop.values import digest_of, explain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from revloop.checks.opening import CheckSource
    from revloop.engines.base import Engine
    from revloop.engines.retry import RetryPolicy
    from revloop.reviser.options import ReviserOptions

    DraftLike = str | Mapping[str, Any] | Draft
    Prompt = str | Sequence[Message | Mapping[str, str]] | None
    OnVersion = Callable[[Version], None]


class AsyncReviser:
    """Revises responses with engines that stay open; an asynchronous context manager.

    Any number of :meth:`revise` calls may run concurrently.

    Raises:
        InputError: An option is unknown or invalid, or no server, model or engine is given.
    """

    def __init__(self, **options: Unpack[ReviserOptions]) -> None:
        refuse_unknown(options)
        rest: dict[str, Any] = dict(options)
        engine, loop = rest.pop("engine", None), rest.pop("loop", None)
        chosen = engine if isinstance(engine, EngineOptions) else None
        self._engine: Engine | None = None if chosen else engine
        refuse_no_engine(self._engine, "engine")
        self._retries: RetryPolicy | None = rest.pop("retries", None)
        prompts = rest.pop("prompts", None)
        self._store_path = rest.pop("store", None)
        self._wants_new_run = bool(rest.pop("new_run", False))
        judges = (rest.pop("judge", None), rest.pop("selector", None))
        self._judge_sources = JudgeSources.of(*judges)
        editor = (rest.pop("editor", None), rest.pop("editor_prompts", None))
        self._editor_source = EditorSource(*editor, bool(rest.pop("fresh_editor", False)))
        checks: Sequence[CheckSource] = rest.pop("checks", None) or ()
        own = {name: rest.pop(name) for name in EngineOptions.model_fields if name in rest}
        beside = [*(own if chosen else ()), *(rest if loop else ())]
        if beside:
            raise InputError(f"Options unknown, or given beside a model: {', '.join(beside)}.")
        try:
            self._engine_options = chosen or EngineOptions.from_environment(**own)
            self._loop_options = loop or LoopOptions.model_validate(rest)
        except ValidationError as exc:
            raise InputError(f"An option cannot be used: {explain(exc)}.") from exc
        self._prompts_source = prompts or self._loop_options.prompts_of_policy
        limit_s = self._loop_options.check_timeout_s
        self._checkers = as_checkers(checks, timeout_s=limit_s)
        if self._engine is None:
            self._engine_options = with_default(self._engine_options)
            require_store(self._engine_options, self._store_path)
        self._judge_sources.refuse_idle(self._loop_options, self._checkers)
        self._editor_source.check(self._engine_options, self._loop_options)
        self._resources = AsyncExitStack()
        self._was_opened = False
        self._process: int | None = None
        self._editor: Role | None = None
        self._judges = Judges()
        self._checks: CheckSuite | None = None
        self._store: Store | None = None
        self._run: Run | None = None

    async def __aenter__(self) -> Self:
        if self._was_opened:
            raise InputError("A reviser opens only once: create a new one for each 'with' block.")
        if self._store_path is not None:  # before an engine is started, which takes minutes
            check_paths([Writes(Path(self._store_path), "the store", Kind.STORE)])
        async with AsyncExitStack() as opened:
            self._prompts = load_prompts(self._prompts_source, self._engine_options)
            if self._engine is None:
                self._engine = await open_engine(
                    self._engine_options, shipped_critic=CRITIC_FOLDER, retries=self._retries
                )
                opened.push_async_callback(self._engine.aclose)
            await negotiate(self._engine, self._prompts, self._loop_options)
            self._editor = await self._editor_source.open(
                *(Role(self._engine, self._prompts), self._loop_options, opened),
                shipped_critic=CRITIC_FOLDER,
                retries=self._retries,
            )
            writers = [self._engine, *(() if self._editor is None else (self._editor.engine,))]
            self._judges = await self._judge_sources.open(opened, self._loop_options, writers)
            selector = self._judges.selector
            if self._checkers:
                limit_s = self._loop_options.check_timeout_s
                self._checks = CheckSuite(self._checkers, timeout_s=limit_s)
                opened.push_async_callback(self._checks.aclose)
            checks = () if self._checks is None else self._checks.infos
            self._settings = RunSettings.resolve(
                *(self._loop_options, self._prompts, self._engine.info),
                *(self._judges.infos, checks),
                selector=None if selector is None else selector.info,
                editor=None if self._editor is None else self._editor.identity,
            )
            if self._store_path is not None:
                self._store = opened.enter_context(Store.open(self._store_path))
                self._run = self._store.begin_run(self._settings, new=self._wants_new_run)
                if isinstance(self._engine, BatchApiEngine):
                    self._engine.record_in(self._store.path)
            self._resources = opened.pop_all()
        self._was_opened, self._process = True, os.getpid()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process = None
        with CancelScope(shield=True):  # close engine, judges and store even if cancelled
            await self._resources.aclose()

    @property
    def settings(self) -> RunSettings:
        """The settings in use, including the prompt set's defaults."""
        return self._settings

    @property
    def checks(self) -> CheckSuite | None:
        """The user's checks, if any."""
        return self._checks

    @property
    def engine(self) -> Engine:
        """The open engine.

        Raises:
            InputError: The reviser is not open, or was opened before this process was forked.
        """
        if self._engine is None or self._process is None:
            raise InputError("The reviser is not open: use it in a 'with' statement.")
        check_process(self._process, "The reviser")
        return self._engine

    @property
    def editor(self) -> Engine | None:
        """The editor's open engine, if it is not the critic's."""
        editor = self._editor
        return None if editor is None or editor.engine is self._engine else editor.engine

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The engines that are open: the critic's, and the editor's if it is another."""
        return tuple(one for one in (self._engine, self.editor) if one is not None)

    @property
    def judges(self) -> tuple[Judge, ...]:
        """The open judges and the open selector, if any."""
        return self._judges.all

    @property
    def models(self) -> list[str]:
        """The models whose tokens rounds take, as a store names them; judges' only at servers."""
        engines = [self.engine, *([] if self.editor is None else [self.editor])]
        of_judges = [spending_of(judge).by_model for judge in self.judges]
        return [*(engine.info.model for engine in engines), *chain.from_iterable(of_judges)]

    @property
    def store(self) -> Store | None:
        """The open store, if any."""
        return self._store

    @property
    def run(self) -> Run | None:
        """The store's run for new trajectories, if there is a store."""
        return self._run

    async def revise(
        self,
        response: DraftLike,
        *,
        prompt: Prompt = None,
        iterations: int = DEFAULT_ITERATIONS,
        on_version: OnVersion | None = None,
    ) -> Trajectory:
        """Revise one response.

        With a store, a draft that is already there resumes from its last stored version.

        Args:
            response: The text, or a draft (a mapping or a model with ``response`` and optionally
                ``id``, ``prompt`` or ``messages``).
            prompt: What a bare response answers: a text or chat messages. None: unknown.
            iterations: Rounds of critique and revision, at least 1.
            on_version: Called with each new version, once it is stored.

        Returns:
            All versions and why the rounds ended. An engine failure ends the trajectory with that
            reason; versions made before are kept.

        Raises:
            InputError: The response is empty, or a value has the wrong type.
            StoreError: A version could not be stored.
        """
        refuse_jobs(self._engine_options, "one response")
        rounds = checked_iterations(iterations)
        draft = as_draft(response, prompt=prompt)
        trajectory = await self.begin(draft)
        return await self.resume(
            trajectory, engine=self.engine, iterations=rounds, on_version=on_version, retry=False
        )

    async def begin(self, draft: Draft) -> OpenTrajectory:
        """Begin a draft's trajectory, or find it in the store.

        Raises:
            InputError: The run has another draft with the same id, or the reviser is not open.
            StoreError: It could not be stored.
        """
        fields = self._fields_seen(draft.extra)
        trajectory_id = self.trajectory_id(draft, draft.content_with(fields))
        if self._store is None or self._run is None:
            return OpenTrajectory(trajectory_id, draft)
        return await to_thread.run_sync(self._store.begin, self._run, trajectory_id, draft, fields)

    def _fields_seen(self, row: Mapping[str, Any]) -> list[str]:
        """Those of a row's fields that decide its versions: a check may read them all."""
        editor = set() if self._editor is None else self._editor.prompts.fields
        shown = self._prompts.fields.union(editor, *(judge.info.fields for judge in self.judges))
        policy = self._settings.policy
        if policy is not None and policy.field is not None:
            shown |= {policy.field}
        return [name for name in row if self._checks is not None or name in shown]

    def with_fields(self, draft: Draft, row: Mapping[str, Any]) -> Draft:
        """A draft with those of its row's other fields that decide its versions."""
        seen = {name: row[name] for name in self._fields_seen(row)}
        return draft.model_copy(update={"extra": seen}) if seen else draft

    async def resume(
        self,
        trajectory: OpenTrajectory,
        *,
        engine: Engine,
        iterations: int,
        editor: Engine | None = None,
        on_version: OnVersion | None = None,
        retry: bool = True,
        one_of_many: bool = False,
    ) -> Trajectory:
        """Do a trajectory's remaining rounds.

        Args:
            trajectory: From :meth:`begin`, or from the rows of this reviser's store.
            engine: The reviser's engine, or a wrapper of it.
            iterations: Rounds in all, at least 1.
            editor: A wrapper of the editor's engine; None: that engine, or ``engine`` if it is the
                critic's.
            on_version: As for :meth:`revise`.
            retry: Whether to retry after a failure that is likely to recur.
            one_of_many: Whether other trajectories need the judges too: see :class:`Rounds`.

        Raises:
            StoreError: A version could not be stored.
        """
        if not trajectory.is_settled(iterations, retry=retry):
            using = (trajectory, engine, self._prompts, self._settings)
            role = self._editor and Role(editor or self.editor or engine, self._editor.prompts)
            made = partial(Rounds, *using, checks=self._checks, editor=role)
            rounds = made(judges=self._judges, one_of_many=one_of_many)
            await rounds.run(iterations, on_version)
        return first_rounds(trajectory.snapshot(), self._settings, iterations)

    def trajectory_id(self, draft: Draft, content_digest: str) -> str:
        """The id of a draft's trajectory with these settings and this engine."""
        engines = [self.engine] if self._editor is None else [self.engine, self._editor.engine]
        infos = (engine.info.model_dump() for engine in engines)
        return digest_of(draft.id, content_digest, self._settings.digest, *infos)
