"""An engine that answers from a script, for tests of the layers above engines."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from revloop.engines.base import Completion, Request, TokenPrefix, room_for_answer
from revloop.loop.greeting import GREETING
from revloop.trajectory import EngineInfo, Usage

if TYPE_CHECKING:
    from revloop.prompts import Rendered
    from revloop.trajectory import FinishReason

LATENCY_S = 0.25
"""The reported latency of every answer, in seconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply with a fixed finish reason."""

    text: str
    finish_reason: FinishReason


Reply = str | Answer | Exception
Script = Iterable[Reply] | Callable[[Request], Reply]


class ScriptedEngine:
    """Answers from a script and records every request.

    A reply is a text, an :class:`Answer` or an exception to raise. As with a real engine, a
    text ends before the first stop text in it, a text longer than the token limit is cut there
    and finished by ``length``, and a prompt that leaves too little room in the context is refused.
    A greeting is answered with ``greeting``, outside the script and the record.

    Args:
        script: The replies in order, or a function from request to reply.
        tokens: What counts as one token: a word with the white space before it, or a character.
        context_tokens: Limit of prompt and answer tokens together; None: no limit.
        counts: Whether ``count_tokens`` works, as with a tokenizer.
        info: Kind, model and version, for the record.
        greeting: The reply to a greeting.
    """

    def __init__(
        self,
        script: Script,
        *,
        tokens: Literal["words", "characters"] = "words",
        context_tokens: int | None = None,
        counts: bool = True,
        info: EngineInfo | None = None,
        greeting: Answer | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.is_closed = False
        self._reply = script if callable(script) else _in_order(iter(script))
        self._pattern = re.compile(r"\s*\S+|\s+" if tokens == "words" else r".", re.DOTALL)
        self._context_tokens = context_tokens
        self._counts = counts
        self._greeting = greeting or Answer("Hello!", "stop")
        self._info = info or EngineInfo(kind="scripted", model="script", version="1")

    @property
    def info(self) -> EngineInfo:
        return self._info

    @property
    def context_tokens(self) -> int | None:
        return self._context_tokens

    @property
    def prompts(self) -> list[str]:
        """The prompts of all requests so far, each as one text."""
        return [plain(request.prompt) for request in self.requests]

    def count_tokens(self, text: str) -> int | None:
        return len(self._split(text)) if self._counts else None

    async def generate(self, request: Request) -> Completion:
        if request.prompt == GREETING:
            return Completion(
                text=self._greeting.text,
                finish_reason=self._greeting.finish_reason,
                limit_tokens=request.max_tokens,
                usage=Usage(),
                latency_s=LATENCY_S,
            )
        self.requests.append(request)
        prompt = self._split(plain(request.prompt))
        limit = room_for_answer(len(prompt), request, self._context_tokens)
        reply = self._reply(request)
        if isinstance(reply, Exception):
            raise reply
        text, reason = self._finished(reply, request, limit)
        generated = self._split(text)
        return Completion(
            text=text,
            finish_reason=reason,
            limit_tokens=limit,
            usage=Usage(prompt_tokens=len(prompt), generated_tokens=len(generated)),
            latency_s=LATENCY_S,
            prefix=self._prefix(request, text) if request.keep_prefix else None,
        )

    async def aclose(self) -> None:
        self.is_closed = True

    def _split(self, text: str) -> list[str]:
        return self._pattern.findall(text)

    def _finished(
        self, reply: str | Answer, request: Request, limit: int
    ) -> tuple[str, FinishReason]:
        if isinstance(reply, Answer):
            return reply.text, reply.finish_reason
        end = min((i for stop in request.stop if (i := reply.find(stop)) >= 0), default=len(reply))
        pieces = self._split(reply[:end])
        return "".join(pieces[:limit]), "stop" if len(pieces) <= limit else "length"

    def _prefix(self, request: Request, text: str) -> TokenPrefix:
        whole = plain(request.prompt) + text
        return TokenPrefix(whole, tuple(zlib.crc32(piece.encode()) for piece in self._split(whole)))


def plain(prompt: Rendered) -> str:
    """A prompt as one text; messages are concatenated."""
    return prompt if isinstance(prompt, str) else "".join(m.content for m in prompt)


def cnr_critique(score: float = 5, positive: str = "It is short.", negative: str = "Dull.") -> str:
    """A critique in the format of the ``cnr`` prompt set."""
    return f"Overall score: {score:g}\nPositive aspects: {positive}\nNegative aspects: {negative}"


def cnr_rounds(*revisions: str, critique: str | None = None) -> list[Reply]:
    """A script for two-pass ``cnr`` rounds: before each revision, the same critique."""
    said = cnr_critique() if critique is None else critique
    return [reply for revision in revisions for reply in (said, revision)]


def _in_order(replies: Iterator[Reply]) -> Callable[[Request], Reply]:
    def reply(_request: Request) -> Reply:
        for one in replies:
            return one
        raise AssertionError("the script has no reply left")

    return reply
