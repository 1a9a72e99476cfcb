"""The loop with a scripted engine, for tests of its rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.edits import Edit, edits_between, write_edits
from revloop.loop import Rounds
from revloop.options import LoopOptions, RunSettings
from revloop.prompts import PromptSet
from revloop.prompts.parsing import write_revision
from revloop.trajectory import Draft, OpenTrajectory
from tests.helpers.scripted_engine import ScriptedEngine, cnr_critique

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.loop.roles import Role
    from revloop.trajectory import End, Version

CNR = PromptSet.load("cnr")
CHAT = PromptSet.load("chat")
CNR_EDITS = PromptSet.load("cnr-edits")
CHAT_EDITS = PromptSet.load("chat-edits")
DRAFT = Draft(id="d", prompt="What is 2 + 2?", response=" It is\n5. ")
SAID = cnr_critique()


def rounds_of(
    engine: ScriptedEngine,
    trajectory: OpenTrajectory,
    *,
    prompts: PromptSet = CNR,
    editor: Role | None = None,
    **options: Any,
) -> Rounds:
    identity = None if editor is None else editor.identity
    loop = LoopOptions(**options)
    settings = RunSettings.resolve(loop, prompts, engine.info, editor=identity)
    return Rounds(trajectory, engine, prompts, settings, editor=editor)


async def run(
    engine: ScriptedEngine,
    draft: Draft = DRAFT,
    *,
    iterations: int = 5,
    earlier: Sequence[Version] = (),
    failed: End | None = None,
    **options: Any,
) -> tuple[list[Version], End]:
    """All new versions of a draft, and the end."""
    trajectory = OpenTrajectory("t", draft, list(earlier), failed)
    versions: list[Version] = []
    await rounds_of(engine, trajectory, **options).run(iterations, versions.append)
    assert trajectory.end is not None
    return versions, trajectory.end


def texts(versions: Sequence[Version]) -> list[str]:
    return [version.text for version in versions]


def both(revision: str, score: float = 5) -> str:
    """A single-pass reply."""
    return cnr_critique(score) + CNR.bridge + revision


def tagged(text: str) -> str:
    return write_revision(text, CHAT.settings.revision.tags)


def edits_of(prompts: PromptSet, *pairs: tuple[str, str]) -> str:
    """A reply with edits, each a passage and what replaces it."""
    edits = [Edit(find=find, replacement=replacement) for find, replacement in pairs]
    return write_revision(write_edits(edits), prompts.settings.revision.tags)


def revision_of(prompts: PromptSet, before: str, after: str) -> str:
    """A reply with a revision in the form of the prompt set."""
    written = write_edits(edits_between(before, after)) if prompts.has_edits else after
    return write_revision(written, prompts.settings.revision.tags)


def outcome(version: Version) -> Version:
    """A version without its creation time."""
    return version.model_copy(update={"created_at": None})
