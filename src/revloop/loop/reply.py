"""What a reply of the critic says: its answer, told from its thoughts, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio.to_thread

from revloop.engines.base import LONG_CHARS
from revloop.loop.greeting import begins_in_thought
from revloop.prompts.parsing import UNFINISHED, UnfinishedThoughtError, UnusableError
from revloop.trajectory import StopReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.engines.base import Completion, Engine, Request
    from revloop.loop.roles import Role
    from revloop.prompts import Kind
    from revloop.trajectory import FinishReason, Usage

NO_ANSWER: dict[FinishReason, tuple[StopReason, str]] = {
    "content_filter": (StopReason.CONTENT_FILTERED, "the server's content filter cut it off"),
    "refusal": (StopReason.REFUSED, "the model refuses to write it"),
    "tool_calls": (StopReason.TOOL_CALLED, "it is a call of a tool, and none was offered"),
}
"""Ends after which no other try is worth its cost."""


@dataclass(frozen=True, slots=True)
class ReadReply:
    """A completion without its thoughts.

    Attributes:
        completion: As the engine returned it.
        text: The answer; None if there is none, for the reason ``why``.
        thoughts: All thoughts, those that the server sent apart included.
        why: Why there is no answer.
    """

    completion: Completion
    text: str | None
    thoughts: str
    why: str = ""


async def read_reply(
    role: Role,
    kind: Kind,
    request: Request,
    completion: Completion,
    given: Sequence[str],
    *,
    sent_stops: bool,
) -> ReadReply:
    """Tell the thoughts in a completion from its answer.

    Args:
        role: Who was asked.
        kind: What was requested.
        request: The request.
        completion: The reply.
        given: The texts of the draft: a reply may contain marks of thoughts that they contain.
        sent_stops: Whether the stop texts were sent; if not, the answer is cut at them.
    """
    if completion.finish_reason in NO_ANSWER:
        return ReadReply(completion, None, completion.thoughts)
    sent, is_cut = completion.thoughts, completion.finish_reason == "length"
    try:
        prompts = role.prompts.rewriting if kind == "rewrite" else role.prompts
        text, inside = prompts.without_thoughts(
            kind, completion.text, given, lead=request.prefill, is_cut=is_cut
        )
    except UnfinishedThoughtError as exc:
        return ReadReply(completion, None, _joined(sent, exc.thoughts), exc.reason)
    except UnusableError as exc:
        return ReadReply(completion, None, sent, exc.reason)
    thoughts = _joined(sent, inside)
    may_be_thought = text.strip() and not thoughts and (is_cut or sent_stops)
    if may_be_thought and await _begins_in_thought(role, request, is_cut=is_cut):
        return ReadReply(completion, None, text, UNFINISHED)
    if not sent_stops and (end := _first_of(request.stop, text)) is not None:
        completion = replace(completion, finish_reason="stop", prefix=None)
        text = text[:end]
    return ReadReply(completion, text, thoughts)


async def usage_of(reply: ReadReply, engine: Engine) -> Usage:
    """The tokens of a reply; those of its thoughts are counted if they were not reported."""
    usage, thoughts = reply.completion.usage, reply.thoughts
    if usage.thinking_tokens is not None or not thoughts:
        return usage
    count = engine.count_tokens
    if len(thoughts) > LONG_CHARS:
        counted = await anyio.to_thread.run_sync(count, thoughts, abandon_on_cancel=True)
    else:
        counted = count(thoughts)
    if counted is None:
        return usage
    return usage.model_copy(
        update={"thinking_tokens": min(counted, usage.generated_tokens or counted)}
    )


def why_incomplete(reply: ReadReply, request: Request) -> tuple[StopReason | None, str]:
    """Why a reply is no complete answer, whatever it says; None if it may be one.

    The sentence says why there is no answer in it; it may be empty.
    """
    completion = reply.completion
    if completion.finish_reason in NO_ANSWER:
        return NO_ANSWER[completion.finish_reason]
    if completion.finish_reason != "length":
        is_unfinished = reply.text is None and reply.why == UNFINISHED
        return (StopReason.TOKEN_LIMIT if is_unfinished else None), reply.why
    limit = completion.limit_tokens
    if limit < request.max_tokens:
        return StopReason.CONTEXT_FULL, f"it filled the {limit} tokens that were left"
    if reply.text is None or not reply.text.strip():
        return StopReason.TOKEN_LIMIT, f"its thoughts filled its limit of {limit} tokens"
    return StopReason.TOKEN_LIMIT, f"it reached its limit of {limit} tokens"


async def _begins_in_thought(role: Role, request: Request, *, is_cut: bool) -> bool:
    """Whether a reply without marks is a thought whose opening mark is in the prompt.

    A reply that was cut is taken for one if the greeting does not tell.
    """
    if isinstance(request.prompt, str) or request.prefill:
        return False
    begins = await begins_in_thought(*role, thinking=request.thinking)
    return is_cut if begins is None else begins


def _first_of(stops: Sequence[str], text: str) -> int | None:
    """Where the first stop text in a text begins; None without one."""
    return min((at for stop in stops if (at := text.find(stop)) >= 0), default=None)


def _joined(*thoughts: str) -> str:
    return "\n\n".join(filter(None, thoughts))
