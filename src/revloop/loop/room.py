"""What the next try gets after thoughts: twice the room, and no stop text that could end one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from revloop.engines.room import doubled_room
from revloop.prompts.parsing import BLANK, UNFINISHED

if TYPE_CHECKING:
    from revloop.engines.base import Request
    from revloop.trajectory import Step


_MOST_TIMES = 16
"""A model whose thoughts never end would fill any room: twelve tries doubled it to 2,048 times."""


class Leeway(NamedTuple):
    """What a try may take.

    Attributes:
        limit_tokens: Its token limit, at least the request's own.
        sends_stops: Whether the request's stop texts are sent. If not, the answer is cut at them
            once it is told from the thoughts.
    """

    limit_tokens: int
    sends_stops: bool = True


def leeway_of(step: Step, request: Request) -> Leeway:
    """What a step had."""
    return Leeway(max(request.max_tokens, step.limit_tokens or 0), step.sent_stops)


def leeway_after(step: Step, request: Request, context_tokens: int | None) -> Leeway:
    """What the try after a step gets.

    Depends on the step alone, so that a stored attempt is continued as it would have been.
    """
    room, sends_stops = leeway_of(step, request)
    if not thoughts_left_no_answer(step):
        return Leeway(room, sends_stops)
    if step.finish_reason == "stop" and request.stop:
        sends_stops = False
    read = step.usage.prompt_tokens
    doubled = doubled_room(room, read, request.reserve_tokens, context_tokens)
    return Leeway(min(doubled, max(room, _MOST_TIMES * request.max_tokens)), sends_stops)


def thoughts_left_no_answer(step: Step) -> bool:
    """Whether thoughts, shown or hidden, are why a reply has no end or no answer.

    A blank reply at its limit counts too: some servers show no thoughts.
    """
    refusal = step.refusal
    if refusal is None:
        return False
    thinks = bool(step.thoughts or step.usage.thinking_tokens)
    is_blank = refusal.reply is not None and not refusal.reply.strip()
    if step.finish_reason == "length":
        return thinks or is_blank
    return refusal.reason == UNFINISHED or (thinks and refusal.reason == BLANK)
