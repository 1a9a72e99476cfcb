"""Token limits of requests that are sent again, because thoughts took the room of the answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from revloop.errors import ContextFullError

if TYPE_CHECKING:
    from revloop.engines.base import Completion, Engine, Request


async def generate_within(engine: Engine, request: Request, limit_tokens: int) -> Completion:
    """Generate with a token limit that may be above the request's own.

    Raises:
        ContextFullError: The prompt leaves too little room for the request's own limit.
        EngineError: Any other failure.
    """
    try:
        return await engine.generate(replace(request, max_tokens=limit_tokens))
    except ContextFullError:
        if limit_tokens <= request.max_tokens:
            raise
        # only the server knows how much room there is
        return await engine.generate(request)


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
