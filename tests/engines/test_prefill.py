"""A reply that the request begins: prefill."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from revloop.engines.bodies import small_body
from revloop.engines.local_tokens import LocalTokenizer
from revloop.engines.transformers import TransformersEngine
from revloop.errors import SettingRefusedError
from revloop.reviser import AsyncReviser
from revloop.trajectory import Message
from tests.helpers.http_engines import ask, connected
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.stub_server import CHAT, MODELS, StubServer, chat_completion, model_list

if TYPE_CHECKING:
    from pathlib import Path

CHAT_PROMPT = (Message(role="user", content="Hello."),)
TEMPLATE = "{% for m in messages %}### {{ m.role }}:\n{{ m.content }}\n{% endfor %}### Critique:\n"


@pytest.fixture
def chatting(tmp_path: Path) -> str:
    """The tiny critic with a chat template."""
    folder = tmp_path / "chatting"
    shutil.copytree(TINY_CRITIC, folder)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_bytes()) | {"chat_template": TEMPLATE}
    path.write_text(json.dumps(settings), encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize("owner", ["vllm", "sglang", "llamacpp"])
async def test_a_server_that_continues_replies_gets_the_prefill_as_the_last_message(
    owner: str,
) -> None:
    async with StubServer() as server:
        server.on(MODELS, model_list({"id": "critic", "owned_by": owner}))
        server.on(CHAT, chat_completion(" clearer."))
        async with connected(server) as engine:
            done = await engine.generate(ask(CHAT_PROMPT, prefill="It could be"))
        (asked,) = server.asked(CHAT)
    assert done.text == " clearer."
    assert asked.body["messages"] == [
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "It could be"},
    ]
    assert asked.body["continue_final_message"] is True
    assert asked.body["add_generation_prompt"] is False


async def test_without_a_prefill_nothing_is_continued() -> None:
    async with StubServer(vllm_root="/nowhere") as server, connected(server) as engine:
        await engine.generate(ask(CHAT_PROMPT))
        (asked,) = server.asked(CHAT)
    assert {"continue_final_message", "add_generation_prompt"}.isdisjoint(asked.body)


async def test_any_other_server_is_not_asked_at_all() -> None:
    async with StubServer() as server, connected(server) as engine:
        with pytest.raises(SettingRefusedError, match=r"not known to continue .*without prefill"):
            await engine.generate(ask(CHAT_PROMPT, prefill="It could be"))
        assert server.asked(CHAT) == []


async def test_a_run_is_refused_before_its_first_critique() -> None:
    async with StubServer() as server:
        with pytest.raises(SettingRefusedError, match="not known to continue"):
            async with AsyncReviser(base_url=server.base_url, prompts="chat-prefill"):
                pass
        assert server.asked(CHAT) == []


def test_the_small_request_that_looks_for_a_fault_continues_nothing() -> None:
    body = {"messages": [], "continue_final_message": True, "add_generation_prompt": False}
    assert small_body(body) == {
        "messages": [{"role": "user", "content": "Hello."}],
        "max_tokens": 1,
    }


def test_the_prefill_follows_what_the_chat_template_writes(chatting: str) -> None:
    tokenizer = LocalTokenizer.from_model(chatting)
    plain, begun = (
        tokenizer.ids(ask(CHAT_PROMPT, prefill=prefill)) for prefill in ("", "<|endoftext|> So")
    )
    assert begun[: len(plain)] == plain
    assert tokenizer.spell(begun[len(plain) :]) == "<|endoftext|> So"
    assert tokenizer.end_id not in begun[len(plain) :]


async def test_a_model_in_this_process_continues_its_reply(chatting: str) -> None:
    engine = TransformersEngine.from_model(chatting)
    whole = (await engine.generate(ask(CHAT_PROMPT, max_tokens=24))).text
    start, space, rest = whole.partition(" ")
    assert rest
    done = await engine.generate(ask(CHAT_PROMPT, max_tokens=24, prefill=start))
    assert done.text.startswith((space + rest)[:20])
