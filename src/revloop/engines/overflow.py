"""How far a prompt exceeds a model's context, read out of a server's error.

Every server words this error in its own way. The words were collected from the sources and bug
reports that are named beside their tests, in ``tests/dialects``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER = r"(?P<n>\d+(?:,\d{3})*)(?!,?\d| characters)"

_CONTEXT = r"""
    (?:maximum|max) (?:context |model |prompt |input |sequence |allowed )*length(?: is| of|:) N
    (?:maximum|max) (?:context|model) length \(N
    context (?:length|size|window)(?: of)?(?: only)?(?: is)? \(?N
    context length only supports N
    model with N maximum context length
    must be <= N
    must have less than N tokens
    tokens > N maximum
    context limit: [\d,]+ \+ [\d,]+ > N
    number of tokens allowed \(?N
    configured limit of N
    token limit:? N
    exceeds? the limit of N
    range of input length should be \[1, N
    current batch size: N
    limit N, requested"""

_PROMPT = r"""
    N (?:tokens )?(?:in|of) (?:the |your )?(?:messages|prompt|text input)
    N tokens from the input messages
    requested N tokens in the messages
    prompt contains (?:at least )?N
    (?:input|request|prompt) \((?:(?:total )?length )?N
    input length (?:\()?N\)? exceeds
    messages resulted in N
    given: N
    prompt is too long: N
    context limit: N \+
    token count (?:of |\()N
    input has N tokens
    keep the first N tokens
    request contains N tokens
    requested tokens \(N"""

_ANSWER = r"""
    N in (?:the|your) (?:completion|output)
    N (?:tokens )?for the completion
    requested N output tokens
    and N `max_new_tokens`
    context limit: [\d,]+ \+ N"""

_TOTAL = r"""
    you requested (?:about )?N tokens
    \(requested: N
    limit [\d,]+, requested N"""


def _patterns(words: str) -> tuple[re.Pattern[str], ...]:
    lines = (line.strip().replace("N", _NUMBER) for line in words.strip().splitlines())
    return tuple(re.compile(line, re.IGNORECASE) for line in lines)


@dataclass(frozen=True, slots=True)
class Overflow:
    """Numbers of tokens; None where the server names none.

    Attributes:
        prompt_tokens: Tokens of the prompt.
        answer_tokens: Tokens that the answer may have.
        total_tokens: Tokens of both together, if the server names only their sum.
        context_tokens: Tokens that the model's context has.
    """

    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    total_tokens: int | None = None
    context_tokens: int | None = None

    @classmethod
    def read(cls, words: str, fields: Mapping[str, Any]) -> Overflow:
        """Read an error.

        Args:
            words: The server's words.
            fields: The error's fields: llama.cpp has numbers of their own there.
        """
        prompt = _count(fields.get("n_prompt_tokens")) or _first(_PATTERNS_OF_PROMPT, words)
        context = _count(fields.get("n_ctx")) or _first(_PATTERNS_OF_CONTEXT, words)
        answer, total = _first(_PATTERNS_OF_ANSWER, words), _first(_PATTERNS_OF_TOTAL, words)
        return cls(prompt, answer, total if prompt is None else None, context)

    def sentence(self) -> str:
        """The numbers in words; empty without any."""
        parts = []
        if self.prompt_tokens is not None:
            parts.append(f"the prompt takes {self.prompt_tokens} tokens")
        if self.total_tokens is not None:
            parts.append(f"prompt and answer need {self.total_tokens} tokens")
        elif self.answer_tokens is not None:
            parts.append(f"the answer may take {self.answer_tokens}")
        if self.context_tokens is not None:
            parts.append(f"the limit is {self.context_tokens}")
        text = ", ".join(parts)
        return f"{text[0].upper()}{text[1:]}." if text else ""


_PATTERNS_OF_CONTEXT = _patterns(_CONTEXT)
_PATTERNS_OF_PROMPT = _patterns(_PROMPT)
_PATTERNS_OF_ANSWER = _patterns(_ANSWER)
_PATTERNS_OF_TOTAL = _patterns(_TOTAL)


def _first(patterns: tuple[re.Pattern[str], ...], words: str) -> int | None:
    for pattern in patterns:
        if match := pattern.search(words):
            return int(match["n"].replace(",", ""))
    return None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
