"""Thinking, as servers know it: the fields for thoughts in a reply, and how to switch it off.

Thoughts apart from the text:

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

To switch thinking off:

===========================  ==========================================  =========================
field                        servers                                     source
===========================  ==========================================  =========================
``reasoning``                OpenRouter                                  its page Reasoning Tokens
``reasoning_effort``         OpenAI, Azure, Gemini, Groq; Ollama         their API references;
                                                                         ollama/ollama#14820
``thinking``                 DeepSeek                                    its page Thinking Mode
``enable_thinking``          Alibaba                                     infiniflow/ragflow#8972
``chat_template_kwargs``     vLLM, SGLang, llama.cpp, and all others     vLLM: Reasoning Outputs
===========================  ==========================================  =========================

The variables of chat templates are ``enable_thinking`` (Qwen, GLM, Nemotron, Gemma) and
``thinking`` (DeepSeek, Granite, Kimi); a template ignores the one that it does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

THOUGHT_FIELDS = ("reasoning_content", "reasoning", "reasoning_details", "thinking_blocks")
NO_THINKING: Mapping[str, bool] = {"enable_thinking": False, "thinking": False}
"""The variables of chat templates that switch thinking off."""

_OFF_BY_TEMPLATE = {"chat_template_kwargs": dict(NO_THINKING)}
_OFF_BY_EFFORT = {"reasoning_effort": "none"}
_OFF_BY_HOST: Mapping[str, dict[str, Any]] = {
    "openrouter.ai": {"reasoning": {"enabled": False}},
    "api.deepseek.com": {"thinking": {"type": "disabled"}},
    "aliyuncs.com": {"enable_thinking": False},
    **dict.fromkeys(
        (
            *("api.openai.com", "openai.azure.com", "cognitiveservices.azure.com"),
            *("generativelanguage.googleapis.com", "api.groq.com"),
        ),
        _OFF_BY_EFFORT,
    ),
}
_OFF_BY_OWNER: Mapping[str, dict[str, Any]] = {"library": _OFF_BY_EFFORT}  # Ollama's name for it
_PART_TYPES = ("thinking", "reasoning", "reasoning.text", "reasoning.summary")
_TEXT_FIELDS = ("text", "thinking", "reasoning", "summary", "content")


def thinking_off(address: str, owner: str) -> Mapping[str, Any]:
    """The fields of a chat request that switch thinking off.

    Args:
        address: The server's address.
        owner: Who owns the model, as the server's list of models has it.
    """
    host = URL(address).host or ""
    for name, fields in _OFF_BY_HOST.items():
        if host == name or host.endswith(f".{name}"):
            return fields
    return _OFF_BY_OWNER.get(owner, _OFF_BY_TEMPLATE)


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
