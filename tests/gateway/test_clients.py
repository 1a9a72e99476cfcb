"""OpenAI's own client, and others, against gateways before stand-ins and before vLLM."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import openai
import pytest
from anyio.from_thread import start_blocking_portal

from revloop.gateway import open_gateway
from revloop.options import GatewayOptions, RunOptions, StoreOptions
from revloop.store import Store
from tests.helpers.command_line import start
from tests.helpers.gateways import DRAFT, MODEL, running
from tests.helpers.repository import REPOSITORY, TINY_CRITIC
from tests.helpers.vllm_servers import served
from tests.house.test_docs_examples import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openai.types.chat import ChatCompletionMessageParam

    from tests.conftest import Served

TURNS: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello to Klara."}]
PROMPT = "Say hello to Klara."
CLIENTS = "REVLOOP_TEST_CLIENTS"
"""Names a Python that has LiteLLM and LangChain's client, which are heavy and pin much."""
MINUTES = "REVLOOP_TEST_MINUTES"
"""How long a client chats beside a batch; five minutes by default."""
LITELLM = """
import json, sys, litellm
turns = [{"role": "user", "content": "Hi"}]
to = {"model": "openai/chatty@1", "api_base": sys.argv[1], "api_key": "k", "max_tokens": 24}
answer = litellm.completion(messages=turns, temperature=0, **to)
parts = litellm.completion(messages=turns, temperature=0, stream=True, **to)
text = "".join(part.choices[0].delta.content or "" for part in parts)
print(json.dumps([answer.choices[0].message.content, text]))
"""
LANGCHAIN = """
import json, sys
from langchain_openai import ChatOpenAI
to = {"model": "chatty@1", "base_url": sys.argv[1], "api_key": "k", "max_tokens": 24}
model = ChatOpenAI(temperature=0, **to)
text = "".join(str(part.content) for part in model.stream("Hi"))
print(json.dumps([model.invoke("Hi").content, text]))
"""


@contextmanager
def gateway_before(base_url: str, store: Path) -> Iterator[str]:
    """A gateway whose upstream and critic are one server; its address."""
    options = {"upstream": base_url, "critic": base_url, "port": 0}
    opened = open_gateway(
        GatewayOptions.model_validate(options), RunOptions(iterations=1), StoreOptions(store=store)
    )
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(opened) as gateway,
    ):
        yield f"{gateway.address}/v1"


def ask(client: openai.OpenAI, model: str, **options: Any) -> Any:
    """A short completion at temperature 0."""
    return client.completions.create(
        model=model, prompt=PROMPT, max_tokens=24, temperature=0, **options
    )


@pytest.mark.vllm
def test_openais_client_gets_what_is_stored(vllm_server: Served, tmp_path: Path) -> None:
    store = tmp_path / "answers.sqlite"
    with (
        gateway_before(vllm_server.base_url, store) as address,
        openai.OpenAI(base_url=address, api_key="k") as client,
    ):
        whole = ask(client, "tiny-critic@1")
        draft = ask(client, "tiny-critic@0")
        parts = list(ask(client, "tiny-critic@1", stream=True))
    with Store.open_to_read(store) as read:
        stored = list(read.trajectories())
    answers = [whole.choices[0].text, draft.choices[0].text]
    answers.append("".join(part.choices[0].text for part in parts))
    assert answers == [one.kept_text for one in stored]
    assert [one.draft.id for one in stored] == [whole.id, draft.id, parts[0].id]


async def test_openais_asynchronous_client_chats_and_streams(tmp_path: Path) -> None:
    async with running(tmp_path) as up:
        address = f"{up.gateway.address}/v1"
        async with openai.AsyncOpenAI(base_url=address, api_key="k", max_retries=0) as client:
            ask = client.chat.completions.create
            answer = await ask(model=f"{MODEL}@2", messages=TURNS)
            parts = [
                part
                async for part in await ask(
                    model=MODEL, messages=TURNS, stream=True, stream_options={"include_usage": True}
                )
            ]
            with pytest.raises(openai.NotFoundError, match="is not served; it is 'answers'"):
                await ask(model="gpt", messages=TURNS)
            models = [model.id async for model in client.models.list()]
            one = await client.models.retrieve(f"{MODEL}@7")
    assert answer.choices[0].message.content == "Better ++"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 50
    assert (answer.model_extra or {})["revloop"]["usage"]["draft"]["total_tokens"] == 10
    deltas = [part.choices[0].delta.content or "" for part in parts if part.choices]
    assert "".join(deltas) == "Better +"
    assert parts[-1].usage is not None
    assert parts[-1].usage.total_tokens == 30
    assert models == [MODEL, *(f"{MODEL}@{rounds}" for rounds in range(4))]
    assert one.id == f"{MODEL}@7"


async def test_the_program_in_the_docs_works(tmp_path: Path) -> None:
    page = REPOSITORY / "docs" / "gateway.md"
    (program,) = (one.words for one in examples(page) if one.is_python)
    async with running(tmp_path) as up:
        words = program.replace("http://127.0.0.1:8080", up.gateway.address)
        words = words.replace('"NAME@3"', f'"{MODEL}@3"')
        assert words.count(up.gateway.address) == words.count(f"{MODEL}@3") == 1
        file = tmp_path / "program.py"
        file.write_text(words, encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(file), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
    assert process.returncode == 0
    assert out.decode().splitlines()[0] == "Better +++"
    assert DRAFT not in out.decode()


@pytest.fixture(scope="module")
def chatty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A vLLM server that chats: the tiny critic with a chat template."""
    folder = tmp_path_factory.mktemp("chatty")
    model = folder / "model"
    shutil.copytree(TINY_CRITIC, model)
    path = model / "tokenizer_config.json"
    template = "{% for m in messages %}{{ m.content }}\n{% endfor %}### Revised response:\n"
    settings = json.loads(path.read_bytes()) | {"chat_template": template}
    path.write_text(json.dumps(settings), encoding="utf-8")
    with served(model, folder, "chatty") as base_url:
        yield base_url


@pytest.fixture(scope="module")
def chatty(chatty_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway before that server."""
    store = tmp_path_factory.mktemp("chats") / "answers.sqlite"
    with gateway_before(chatty_server, store) as address:
        yield address


@pytest.mark.slow
def test_openais_client_chats_with_vllm(chatty: str) -> None:
    with openai.OpenAI(base_url=chatty, api_key="k") as client:
        create = client.chat.completions.create
        whole = create(model="chatty@1", messages=TURNS, max_tokens=24, temperature=0)
        parts = create(model="chatty@1", messages=TURNS, max_tokens=24, temperature=0, stream=True)
        text = "".join(part.choices[0].delta.content or "" for part in parts)
    assert text == whole.choices[0].message.content != ""


@pytest.mark.slow
@pytest.mark.parametrize("program", [LITELLM, LANGCHAIN], ids=["LiteLLM", "LangChain"])
def test_other_clients_get_answers_too(chatty: str, program: str) -> None:
    python = os.environ.get(CLIENTS)
    if python is None:
        pytest.skip(f"{CLIENTS} names no Python with litellm and langchain-openai")
    done = subprocess.run(
        [python, "-c", program, chatty],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},  # it would be downloaded
    )
    assert done.returncode == 0, done.stderr
    answer, streamed = json.loads(done.stdout.splitlines()[-1])
    assert answer == streamed != ""


@pytest.mark.slow
async def test_a_chat_client_is_served_beside_a_running_batch(
    chatty_server: str, chatty: str, tmp_path: Path
) -> None:
    rows = [{"id": n, "prompt": f"Say {n}.", "response": f"This is {n}. " * 5} for n in range(5000)]
    drafts = tmp_path / "drafts.jsonl"
    drafts.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    batch = await start(
        *("batch", str(drafts), "out.jsonl", "--base-url", chatty_server, "--quiet"),
        *("--max-concurrency", "8"),
        folder=tmp_path,
    )
    ends_at = time.monotonic() + 60 * float(os.environ.get(MINUTES, "5"))
    answers = 0
    try:
        async with openai.AsyncOpenAI(base_url=chatty, api_key="k", max_retries=0) as client:
            while time.monotonic() < ends_at:
                answer = await client.chat.completions.create(
                    model="chatty@1", messages=TURNS, max_tokens=24, temperature=0
                )
                assert answer.choices[0].message.content
                answers += 1
        assert batch.returncode is None, "the batch ended too early"
    finally:
        batch.send_signal(signal.SIGINT)
        await batch.communicate()
    with Store.open_to_read(tmp_path / "out.jsonl.sqlite") as store:
        made = sum(one.rounds for one in store.trajectories())
    print(f"{answers} answers beside {made} versions")  # noqa: T201 - the figures of the run
    assert answers
    assert made
