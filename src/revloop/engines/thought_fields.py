"""Thoughts that a server sends apart from the text, in the fields that servers have for them.

======================  ===============================================================
field                   servers
======================  ===============================================================
``reasoning_content``   DeepSeek, SGLang, llama.cpp, LiteLLM, LM Studio, vLLM to 0.11
``reasoning``           vLLM from 0.11, OpenRouter, Ollama, Groq, Together
``reasoning_details``   OpenRouter: a list of parts
``thinking_blocks``     LiteLLM, for Anthropic: a list of parts
parts of ``content``    Mistral and Anthropic: ``{"type": "thinking", "thinking": ...}``
======================  ===============================================================

A server may send the same thoughts in several of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

THOUGHT_FIELDS = ("reasoning_content", "reasoning", "reasoning_details", "thinking_blocks")
_PART_TYPES = ("thinking", "reasoning", "reasoning.text", "reasoning.summary")
_TEXT_FIELDS = ("text", "thinking", "reasoning", "summary", "content")


def thoughts_of(message: Any) -> str:
    """The thoughts in a chat message; empty without any. Whatever a field holds, nothing fails."""
    if not isinstance(message, dict):
        return ""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    thinking = [p for p in parts if isinstance(p, dict) and p.get("type") in _PART_TYPES]
    for value in (*(message.get(name) for name in THOUGHT_FIELDS), thinking):
        if thoughts := "".join(_texts(value)):
            return thoughts.encode("utf-8", "replace").decode()
    return ""


def _texts(value: Any) -> Iterator[str]:
    """All texts in a field, a part, or a list of parts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, dict):
        for name in _TEXT_FIELDS:
            if value.get(name):
                yield from _texts(value[name])
                return
