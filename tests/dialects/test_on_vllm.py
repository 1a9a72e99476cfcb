"""The dialect of vLLM is the one that a real server of the installed version speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from revloop.engines.classify import ServerError
from revloop.errors import ContextFullError, ModelNotServedError
from tests.dialects.vllm import VLLM

if TYPE_CHECKING:
    from tests.conftest import Served

pytestmark = pytest.mark.vllm


async def told(served: Served, path: str, body: Any = None) -> tuple[int, Any, bytes]:
    """Status, JSON and bytes of a server's reply."""
    method, headers = ("GET", {}) if body is None else ("POST", {"Authorization": "Bearer x"})
    url = f"{served.base_url}/v1/{path}"
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, url, json=body) as reply,
    ):
        return reply.status, await reply.json(), await reply.read()


def shape(value: Any) -> Any:
    """The names in a reply, without its values."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else None


def lacks(there: Any, here: Any) -> set[str]:
    """Names that our data has and the server's reply has not."""
    if isinstance(here, list):
        return lacks(there[0], here[0]) if here and here[0] else set()
    if not isinstance(here, dict) or not isinstance(there, dict):
        return set()
    missing = here.keys() - there.keys()
    return missing.union(*(lacks(there[name], here[name]) for name in here.keys() & there.keys()))


@pytest.mark.parametrize("path", ["models", "completions"])
async def test_a_good_reply_has_every_field_that_our_data_has(
    vllm_server: Served, path: str
) -> None:
    body = {"model": vllm_server.model, "prompt": "Why?", "max_tokens": 2}
    status, reply, _ = await told(vllm_server, path, None if path == "models" else body)
    given = VLLM.good("models" if path == "models" else "completions")
    assert given is not None
    assert status == 200
    assert lacks(shape(reply), shape(given.body)) == set()


async def test_a_prompt_that_is_too_long_is_told_with_its_numbers(vllm_server: Served) -> None:
    _, listed, _ = await told(vllm_server, "models")
    context = listed["data"][0]["max_model_len"]
    body = {"model": vllm_server.model, "prompt": "a" * (context + 100), "max_tokens": 2}
    status, reply, raw = await told(vllm_server, "completions", body)
    error = ServerError.read(status, raw)
    assert reply["error"].keys() == {"message", "type", "param", "code"}
    assert error.kind() is ContextFullError
    assert error.overflow.context_tokens == context
    assert error.overflow.prompt_tokens is not None
    assert error.overflow.prompt_tokens > context


async def test_an_unknown_model_is_told(vllm_server: Served) -> None:
    status, _, raw = await told(vllm_server, "completions", {"model": "other", "prompt": "Why?"})
    assert (status, ServerError.read(status, raw).kind()) == (404, ModelNotServedError)
