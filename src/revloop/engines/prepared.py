"""What is sent to a server for a request, and what its answer makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revloop.engines.base import Completion, cut_after_stop

if TYPE_CHECKING:
    from collections.abc import Collection

    from revloop.engines.base import Request
    from revloop.engines.replies import Answer
    from revloop.engines.tokens import PromptTokenizer
    from revloop.trajectory import FinishReason, Usage


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is sent for a request.

    Attributes:
        kind: What is asked for, as in the path: ``completions`` or ``chat/completions``.
        body: The body.
        limit_tokens: Token limit of the answer.
        prompt_ids: The tokens of the prompt; None if its text is sent.
    """

    kind: str
    body: dict[str, Any]
    limit_tokens: int
    prompt_ids: list[int] | None = None

    def completion(
        self,
        request: Request,
        answer: Answer,
        tokenizer: PromptTokenizer | None,
        *,
        unsent: Collection[str],
        latency_s: float,
        retries: int,
    ) -> Completion:
        """The completion of a request from the server's answer.

        Args:
            request: The request that this was prepared for.
            answer: What the server answered.
            tokenizer: The server's, if it is known.
            unsent: Parameters that the server does not take.
            latency_s: Seconds to the answer.
            retries: How many times the request was sent again.
        """
        text, prefix = answer.text, None
        if self.prompt_ids is not None and isinstance(request.prompt, str):
            if request.keep_prefix and tokenizer is not None:
                prefix = tokenizer.prefix(request.prompt, self.prompt_ids, text, answer.token_ids)
            text = _without_stop(text, request.stop, answer.stop_text)
        finish_reason = answer.finish_reason or _likely_reason(answer.usage, self.limit_tokens)
        if "stop" in unsent:
            text, stop = cut_after_stop(text, request.stop)
            text, finish_reason = text.removesuffix(stop), "stop" if stop else finish_reason
        return Completion(
            text=text,
            finish_reason=finish_reason,
            limit_tokens=self.limit_tokens,
            usage=answer.usage,
            latency_s=latency_s,
            prefix=prefix,
            retries=retries,
            thoughts=answer.thoughts,
        )


def _likely_reason(usage: Usage, limit_tokens: int) -> FinishReason:
    """The finish reason if not reported: the limit, if the answer has that many tokens."""
    return "length" if usage.generated_tokens >= limit_tokens else "stop"


def _without_stop(text: str, stops: tuple[str, ...], stop_text: str | None) -> str:
    """The text without the stop text, which was kept for its tokens."""
    return text.removesuffix(stop_text) if stop_text is not None and stop_text in stops else text
