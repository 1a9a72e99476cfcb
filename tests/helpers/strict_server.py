"""Servers that refuse parameters, each in its provider's words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.helpers.stub_server import TEXT, answer, chat_completion, completion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import web

    from tests.helpers.stub_server import Behaviour

    Refusal = Callable[[Mapping[str, Any]], tuple[int, Any] | None]


def strict(refusal: Refusal, *texts: str) -> Behaviour:
    """A good answer, unless the body is refused with a status and a reply.

    Args:
        refusal: Looks at the body.
        texts: The texts of the answers, in order; then the stub server's.
    """
    left = iter(texts)

    async def behave(request: web.Request) -> web.StreamResponse:
        refused = refusal(json.loads(await request.read()))
        if refused is not None:
            return await answer(refused[1], refused[0])(request)
        chat = request.path.endswith("chat/completions")
        text = next(left, TEXT)
        return await (chat_completion(text) if chat else completion(text))(request)

    return behave


def openai_reasoning(body: Mapping[str, Any]) -> tuple[int, Any] | None:
    """OpenAI's o-series and GPT-5."""
    if "max_tokens" in body:
        return _openai(
            "max_tokens",
            "unsupported_parameter",
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
        )
    if body.get("temperature", 1) != 1:
        return _openai(
            "temperature",
            "unsupported_value",
            f"Unsupported value: 'temperature' does not support {body['temperature']} with this "
            "model. Only the default (1) value is supported.",
        )
    for name in ("top_p", "stop", "presence_penalty"):
        if name in body:
            said = f"Unsupported parameter: '{name}' is not supported with this model."
            return _openai(name, "unsupported_parameter", said)
    return None


def mistral(body: Mapping[str, Any]) -> tuple[int, Any] | None:
    """Mistral: FastAPI's form, and a seed of another name."""
    if "seed" not in body:
        return None
    place = {"type": "extra_forbidden", "loc": ["body", "seed"], "input": body["seed"]}
    detail = {"detail": [{**place, "msg": "Extra inputs are not permitted"}]}
    return 422, {"object": "error", "message": detail, "type": "invalid_request_error"}


def anthropic(body: Mapping[str, Any]) -> tuple[int, Any] | None:
    """Anthropic: one of two parameters."""
    if not {"temperature", "top_p"} <= body.keys():
        return None
    said = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    return 400, {"type": "error", "error": {"type": "invalid_request_error", "message": said}}


def gemini(body: Mapping[str, Any]) -> tuple[int, Any] | None:
    """Gemini's layer, which knows no seed."""
    if "seed" not in body:
        return None
    said = 'Invalid JSON payload received. Unknown name "seed": Cannot find field.'
    return 400, [{"error": {"code": 400, "message": said, "status": "INVALID_ARGUMENT"}}]


def litellm(body: Mapping[str, Any]) -> tuple[int, Any] | None:
    """LiteLLM, which names all that it refuses."""
    refused = [name for name in ("seed", "top_p") if name in body]
    if not refused:
        return None
    said = (
        f"litellm.UnsupportedParamsError: bedrock does not support parameters: {refused}, for "
        "model=critic. To drop these, set `litellm.drop_params=True`."
    )
    return 400, {"error": {"message": said, "type": "None", "param": None, "code": "400"}}


def xai(body: Mapping[str, Any]) -> tuple[int, Any] | None:
    """xAI's reasoning models."""
    for name in ("stop", "presence_penalty"):
        if name in body:
            return 400, {
                "code": "Client specified an invalid argument",
                "error": f"Argument not supported on this model: {name}",
            }
    return None


def _openai(param: str, code: str, message: str) -> tuple[int, Any]:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return 400, {"error": error}
