"""Find out what a server serves: the root of its API, the model, and the version of vLLM."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from revloop.engines.classify import one_line
from revloop.engines.replies import ServedModel, served
from revloop.errors import (
    AuthenticationError,
    BadReplyError,
    EngineError,
    InputError,
    ModelNotServedError,
    RejectedError,
    ServerFaultError,
    UnreachableError,
    UnusableEngineError,
    WrongAddressError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.engines.retry import RetryPolicy
    from revloop.engines.transport import Transport


async def find_model(
    transport: Transport, requested: str | None, retries: RetryPolicy
) -> ServedModel:
    """The model to use. Sets the root of the API: where the list of models is.

    Raises:
        EngineError: The server does not list its models, or does not serve the requested one.
        InputError: It serves several, and none is requested.
    """
    refusals: dict[str, EngineError] = {}
    for root in transport.roots:
        try:
            models, _ = await transport.ask("GET", f"{root}/models", served, retries)
        except (UnusableEngineError, RejectedError, ServerFaultError, BadReplyError) as exc:
            if requested is None and isinstance(exc, AuthenticationError):
                raise
            refusals[root] = exc
        else:
            transport.root = root
            return _select_model(models, requested, transport.address)
    first = next(iter(refusals.values()))
    if requested is not None:  # some servers have no such list or hide it: trust the name
        transport.root = await _find_root(transport, requested, refusals, retries)
        return ServedModel(id=requested)
    if isinstance(first, ServerFaultError | BadReplyError):
        raise first
    raise WrongAddressError(
        f"{transport.address} does not list its models: {first} If it is an OpenAI-compatible "
        "server, name the model."
    ) from first


async def _find_root(
    transport: Transport, model: str, refusals: Mapping[str, EngineError], retries: RetryPolicy
) -> str:
    """The root of the API of a server without a list of models: where a request is refused."""
    for root, refusal in refusals.items():
        if isinstance(refusal, AuthenticationError):
            return root
    for root in refusals if len(refusals) > 1 else ():
        path = f"{root}/chat/completions"
        try:  # any reply shows that the path exists
            await transport.ask("POST", path, lambda *_: None, retries, body={"model": model})
        except (ModelNotServedError, WrongAddressError, BadReplyError):
            continue
        except EngineError as exc:
            if isinstance(exc, UnreachableError):
                raise
        return root
    return transport.roots[0]


def _select_model(models: list[ServedModel], requested: str | None, address: str) -> ServedModel:
    by_name = {model.id: model for model in models}
    names = one_line(", ".join(by_name)) or "none"
    if requested is None:
        if len(by_name) != 1 or "*" in models[0].id:
            raise InputError(f"{address} serves these models: {names}. Name the one to use.")
        return models[0]
    # Ollama adds a tag, Gemini a folder
    for name in (
        requested,
        f"{requested}:latest",
        requested.removesuffix(":latest"),
        f"models/{requested}",
    ):
        if name in by_name:
            return by_name[name]
    if not models or any("*" in name and fnmatchcase(requested, name) for name in by_name):
        return ServedModel(id=requested)  # a proxy that forwards models it does not list
    raise ModelNotServedError(f"{address} does not serve '{requested}'; it serves: {names}.")


async def ask_version(transport: Transport, retries: RetryPolicy) -> str | None:
    """The version of vLLM; None if not reported."""
    try:
        reply, _ = await transport.ask("GET", "/version", lambda reply, _: reply, retries)
    except (UnusableEngineError, RejectedError):
        return None  # a proxy may only forward /v1
    version = reply.get("version")
    return version if isinstance(version, str) else None
