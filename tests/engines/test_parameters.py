"""Parameters that a server refuses are renamed or left out, told once, and recorded."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from revloop import AsyncReviser
from revloop.engines.classify import ServerError
from revloop.engines.parameters import refused_parameter
from revloop.errors import RejectedError, SettingRefusedError
from revloop.store import Store
from revloop.trajectory import Message, Sampling
from tests.helpers.http_engines import ask, connected
from tests.helpers.strict_server import (
    anthropic,
    gemini,
    litellm,
    mistral,
    openai_reasoning,
    strict,
    xai,
)
from tests.helpers.stub_server import (
    CHAT,
    COMPLETIONS,
    StubServer,
    answer,
    chat_completion,
    completion,
    error,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.strict_server import Refusal
    from tests.helpers.stub_server import Behaviour

SAMPLE = ask(
    (Message(role="user", content="Score this."),),
    sampling=Sampling(temperature=0.5, presence_penalty=0.2, seed=7),
    stop=("END",),
)


CRITIQUE = "Overall score: 5\nPositive aspects: It is short.\nNegative aspects: It says little."


def settings_of(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in {"model", "messages"}}


@pytest.fixture
def server(server: StubServer) -> StubServer:
    server.scripts_first_contact = True
    return server


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "revloop.engines")
    return caplog


@pytest.mark.parametrize(
    ("refusal", "unsent", "left"),
    [
        (
            openai_reasoning,
            {"temperature", "top_p", "stop", "presence_penalty"},
            {"max_completion_tokens": 16, "seed": 7},
        ),
        (
            mistral,
            set(),
            {
                "max_tokens": 16,
                "temperature": 0.5,
                "top_p": 1.0,
                "random_seed": 7,
                "presence_penalty": 0.2,
                "stop": ["END"],
            },
        ),
        (
            anthropic,
            {"top_p"},
            {
                "max_tokens": 16,
                "temperature": 0.5,
                "seed": 7,
                "presence_penalty": 0.2,
                "stop": ["END"],
            },
        ),
        (
            gemini,
            {"seed"},
            {
                "max_tokens": 16,
                "temperature": 0.5,
                "top_p": 1.0,
                "presence_penalty": 0.2,
                "stop": ["END"],
            },
        ),
        (
            litellm,
            {"seed", "top_p"},
            {
                "max_tokens": 16,
                "temperature": 0.5,
                "presence_penalty": 0.2,
                "stop": ["END"],
            },
        ),
        (
            xai,
            {"stop", "presence_penalty"},
            {"max_tokens": 16, "temperature": 0.5, "top_p": 1.0, "seed": 7},
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_what_a_provider_refuses_is_settled_before_the_first_request(
    server: StubServer,
    warnings: pytest.LogCaptureFixture,
    refusal: Refusal,
    unsent: set[str],
    left: dict[str, Any],
) -> None:
    server.on(CHAT, strict(refusal))
    async with connected(server) as engine:
        await engine.negotiate(SAMPLE)
        assert set(engine.info.unsent) == unsent
        before, told = len(server.asked(CHAT)), len(warnings.records)
        await engine.generate(SAMPLE)
    (sent,) = server.asked(CHAT)[before:]
    assert settings_of(sent.body) == left
    assert len(warnings.records) == told == before - 1


async def test_the_small_request_asks_for_one_token_and_says_nothing_of_the_drafts(
    server: StubServer,
) -> None:
    async with connected(server) as engine:
        await engine.negotiate(SAMPLE)
        await engine.negotiate(ask(stop=("END",)))
    (chat,), (text,) = server.asked(CHAT), server.asked(COMPLETIONS)
    assert (chat.body["max_tokens"], text.body["max_tokens"]) == (1, 1)
    assert (chat.body["messages"], text.body["prompt"]) == (
        [{"role": "user", "content": "Hello."}],
        "Hello.",
    )
    assert chat.body["stop"] == text.body["stop"] == ["END"]


async def test_a_vllm_server_is_not_asked(vllm: StubServer) -> None:
    async with connected(vllm) as engine:
        await engine.negotiate(SAMPLE)
    assert vllm.asked(CHAT) == []


async def test_a_refusal_in_mid_run_is_told_once_whatever_is_under_way(
    server: StubServer, warnings: pytest.LogCaptureFixture
) -> None:
    async with connected(server) as engine:
        await engine.negotiate(SAMPLE)
        server.on(CHAT, strict(gemini))
        said = await asyncio.gather(*(engine.generate(SAMPLE) for _ in range(8)))
        assert engine.info.unsent == ("seed",)
    assert [one.text for one in said] == ["A better text."] * 8
    assert len(warnings.records) == 1
    assert 'Unknown name "seed"' in warnings.records[0].getMessage()
    assert "'seed' is not sent from now on" in warnings.records[0].getMessage()


async def test_a_text_is_cut_at_a_stop_text_that_the_server_does_not_take(
    server: StubServer,
) -> None:
    async with connected(server) as engine:
        server.on(CHAT, strict(xai))
        await engine.negotiate(SAMPLE)
        server.on(CHAT, chat_completion("Better. END of it", finish_reason="length"))
        said = await engine.generate(SAMPLE)
    assert (said.text, said.finish_reason) == ("Better. ", "stop")


async def test_a_value_out_of_bounds_is_the_users_to_change(server: StubServer) -> None:
    said = "temperature must be at most 1"
    server.on(CHAT, answer({"error": {"message": said, "param": "temperature"}}, 400))
    async with connected(server) as engine:
        with pytest.raises(SettingRefusedError, match=said):
            await engine.generate(SAMPLE)


@pytest.mark.parametrize("behaviour", [error(401), error(500), error(404), answer("<html>")])
async def test_a_small_request_that_fails_decides_nothing(
    server: StubServer, behaviour: Behaviour
) -> None:
    server.on(CHAT, behaviour)
    async with connected(server) as engine:
        await engine.negotiate(SAMPLE)
        assert engine.info.unsent == ()


async def test_a_small_request_that_is_refused_for_itself_decides_nothing(
    server: StubServer,
) -> None:
    said = (
        "Could not finish the message because max_tokens or model output limit was reached. Please "
        "try again with higher max_tokens."
    )
    server.on(CHAT, error(400, said))
    async with connected(server) as engine:
        await engine.negotiate(SAMPLE)
        assert engine.info.unsent == ()


async def test_a_server_that_refuses_what_is_not_sent_is_not_asked_for_ever(
    server: StubServer,
) -> None:
    server.on(COMPLETIONS, error(400, "Unsupported parameter: 'stop'"))
    async with connected(server) as engine:
        with pytest.raises(SettingRefusedError, match="'stop'"):
            await engine.generate(ask())
    assert len(server.asked(COMPLETIONS)) == 1


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ("Unsupported parameter: 'messages' is not supported", "messages"),
        ("Unknown parameter: 'model'", "model"),
        ("Unsupported parameter: 'max_tokens'. Use nothing instead", "prompt"),
        ("The words temperature, stop and seed are not allowed in a prompt.", None),
        ("Unsupported content. The text would not stop.", None),
        ("Unsupported parameter: 'max_completion_tokens'", "max_completion_tokens"),
    ],
)
def test_nothing_else_is_left_out(said: str, param: str | None) -> None:
    body = {"error": {"message": said, "param": param}}
    assert refused_parameter(ServerError.read(400, json.dumps(body).encode())) is None


async def test_a_refusal_without_a_name_stays_this_requests_own(server: StubServer) -> None:
    server.on(COMPLETIONS, error(400, "Unsupported characters."))
    async with connected(server) as engine:
        with pytest.raises(RejectedError, match="Unsupported characters"):
            await engine.generate(ask())


# recorded


async def test_the_runs_settings_and_versions_say_what_was_not_sent(
    server: StubServer, tmp_path: Path
) -> None:
    server.on(COMPLETIONS, strict(gemini))
    path = tmp_path / "store"
    async with AsyncReviser(base_url=server.base_url, store=path, tries=1) as reviser:
        assert reviser.settings.unsent == ("seed",)
        digest = reviser.settings.digest
        server.on(COMPLETIONS, strict(litellm, CRITIQUE, "Because it must."))
        trajectory = await reviser.revise("Because.", prompt="Why?", iterations=1)
    assert trajectory.end is not None
    assert [version.engine.unsent for version in trajectory.versions[1:] if version.engine] == [
        ("seed", "top_p")
    ]
    with Store.open(path) as store:
        (run,) = store.runs()
    assert run.settings.digest == digest
    server.on(COMPLETIONS, completion())
    async with AsyncReviser(base_url=server.base_url) as reviser:
        assert reviser.settings.digest != digest
