"""Token limits of requests: a reply whose room was taken by thoughts gets twice as much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.engines.room import doubled_room
from revloop.prompts.parsing import UNFINISHED

if TYPE_CHECKING:
    from revloop.engines.base import Request
    from revloop.trajectory import Step


def thoughts_took_room(step: Step) -> bool:
    """Whether thoughts, shown or hidden, are why a reply has no end.

    A blank reply at its limit counts too: some servers show no thoughts.
    """
    refusal = step.refusal
    if refusal is None:
        return False
    if step.finish_reason != "length":
        return refusal.reason == UNFINISHED
    is_blank = refusal.reply is not None and not refusal.reply.strip()
    return bool(step.thoughts or step.usage.thinking_tokens or is_blank)


def room_after(step: Step, request: Request, context_tokens: int | None) -> int:
    """The token limit of the try after a step, at least the request's own.

    Depends on the step alone, so that a stored attempt is continued as it would have been.
    """
    room = max(request.max_tokens, step.limit_tokens or 0)
    if not thoughts_took_room(step):
        return room
    read = step.usage.prompt_tokens
    return max(room, doubled_room(room, read, request.reserve_tokens, context_tokens))
