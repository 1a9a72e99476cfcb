"""The protocol of every engine: a prompt goes in, a completion comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from revloop.errors import ContextFullError

if TYPE_CHECKING:
    from revloop.prompts import Rendered
    from revloop.trajectory import EngineInfo, FinishReason, Sampling, Usage


@dataclass(frozen=True, slots=True)
class TokenPrefix:
    """A text with its tokens: the start of a longer prompt to come.

    A prompt that begins with ``text`` is sent as ``token_ids`` plus the tokens of the rest, so that
    every token hits the server's prefix cache. Tokenising the whole text again could give other
    tokens than those that were generated.
    """

    text: str
    token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A request to an engine.

    Attributes:
        prompt: A text to continue, or the messages of a chat.
        sampling: How tokens are sampled.
        max_tokens: Most tokens to generate; fewer if the model's context leaves less room.
        room_tokens: Tokens that the context must leave for the answer.
        reserve_tokens: Tokens of the context to keep free for what follows the answer.
        stop: Texts that end the generation; excluded from the completion's text.
        keep_prefix: Whether to return the tokens, because a later prompt extends this one.
        prefix: The tokens of an earlier prompt that this one extends.
        prefill: The beginning of the answer, for a chat: the model continues it, and the
            completion's text is what follows.
        thinking: Whether a model that can think before its answer may do so. Chat only.
        exact: Generate exactly ``max_tokens`` tokens and ignore end tokens. For benchmarks; only
            vLLM supports it.
    """

    prompt: Rendered
    sampling: Sampling
    max_tokens: int
    room_tokens: int = 1
    reserve_tokens: int = 0
    stop: tuple[str, ...] = ()
    keep_prefix: bool = False
    prefix: TokenPrefix | None = None
    prefill: str = ""
    thinking: bool = True
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """An engine's answer.

    Attributes:
        text: The exact generated text, without the stop text that ended it. With the finish reason
            ``refusal`` it may be the server's or the model's reason.
        finish_reason: ``stop`` at an end token or a stop text, ``length`` at the token limit. The
            others mean that the text is no answer, and that none is to be expected.
        limit_tokens: The token limit in force.
        usage: Tokens of the request.
        latency_s: Seconds from sending to the complete answer, including waits between tries and
            for a rate limit.
        prefix: Prompt and answer (including the stop text) with their tokens, if requested and
            known.
        retries: Number of times the request was sent again after a temporary fault.
        thoughts: What the server sent apart from the text; the text may contain thoughts too.
    """

    text: str
    finish_reason: FinishReason
    limit_tokens: int
    usage: Usage
    latency_s: float
    prefix: TokenPrefix | None = None
    retries: int = 0
    thoughts: str = ""


@runtime_checkable
class Engine(Protocol):
    """Turns prompts into text. Any number of ``generate`` calls may run concurrently."""

    @property
    def info(self) -> EngineInfo:
        """Kind, model and version, for the record."""
        ...

    @property
    def context_tokens(self) -> int | None:
        """Tokens that prompt and answer may have together; None if not reported."""
        ...

    def count_tokens(self, text: str) -> int | None:
        """Number of tokens of ``text``; None without a tokenizer.

        For a text far longer than the context, any number above the context's may be returned.
        """
        ...

    async def generate(self, request: Request) -> Completion:
        """Generate once.

        Raises:
            ContextFullError: The prompt leaves less room than ``request.room_tokens``.
            EngineError: Any other failure, after the engine's retries.
        """
        ...

    async def aclose(self) -> None:
        """Release connections, memory and processes. Safe to call twice."""
        ...


LONG_CHARS = 2**17
"""Longer texts, which take over 0.1 s to tokenise, are tokenised in a thread."""


def prompt_chars(request: Request) -> int:
    """Characters of a request's prompt."""
    if isinstance(request.prompt, str):
        return len(request.prompt)
    return sum(len(message.content) for message in request.prompt) + len(request.prefill)


def refuse_too_long(least_tokens: int, request: Request, context_tokens: int | None) -> None:
    """Refuse a prompt if a lower bound of its tokens already exceeds the context.

    Raises:
        ContextFullError: It does.
    """
    if context_tokens is not None and least_tokens > context_tokens:
        raise ContextFullError(
            f"The prompt takes at least {least_tokens} of the model's {context_tokens} tokens; "
            f"no room is left for the answer, which needs {request.room_tokens}."
        )


def room_for_answer(prompt_tokens: int, request: Request, context_tokens: int | None) -> int:
    """The token limit of an answer: the requested one, or what the context leaves.

    Raises:
        ContextFullError: The context leaves less than ``request.room_tokens``.
    """
    if context_tokens is None:
        return request.max_tokens
    left = context_tokens - prompt_tokens - request.reserve_tokens
    if left < request.room_tokens:
        raise ContextFullError(
            f"The prompt takes {prompt_tokens} of the model's {context_tokens} tokens and "
            f"{request.reserve_tokens} are reserved; the answer needs {request.room_tokens}, but "
            f"only {max(left, 0)} are left."
        )
    return min(request.max_tokens, left)


def cut_after_stop(text: str, stops: tuple[str, ...]) -> tuple[str, str]:
    """The text up to and including the first stop text, and that stop text ("" if none)."""
    found = [(text.index(stop) + len(stop), stop) for stop in stops if stop in text]
    if not found:
        return text, ""
    end, stop = min(found)
    return text[:end], stop
