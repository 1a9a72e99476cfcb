"""How thinking is switched off, by server."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from revloop import AsyncReviser
from revloop.engines.local_tokens import LocalTokenizer
from revloop.engines.thinking import thinking_off
from revloop.trajectory import Message
from tests.helpers.http_engines import ask
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.stub_server import CHAT, COMPLETIONS, chat_completion, model_list

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.stub_server import StubServer

OFF = {"enable_thinking": False, "thinking": False}
TAGGED = "<revised_response>Good.</revised_response>"


@pytest.mark.parametrize(
    ("address", "owner", "fields"),
    [
        ("http://127.0.0.1:8000", "vllm", {"chat_template_kwargs": OFF}),
        (
            "https://dashscope.aliyuncs.com/compatible-mode",
            *("", {"enable_thinking": False}),
        ),
        ("http://127.0.0.1:30000", "sglang", {"chat_template_kwargs": OFF}),
        ("https://elsewhere.example", "", {"chat_template_kwargs": OFF}),
        ("http://127.0.0.1:11434", "library", {"reasoning_effort": "none"}),
        ("https://api.openai.com", "openai", {"reasoning_effort": "none"}),
        ("https://us.openai.azure.com/openai", "", {"reasoning_effort": "none"}),
        ("https://openrouter.ai/api", "", {"reasoning": {"enabled": False}}),
        ("https://api.deepseek.com", "", {"thinking": {"type": "disabled"}}),
        ("https://dashscope-intl.aliyuncs.com/compatible-mode", "", {"enable_thinking": False}),
        ("https://notopenrouter.ai/api", "", {"chat_template_kwargs": OFF}),
    ],
)
def test_each_server_is_told_in_its_own_words(
    address: str, owner: str, fields: dict[str, Any]
) -> None:
    assert thinking_off(address, owner) == fields


@pytest.mark.parametrize("prompts", ["chat", "cnr"])
@pytest.mark.parametrize("thinking", [True, False])
async def test_chats_are_asked_without_thoughts_where_none_are_wanted(
    server: StubServer, prompts: str, *, thinking: bool
) -> None:
    server.on(CHAT, chat_completion("It is dull."), chat_completion(TAGGED))
    async with AsyncReviser(
        base_url=server.base_url, prompts=prompts, thinking=thinking, tries=1
    ) as reviser:
        await reviser.revise("A draft.", iterations=1)
    sent = [request.body for request in (*server.asked(CHAT), *server.asked(COMPLETIONS))]
    told = not thinking and prompts == "chat"
    assert sent
    assert all(body.get("chat_template_kwargs") == (OFF if told else None) for body in sent)


async def test_ollama_is_recognised_by_its_list_of_models(server: StubServer) -> None:
    server.on("/v1/models", model_list({"id": "qwen3:8b", "owned_by": "library"}))
    server.on(CHAT, chat_completion("It is dull."), chat_completion(TAGGED))
    async with AsyncReviser(base_url=server.base_url, prompts="chat", thinking=False) as reviser:
        await reviser.revise("A draft.", iterations=1)
    assert {request.body["reasoning_effort"] for request in server.asked(CHAT)} == {"none"}


def test_marks_of_thoughts_that_are_special_tokens_are_kept(tmp_path: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TINY_CRITIC / name, tmp_path)
    transformers = pytest.importorskip("transformers")
    changed = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    marks = ["[THINK]", "[/THINK]", "<|other|>"]
    changed.add_special_tokens({"additional_special_tokens": marks})
    tokenizer = LocalTokenizer(changed)
    opening, closing, other = changed.convert_tokens_to_ids(marks)
    thought, answer = (tokenizer.encode(text) for text in ("Hm.", "Good."))
    ids = [opening, *thought, closing, *answer, other]
    assert tokenizer.text(ids) == "[THINK]Hm.[/THINK]Good."
    assert tokenizer.with_marks(ids, "Hm.Good", ".") == "[THINK]Hm.[/THINK]Good"
    assert tokenizer.with_marks([*answer, other], "Good.", "") == "Good."


@pytest.mark.parametrize(("thinking", "said"), [(True, "so"), (False, "not")])
def test_a_chat_template_in_this_process_is_told_too(
    tmp_path: Path, said: str, *, thinking: bool
) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TINY_CRITIC / name, tmp_path)
    template = "{{ 'so' if enable_thinking | default(true) else 'not' }}"
    (tmp_path / "chat_template.jinja").write_text(template, encoding="utf-8")
    tokenizer = LocalTokenizer.from_model(str(tmp_path))
    chat = (Message(role="user", content="Hello."),)
    assert tokenizer.text(tokenizer.ids(ask(chat, thinking=thinking))) == said
