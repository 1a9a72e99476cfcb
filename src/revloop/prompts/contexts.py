"""A prompt set whose revisions are asked for in new conversations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from revloop.errors import PromptSetError
from revloop.values import digest_of

if TYPE_CHECKING:
    from revloop.prompts.prompt_set import PromptSet


def in_fresh_context(prompts: PromptSet) -> PromptSet:
    """The set as it asks for revisions in new conversations; itself if it does so anyway.

    Raises:
        PromptSetError: It has no ``fresh.txt``.
    """
    if prompts.has_fresh_context:
        return prompts
    if prompts.fresh_bridge is None:
        raise PromptSetError(
            f"Prompt set '{prompts.name}' cannot ask for a revision in a new conversation "
            "(--fresh-editor): it has no fresh.txt. Take chat, chat-plain, chat-prefill or "
            "chat-turns, or add the file to a chat set of your own without edits."
        )
    revision = prompts.settings.revision.model_copy(update={"context": "fresh"})
    return replace(
        prompts,
        name=f"{prompts.name} (fresh)",
        settings=prompts.settings.model_copy(update={"revision": revision}),
        templates=prompts.templates | {"bridge.txt": prompts.fresh_bridge},
        digest=digest_of(prompts.digest, prompts.fresh_bridge),
    )
