"""Fields and headers that a user adds to each request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr, ValidationError

from revloop import AsyncReviser
from revloop.engines.factory import require_engine
from revloop.errors import EngineError, InputError
from revloop.options import EngineOptions
from revloop.store import Store
from tests.helpers.command_line import revloop
from tests.helpers.http_engines import ask, connected
from tests.helpers.stub_server import CHAT, COMPLETIONS, MODELS, StubServer, error

if TYPE_CHECKING:
    from pathlib import Path


SECRET = "proj-nobody-may-see-this"
EXTRA = {"service_tier": "flex", "provider": {"order": ["a", "b"], "price": 2.5}}


async def test_fields_and_headers_are_in_each_request(server: StubServer) -> None:
    headers = {"OpenAI-Project": SecretStr(SECRET)}
    async with connected(server, extra_body=json.dumps(EXTRA), headers=headers) as engine:
        await engine.generate(ask())
    (sent,) = server.asked(COMPLETIONS)
    assert {name: sent.body[name] for name in EXTRA} == EXTRA
    assert sent.headers["openai-project"] == SECRET
    assert server.asked(MODELS)[0].headers["openai-project"] == SECRET
    assert engine.info.headers == ("openai-project",)
    assert SECRET not in engine.info.model_dump_json()


async def test_objects_that_both_have_are_merged(server: StubServer) -> None:
    from revloop.engines.bodies import with_extra

    body = {"chat_template_kwargs": {"enable_thinking": False}, "seed": 1}
    merged = with_extra(body, {"chat_template_kwargs": {"tools": []}, "user": "u"})
    assert merged["chat_template_kwargs"] == {"enable_thinking": False, "tools": []}
    assert (merged["seed"], merged["user"]) == (1, "u")


@pytest.mark.parametrize("name", ["Authorization", "authorization"])
async def test_a_header_of_ones_own_replaces_the_keys(server: StubServer, name: str) -> None:
    key, headers = SecretStr("sk-other"), {name: SecretStr(f"Token {SECRET}")}
    async with connected(server, api_key=key, headers=headers) as engine:
        await engine.generate(ask())
    assert server.asked(COMPLETIONS)[0].headers.getall("authorization") == [f"Token {SECRET}"]


async def test_a_value_that_the_server_repeats_is_not_quoted(server: StubServer) -> None:
    server.on(COMPLETIONS, error(400, f"No project {SECRET}."))
    async with connected(server, headers={"OpenAI-Project": SecretStr(SECRET)}) as engine:
        with pytest.raises(EngineError, match=r"No project \(a header\)"):
            await engine.generate(ask())


async def test_a_value_that_no_header_can_carry_is_refused(server: StubServer) -> None:
    with pytest.raises(InputError, match="value of the header X-A contains characters") as caught:
        async with connected(server, headers={"X-A": SecretStr("a\nb")}):
            pass
    assert "a\nb" not in str(caught.value)


# options


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not a JSON object"),
        ("7", "is not a JSON object"),
        ('{"model": "other"}', "sets model, which revloop sets"),
        ('{"messages": []}', "sets messages"),
        ('{"top_k": 5, "stop": "a"}', "sets stop, top_k"),
        ('{"max_completion_tokens": 5}', "sets max_completion_tokens"),
        ('{"stream": true}', "sets stream"),
    ],
)
def test_a_body_that_cannot_be_used_is_refused(body: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        EngineOptions(base_url="http://a", extra_body=body)


def test_a_body_may_be_a_table_of_the_file() -> None:
    options = EngineOptions.model_validate({"base_url": "http://a", "extra_body": EXTRA})
    assert json.loads(options.extra_body or "") == EXTRA


@pytest.mark.parametrize(
    "pair",
    ["X-A", "X-A=", "=VALUE", "X A=VALUE", "X-A=sk-proj-1/2", "Host=VALUE", "X-A=sk_proj"],
)
def test_a_header_that_cannot_be_used_is_refused_without_its_value(pair: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EngineOptions(base_url="http://a", header=(pair,))
    said = " ".join(one["msg"] for one in caught.value.errors())
    assert "proj" not in said


@pytest.mark.parametrize("options", [{"extra_body": '{"a": 1}'}, {"header": ("X-A=A",)}])
def test_they_are_for_a_server(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="are for a server"):
        require_engine(EngineOptions(model="demo", **options))


async def test_a_variable_that_is_not_set_is_named(
    server: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_PROJECT", raising=False)
    reviser = AsyncReviser(base_url=server.base_url, header=("OpenAI-Project=NO_SUCH_PROJECT",))
    with pytest.raises(InputError, match=r"OpenAI-Project .* NO_SUCH_PROJECT, which is not set"):
        async with reviser:
            pass


# recorded


async def test_the_settings_hold_the_body_and_the_names_of_headers(
    server: StubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_PROJECT", SECRET)
    digests: set[str] = set()
    for options in ({}, {"extra_body": json.dumps(EXTRA)}, {"header": ("X-Project=MY_PROJECT",)}):
        path = tmp_path / f"{len(digests)}.sqlite"
        async with AsyncReviser(base_url=server.base_url, store=path, **options) as reviser:
            digests.add(reviser.settings.digest)
        with Store.open(path) as store:
            assert store.runs()[0].settings == reviser.settings
        assert SECRET.encode() not in path.read_bytes()
    assert len(digests) == 3


async def test_the_command_line_has_them(
    server: StubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_PROJECT", SECRET)
    words = ("--base-url", server.base_url, "--prompts", "chat", "-n", "1", "--tries", "1")
    body = ("--extra-body", '{"service_tier": "flex"}')
    header = ("--header", "X-A=MY_PROJECT", "--header", "X-B=MY_PROJECT")
    finished = await revloop("revise", "Good.", *words, *body, *header, folder=tmp_path)
    sent = server.asked(CHAT)[0]
    assert sent.body["service_tier"] == "flex"
    assert (sent.headers["x-a"], sent.headers["x-b"]) == (SECRET, SECRET)
    assert SECRET not in finished.out + finished.err
    wrong = await revloop("revise", "Good.", *words, "--header", f"X={SECRET}", folder=tmp_path)
    assert SECRET not in wrong.out + wrong.err
    assert "not NAME=VARIABLE" in wrong.err
