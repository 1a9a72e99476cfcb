"""The bodies of requests to an OpenAI-compatible server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.engines.parameters import TOKEN_LIMITS
from revloop.engines.thinking import thinking_off

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.engines.base import Request
    from revloop.engines.replies import ServedModel

_SMALL_PROMPT = "Hello."
_CONTINUE = {"continue_final_message": True, "add_generation_prompt": False}
_OF_ONE_PROMPT = {
    *("ignore_eos", "min_tokens", "return_token_ids", "include_stop_str_in_output"),
    *_CONTINUE,
}


def body_of(
    request: Request,
    model: ServedModel,
    *,
    address: str,
    prompt_ids: list[int] | None,
    limit_tokens: int,
) -> dict[str, Any]:
    """The body of a request.

    Args:
        request: What is asked.
        model: The model that is asked.
        address: The server's address.
        prompt_ids: The tokens of the prompt, to send instead of its text.
        limit_tokens: Token limit of the answer.
    """
    body: dict[str, Any] = {"model": model.id, "max_tokens": limit_tokens}
    # servers other than vLLM refuse fields outside OpenAI's protocol
    body |= request.sampling.parameters(complete=model.is_vllm)
    if request.stop:
        body["stop"] = list(request.stop)
    if request.exact:
        body |= {"ignore_eos": True, "min_tokens": limit_tokens}
    if not isinstance(request.prompt, str):
        body["messages"] = [message.model_dump() for message in request.prompt]
        if request.prefill:
            body["messages"].append({"role": "assistant", "content": request.prefill})
            body |= _CONTINUE
        if not request.thinking:
            body |= thinking_off(address, model.owner)
    elif prompt_ids is None:
        body["prompt"] = request.prompt
    else:
        body["prompt"] = prompt_ids
        if request.keep_prefix:
            body["return_token_ids"] = True
            body["include_stop_str_in_output"] = True
    return body


def with_extra(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """A body with the user's fields; objects that both have are merged."""
    merged = {**body, **extra}
    for name in body.keys() & extra.keys():
        if isinstance(body[name], dict) and isinstance(extra[name], dict):
            merged[name] = with_extra(body[name], extra[name])
    return merged


def small_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """A small request with the same settings."""
    small = {name: value for name, value in body.items() if name not in _OF_ONE_PROMPT}
    if "messages" in body:
        small["messages"] = [{"role": "user", "content": _SMALL_PROMPT}]
    else:
        small["prompt"] = _SMALL_PROMPT
    return small | dict.fromkeys(small.keys() & TOKEN_LIMITS or {"max_tokens"}, 1)
