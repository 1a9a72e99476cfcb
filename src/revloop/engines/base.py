"""The protocol that every engine speaks: a prompt goes in, a completion comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from revloop.errors import ContextFullError

if TYPE_CHECKING:
    from revloop.prompts import Rendered
    from revloop.trajectory import EngineInfo, FinishReason, Sampling, Usage


@dataclass(frozen=True, slots=True)
class TokenPrefix:
    """A text whose tokens the engine has seen: the start of a longer prompt to come.

    A prompt that begins with ``text`` is sent as ``token_ids`` and the tokens of the rest, so that
    the server finds it in its prefix cache to the token. Tokenising the whole text anew might cut
    it into other tokens than those that were generated.
    """

    text: str
    token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What an engine is asked.

    Attributes:
        prompt: A text to continue, or the messages of a chat.
        sampling: How tokens are chosen.
        max_tokens: Most tokens to generate; less where the model's context leaves less room.
        room_tokens: Tokens that the answer must be free to have to be of any use.
        reserve_tokens: Tokens of the context to leave free for what comes after the answer.
        stop: Texts that end the generation; they are not part of the completion's text.
        keep_prefix: Whether a later prompt will extend this one, so that its tokens are wanted.
        prefix: The tokens of an earlier prompt that this one extends.
        exact: Generate just ``max_tokens`` tokens, whatever the model would rather say: an end
            token does not end it. For measuring; vLLM alone can do it.
    """

    prompt: Rendered
    sampling: Sampling
    max_tokens: int
    room_tokens: int = 1
    reserve_tokens: int = 0
    stop: tuple[str, ...] = ()
    keep_prefix: bool = False
    prefix: TokenPrefix | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """What an engine answers.

    Attributes:
        text: What was generated, to the letter, without the stop text that ended it.
        finish_reason: ``stop`` at an end token or a stop text, ``length`` at the token limit.
        limit_tokens: The token limit that was in force.
        usage: Tokens of the request.
        latency_s: Seconds from sending to the whole answer, waits between tries included.
        prefix: Prompt and answer (stop text included) with their tokens, where they were wanted
            and the engine knows them.
        retries: How many times it was sent again after a passing fault.
    """

    text: str
    finish_reason: FinishReason
    limit_tokens: int
    usage: Usage
    latency_s: float
    prefix: TokenPrefix | None = None
    retries: int = 0


@runtime_checkable
class Engine(Protocol):
    """Turns prompts into text. Any number of ``generate`` calls may run at once."""

    @property
    def info(self) -> EngineInfo:
        """Kind, model and version, for the record."""
        ...

    @property
    def context_tokens(self) -> int | None:
        """Tokens that prompt and answer may have together, or None where the engine is silent."""
        ...

    def count_tokens(self, text: str) -> int | None:
        """Number of tokens of ``text``, or None where the engine has no tokenizer at hand.

        Of a text that is far too long for the context, any number that is too large for it.
        """
        ...

    async def generate(self, request: Request) -> Completion:
        """Generate once.

        Raises:
            ContextFullError: The prompt leaves less room than ``request.room_tokens``.
            EngineError: Any other failure, after the retries that the engine makes.
        """
        ...

    async def aclose(self) -> None:
        """Give back connections, memory and processes. Calling it twice does no harm."""
        ...


LONG_CHARS = 2**17
"""Characters that take about a tenth of a second to tokenise. More are tokenised in a thread."""


def prompt_chars(request: Request) -> int:
    """Characters of a request's prompt."""
    if isinstance(request.prompt, str):
        return len(request.prompt)
    return sum(len(message.content) for message in request.prompt)


def refuse_too_long(least_tokens: int, request: Request, context_tokens: int | None) -> None:
    """Refuse a prompt of which it is known only that it has so many tokens at least.

    Raises:
        ContextFullError: That is too much already.
    """
    if context_tokens is not None and least_tokens > context_tokens:
        raise ContextFullError(
            f"The prompt takes at least {least_tokens} of the model's {context_tokens} tokens; "
            f"the answer needs {request.room_tokens}, and none are left."
        )


def room_for_answer(prompt_tokens: int, request: Request, context_tokens: int | None) -> int:
    """The token limit of an answer: what was asked for, or what the context leaves.

    Raises:
        ContextFullError: The context leaves less than the room that the request needs.
    """
    if context_tokens is None:
        return request.max_tokens
    left = context_tokens - prompt_tokens - request.reserve_tokens
    if left < request.room_tokens:
        raise ContextFullError(
            f"The prompt takes {prompt_tokens} of the model's {context_tokens} tokens and "
            f"{request.reserve_tokens} must stay free; the answer needs {request.room_tokens}, "
            f"and {max(left, 0)} are left."
        )
    return min(request.max_tokens, left)
