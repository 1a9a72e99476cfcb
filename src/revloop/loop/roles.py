"""Roles: who criticises, and who revises."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from revloop.engines.factory import open_engine, refuse_jobs, require_engine
from revloop.errors import InputError
from revloop.loop.negotiation import negotiate
from revloop.options import EngineOptions
from revloop.prompts import PromptSet
from revloop.prompts.contexts import in_fresh_context
from revloop.trajectory import REVISION_KINDS

if TYPE_CHECKING:
    from contextlib import AsyncExitStack
    from pathlib import Path

    from revloop.engines.base import Engine
    from revloop.engines.retry import RetryPolicy
    from revloop.options import LoopOptions
    from revloop.trajectory import Draft, EngineInfo, StepKind


class Role(NamedTuple):
    """A model, and what words its requests and parses its replies.

    Attributes:
        engine: Answers the requests.
        prompts: The prompt set.
    """

    engine: Engine
    prompts: PromptSet

    @property
    def identity(self) -> tuple[EngineInfo, PromptSet]:
        """What decides its texts."""
        return self.engine.info, self.prompts


class Roles(NamedTuple):
    """Who criticises, and who revises.

    Attributes:
        critic: Writes critiques, and scores texts.
        editor: Writes revisions after a critique; None: the critic does, in the same conversation.
    """

    critic: Role
    editor: Role | None = None

    @property
    def reviser(self) -> Role:
        """Who writes revisions."""
        return self.editor or self.critic

    def of(self, kind: StepKind) -> Role:
        """Who answers a kind of request."""
        return self.reviser if kind in REVISION_KINDS else self.critic

    def require_fields(self, draft: Draft) -> None:
        """Refuse a draft that lacks a field without a default.

        Raises:
            MissingFieldError: It lacks one, or a value cannot be shown.
        """
        self.critic.prompts.require_fields(draft)
        if self.editor is not None:
            self.editor.prompts.require_fields(draft)


def refuse_no_engine(given: object, name: str) -> None:
    """Refuse what is given as an engine and is none, such as an address.

    Raises:
        InputError: It has no ``generate``.
    """
    if given is not None and not callable(getattr(given, "generate", None)):
        raise InputError(
            f"{name} is a {type(given).__name__}, not an engine: give an engine, or EngineOptions "
            "of revloop.options with base_url= or model=."
        )


class EditorSource(NamedTuple):
    """Who is to revise.

    Attributes:
        engine: An engine, or the options of one; None: the critic's.
        prompts: Name or folder of a prompt set; None: the critic's.
        is_fresh: Whether the editor is asked in a new conversation.
    """

    engine: Engine | EngineOptions | None = None
    prompts: str | Path | None = None
    is_fresh: bool = False

    def check(self, critic: EngineOptions, loop: LoopOptions) -> None:
        """Refuse an editor that could not be asked.

        Args:
            critic: The critic's engine.
            loop: The loop's options.

        Raises:
            InputError: No server or model is named, or the options leave an editor nothing to do.
        """
        if self == EditorSource():
            return
        if critic.kind is not None:
            raise InputError(
                f"--engine {critic.kind} asks one model only: leave it out, or the editor."
            )
        if isinstance(self.engine, EngineOptions):
            require_engine(self.engine)
            refuse_jobs(self.engine, "an editor")
        else:
            refuse_no_engine(self.engine, "editor")
        loop.refuse_editor()

    async def open(
        self,
        critic: Role,
        loop: LoopOptions,
        opened: AsyncExitStack,
        *,
        shipped_critic: Path,
        retries: RetryPolicy | None,
    ) -> Role | None:
        """Open the editor; None if the critic revises.

        Args:
            critic: The critic.
            loop: The loop's options.
            opened: Closes the engine, unless it is the user's own.
            shipped_critic: Folder of the demo critic.
            retries: Retry policy for a server; None: the engine's default.

        Raises:
            PromptSetError: The prompt set cannot be used.
            RevloopError: The engine cannot be opened; the class says why.
        """
        prompts = critic.prompts if self.prompts is None else PromptSet.load(self.prompts)
        if self.is_fresh:
            prompts = in_fresh_context(prompts)
        engine = critic.engine if self.engine is None else self.engine
        if engine is critic.engine and prompts.digest == critic.prompts.digest:
            return None
        if isinstance(engine, EngineOptions):
            engine = await open_engine(engine, shipped_critic=shipped_critic, retries=retries)
            opened.push_async_callback(engine.aclose)
        await negotiate(engine, prompts, loop)
        return Role(engine, prompts)
