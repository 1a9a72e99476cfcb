"""The root of a server's API, and the proxy to it: `revloop.engines.address`."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from shutil import which
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from revloop.engines import HttpEngine
from revloop.engines.address import Address
from revloop.errors import (
    AuthenticationError,
    BadReplyError,
    InputError,
    ModelNotServedError,
    UnreachableError,
    WrongAddressError,
)
from tests.helpers.http_engines import AT_ONCE, KEY, MODEL, ask
from tests.helpers.stub_server import (
    COMPLETIONS,
    MODELS,
    TEXT,
    StubServer,
    answer,
    completion,
    error,
    model_list,
)

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp import web

    from tests.helpers.stub_server import Behaviour

PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def only_under(server: StubServer, root: str) -> None:
    """Move the server's API from /v1 to another root."""
    for path in (MODELS, COMPLETIONS):
        server.on(path, error(404))
    server.on(f"{root}/models", model_list(MODEL))
    server.on(f"{root}/completions", completion())


async def text_from(address: str, **options: Any) -> str:
    engine = await HttpEngine.connect(address, **({"retries": AT_ONCE} | options))
    try:
        return (await engine.generate(ask())).text
    finally:
        await engine.aclose()


@pytest.mark.parametrize("root", ["/openai", "/api/v3", "/v1beta/openai", "/openai/v1", ""])
async def test_an_api_need_not_be_under_v1(server: StubServer, root: str) -> None:
    only_under(server, root)
    assert await text_from(server.base_url + root) == TEXT


@pytest.mark.parametrize("root", ["/openai/v1", "/gateway/team/v1"])
async def test_v1_may_be_left_out_under_another_path(server: StubServer, root: str) -> None:
    only_under(server, root)
    assert await text_from(server.base_url + root.removesuffix("/v1")) == TEXT


@pytest.mark.parametrize("end", ["/chat/completions", "/completions", "/chat/completions/"])
@pytest.mark.parametrize("root", ["/v1", "/openai", "/api/v3"])
async def test_the_address_of_a_request_leads_to_its_api(
    server: StubServer, root: str, end: str
) -> None:
    only_under(server, root)
    assert await text_from(server.base_url + root + end) == TEXT


@pytest.mark.skipif(which("openssl") is None, reason="makes the certificate")
async def test_what_to_do_about_a_certificate_of_ones_own_is_told(tmp_path: Path) -> None:
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost"
    names = ("-keyout", "key.pem", "-out", "cert.pem")
    subprocess.run(["openssl", *made.split(), *names], cwd=tmp_path, check=True, stderr=-3)  # noqa: ASYNC221
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(UnreachableError, match=r"not trusted: .*self.signed.*SSL_CERT_FILE"):
            await text_from(f"https://127.0.0.1:{port}")


async def test_azures_deployments_are_found_by_a_path_and_a_query(server: StubServer) -> None:
    path, query = "/openai/deployments/gpt", "?api-version=2024-06-01"
    server.on(f"{path}/completions", completion())
    address = server.base_url + path + query
    assert await text_from(address, model="gpt", api_key=SecretStr(KEY)) == TEXT
    last = server.requests[-1]
    assert last.path == f"{path}/completions{query}"
    assert last.headers["api-key"] == KEY


async def test_a_query_goes_along_with_every_request(server: StubServer) -> None:
    assert await text_from(f"{server.base_url}/v1?tenant=a&x=1") == TEXT
    assert [r.path.partition("?")[2] for r in server.requests] == ["tenant=a&x=1"] * 2


async def test_without_an_api_version_the_key_is_sent_as_bearer_token_alone(
    server: StubServer,
) -> None:
    await text_from(server.base_url, api_key=SecretStr(KEY))
    assert "api-key" not in server.requests[-1].headers


async def test_a_query_is_in_no_message(server: StubServer) -> None:
    server.on(MODELS, error(401, "Who are you?"))
    with pytest.raises(AuthenticationError) as caught:
        await text_from(f"{server.base_url}?code=hush")
    assert "hush" not in str(caught.value)
    with pytest.raises(InputError) as refused:
        await text_from("ftp://h?code=hush")
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("root", ["/openai", "/api/v3", ""])
async def test_an_api_without_a_list_of_models_is_found_by_asking(
    server: StubServer, root: str
) -> None:
    for path in (MODELS, COMPLETIONS, "/v1/chat/completions"):
        server.on(path, error(404))
    server.on(f"{root}/chat/completions", error(400, "messages: field required"))
    server.on(f"{root}/completions", completion())
    assert await text_from(server.base_url + root, model="critic") == TEXT


# lists of models


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 500, 501])
async def test_a_list_that_is_not_shown_does_not_matter_where_the_model_is_named(
    server: StubServer, status: int
) -> None:
    server.on(MODELS, error(status))
    assert await text_from(server.base_url, model="critic") == TEXT
    assert server.asked(COMPLETIONS)[0].body["model"] == "critic"


@pytest.mark.parametrize(
    "listing",
    [answer([MODEL]), answer({"models": []}), answer({"data": None}), answer("<html>")],
    ids=["array", "other", "null", "html"],
)
async def test_nor_does_a_list_in_another_form(server: StubServer, listing: Behaviour) -> None:
    server.on(MODELS, listing)
    assert await text_from(server.base_url, model="critic") == TEXT


@pytest.mark.parametrize(
    ("listed", "wanted", "sent"),
    [
        ("llama3:latest", "llama3", "llama3:latest"),
        ("llama3", "llama3:latest", "llama3"),
        ("openai/*", "openai/gpt-4o", "openai/gpt-4o"),
        ("*", "anything", "anything"),
        ("models/gemini-2.0-flash", "gemini-2.0-flash", "models/gemini-2.0-flash"),
    ],
)
async def test_a_model_is_found_by_the_names_that_servers_list_it_under(
    listed: str, wanted: str, sent: str
) -> None:
    async with StubServer(models=["another", listed]) as server:
        assert await text_from(server.base_url, model=wanted) == TEXT
        assert server.asked(COMPLETIONS)[0].body["model"] == sent


async def test_an_empty_list_does_not_matter_where_the_model_is_named() -> None:
    async with StubServer(models=[]) as server:
        assert await text_from(server.base_url, model="critic") == TEXT


@pytest.mark.parametrize("wanted", ["llama", "anthropic/claude", "llama3:8b"])
async def test_a_model_that_no_name_stands_for_is_refused(wanted: str) -> None:
    async with StubServer(models=["llama3:latest", "openai/*"]) as server:
        with pytest.raises(ModelNotServedError, match="it serves: llama3:latest, openai"):
            await text_from(server.base_url, model=wanted)


async def test_a_wildcard_alone_is_no_model() -> None:
    async with StubServer(models=["*"]) as server:
        with pytest.raises(InputError, match="Name the one to use"):
            await text_from(server.base_url)


async def test_a_model_that_is_listed_twice_is_one() -> None:
    async with StubServer(models=["critic", "critic"]) as server:
        assert await text_from(server.base_url) == TEXT


async def test_a_page_in_place_of_the_list_is_told_where_no_model_is_named(
    server: StubServer,
) -> None:
    server.on(MODELS, answer("<html>It works!</html>"))
    with pytest.raises(BadReplyError, match="It works!"):
        await text_from(server.base_url)


async def test_no_api_at_all_is_told(server: StubServer) -> None:
    server.on(MODELS, error(404, "Nothing here."))
    with pytest.raises(WrongAddressError, match=r"Nothing here\..*name the model"):
        await text_from(server.base_url)


# proxies


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000/v1", "http://a.localhost"],
)
def test_this_machine_needs_no_proxy(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    assert Address.read(address).proxy is None


@pytest.mark.parametrize(
    ("environment", "address", "proxy"),
    [
        ({"HTTP_PROXY": "http://p:1"}, "http://h", "http://p:1"),
        ({"http_proxy": "p:1"}, "http://h", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "https://h/v1", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "http://h", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "h,other"}, "http://h:8000", None),
        ({"HTTP_PROXY": "http://p:1", "no_proxy": ".inner"}, "http://a.inner", None),
        ({"ALL_PROXY": "socks5://p:1"}, "http://h", None),
        ({}, "http://h", None),
    ],
)
def test_the_proxy_comes_from_the_environment(
    environment: dict[str, str],
    address: str,
    proxy: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Address.read(address).proxy == proxy


def test_a_proxy_that_cannot_be_used_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://me:hush@p:1")
    with pytest.raises(InputError, match=r"https_proxy .* no_proxy") as caught:
        Address.read("https://h")
    assert "hush" not in str(caught.value)


async def test_requests_go_through_the_proxy(
    server: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies receive absolute addresses (RFC 9112, 3.2.2); the stub acts as one."""
    seen = []

    async def list_models(request: web.Request) -> web.StreamResponse:
        seen.append(request.raw_path)
        return await model_list(MODEL)(request)

    server.on(MODELS, list_models)
    monkeypatch.setenv("http_proxy", server.base_url)
    engine = await HttpEngine.connect("http://far.example:8000", retries=AT_ONCE)
    await engine.aclose()
    assert seen == ["http://far.example:8000/v1/models"]
