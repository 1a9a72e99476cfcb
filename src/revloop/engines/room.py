"""Token limits of requests that are sent again: more for thoughts, or what the context leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from revloop.errors import ContextFullError

if TYPE_CHECKING:
    from revloop.engines.base import Completion, Engine, Request


_SPARE_TOKENS = 1
"""SGLang refuses a request that fills the context exactly."""


async def generate_within(engine: Engine, request: Request, limit_tokens: int) -> Completion:
    """Generate with a token limit, or with the room that the context leaves if that is less.

    Without a server's tokenizer only the server knows how much that is: its refusal tells.

    Args:
        engine: The engine.
        request: The request.
        limit_tokens: The limit; it may be above the request's own.

    Raises:
        ContextFullError: The prompt leaves less than ``request.room_tokens``, or the server does
            not tell how much, and not enough for the request's own limit.
        EngineError: Any other failure.
    """
    try:
        return await engine.generate(replace(request, max_tokens=limit_tokens))
    except ContextFullError as exc:
        left_tokens = _left_tokens(exc, request)
        if not request.room_tokens <= left_tokens < limit_tokens:
            raise
        return await engine.generate(replace(request, max_tokens=left_tokens))


def _left_tokens(error: ContextFullError, request: Request) -> int:
    """The room for an answer by a server's refusal; the request's own limit if it tells none."""
    if error.prompt_tokens is None or error.context_tokens is None:
        return request.max_tokens
    return error.context_tokens - error.prompt_tokens - request.reserve_tokens - _SPARE_TOKENS


def doubled_room(
    limit_tokens: int, prompt_tokens: int, reserve_tokens: int, context_tokens: int | None
) -> int:
    """Twice a token limit, as far as the context allows; never less than the limit.

    Args:
        limit_tokens: The limit that was reached.
        prompt_tokens: Tokens of the prompt; 0 if not reported, and the server decides.
        reserve_tokens: Tokens to keep free for what follows the answer.
        context_tokens: The model's context; None if not reported.
    """
    if context_tokens is None or not prompt_tokens:
        return 2 * limit_tokens
    left = context_tokens - prompt_tokens - reserve_tokens
    return max(limit_tokens, min(2 * limit_tokens, left))
