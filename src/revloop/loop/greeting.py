"""Whether a model's replies begin within a thought, found out with a greeting.

Some chat templates end the prompt with the opening mark of a thought, and some servers leave the
thought in the reply: it then begins without a mark, and if it is cut before the closing one,
nothing tells it from an answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from revloop.engines.base import Request
from revloop.engines.batch_api.engine import KIND
from revloop.engines.wrapper import innermost
from revloop.prompts.parsing import marks_shown
from revloop.trajectory import Message, Sampling

if TYPE_CHECKING:
    from revloop.engines.base import Engine
    from revloop.prompts import PromptSet

GREETING = (Message(role="user", content="Hello."),)
_MOST_TOKENS = 1024


class _Greeted:
    """What is known of one engine."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.begins_in_thought: dict[tuple[str, bool], bool | None] = {}


_known: WeakKeyDictionary[Engine, _Greeted] = WeakKeyDictionary()


async def begins_in_thought(engine: Engine, prompts: PromptSet, *, thinking: bool) -> bool | None:
    """Whether replies to chats begin within a thought that shows only its closing mark.

    The model is greeted once, with the same engine and the same marks. Providers with a batch API,
    where a greeting would take hours, send thoughts apart.

    Args:
        engine: Answers the chats.
        prompts: Tells thoughts from answers.
        thinking: Whether the model may think.

    Returns:
        None if the reply to the greeting has no end and no marks: it may be all thought.

    Raises:
        EngineError: The engine failed.
    """
    if engine.info.kind == KIND:
        return False
    known = _known.setdefault(innermost(engine), _Greeted())
    key = (prompts.digest, thinking)
    async with known.lock:
        if key not in known.begins_in_thought:
            known.begins_in_thought[key] = await _greet(engine, prompts, thinking=thinking)
    return known.begins_in_thought[key]


async def _greet(engine: Engine, prompts: PromptSet, *, thinking: bool) -> bool | None:
    context_tokens = engine.context_tokens or 2 * _MOST_TOKENS
    reply = await engine.generate(
        Request(
            prompt=GREETING,
            sampling=Sampling(),
            max_tokens=max(1, min(_MOST_TOKENS, context_tokens // 2)),
            thinking=thinking,
        )
    )
    if reply.thoughts:
        return False
    shown = marks_shown(reply.text, prompts.settings.thinking.marks)
    return None if shown is None and reply.finish_reason == "length" else shown == "closing"
