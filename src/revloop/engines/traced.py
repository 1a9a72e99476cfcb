"""A span for each request to a model, by OpenTelemetry's conventions for generative AI.

The names: https://github.com/open-telemetry/semantic-conventions-genai, "Inference" span.
"""

from __future__ import annotations

import json
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from revloop.tracing import CLIENT, content_is_traced, is_traced, span, what_is_asked

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from revloop.engines.base import Completion, Engine, Request
    from revloop.tracing.spans import Value

    Generated = Coroutine[Any, Any, Completion]

Asked = TypeVar("Asked", bound="Engine")

_PORTS = {"http": 80, "https": 443}


def traced(
    generate: Callable[[Asked, Request], Generated],
) -> Callable[[Asked, Request], Generated]:
    """An engine's ``generate`` with a span for each call, if traces are asked for."""

    @wraps(generate)
    def asked(engine: Asked, request: Request) -> Generated:
        if not is_traced():
            return generate(engine, request)
        return _in_span(generate, engine, request)

    return asked


async def _in_span(
    generate: Callable[[Asked, Request], Generated], engine: Asked, request: Request
) -> Completion:
    kind = "text_completion" if isinstance(request.prompt, str) else "chat"
    about = {**_request(engine, request), "gen_ai__operation__name": kind}
    with span(f"{kind} {engine.info.model}", CLIENT, **about) as made:
        completion = await generate(engine, request)
        usage = completion.usage
        made.note(
            gen_ai__response__finish_reasons=(completion.finish_reason,),
            gen_ai__usage__input_tokens=usage.prompt_tokens,
            gen_ai__usage__output_tokens=usage.generated_tokens,
            gen_ai__usage__cache_read__input_tokens=usage.cached_tokens,
            gen_ai__usage__reasoning__output_tokens=usage.thinking_tokens,
            revloop__retries=completion.retries,
        )
        if content_is_traced():
            made.note(
                gen_ai__input__messages=_input(request),
                gen_ai__output__messages=_output(completion),
            )
    return completion


def _request(engine: Engine, request: Request) -> dict[str, Value]:
    sampling, info = request.sampling, engine.info
    about: dict[str, Value] = {
        # servers with OpenAI's protocol count as its provider, unless they are known better
        "gen_ai__provider__name": "openai" if info.kind in {"http", "openai-batch"} else info.kind,
        "gen_ai__request__model": info.model,
        "gen_ai__request__max_tokens": request.max_tokens,
        "gen_ai__request__temperature": sampling.temperature,
        "gen_ai__request__top_p": sampling.top_p,
        "gen_ai__request__seed": sampling.seed,
        **_server(getattr(engine, "address", None)),
    }
    if request.stop:
        about["gen_ai__request__stop_sequences"] = request.stop
    if what := what_is_asked():
        about["revloop__request__kind"] = what
    return about


def _server(address: object) -> dict[str, Value]:
    """Host and port of a server; empty for a model in this process."""
    if not isinstance(address, str):
        return {}
    parts = urlsplit(address)
    port = parts.port or _PORTS.get(parts.scheme)
    host: dict[str, Value] = {"server__address": parts.hostname or ""}
    return host if port is None else {**host, "server__port": port}


def _input(request: Request) -> str:
    prompt = request.prompt
    given = [("user", prompt)] if isinstance(prompt, str) else [(m.role, m.content) for m in prompt]
    return json.dumps([_message(role, text) for role, text in given], ensure_ascii=False)


def _output(completion: Completion) -> str:
    message = {
        **_message("assistant", completion.text),
        "finish_reason": completion.finish_reason,
    }
    return json.dumps([message], ensure_ascii=False)


def _message(role: str, text: str) -> dict[str, object]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}
