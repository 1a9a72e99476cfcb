"""``--editor``: two servers, each asked for its part, with its own key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.helpers.command_line import revloop
from tests.helpers.scripted_loop import SAID, tagged
from tests.helpers.stub_server import (
    CHAT,
    COMPLETIONS,
    StubServer,
    chat_completion,
    completion,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def editor() -> AsyncIterator[StubServer]:
    """The editor's server; it has two models."""
    async with StubServer(models=("small", "large")) as server:
        server.on(CHAT, chat_completion(tagged("It is better.")))
        yield server


async def test_revise_asks_the_critic_and_the_editor(
    server: StubServer, editor: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVLOOP_API_KEY", "the critic's")
    monkeypatch.setenv("REVLOOP_EDITOR_API_KEY", "the editor's")
    server.on(COMPLETIONS, completion(SAID))
    done = await revloop(
        *("revise", "It is.", "-n", "1", "--json", "--base-url", server.base_url),
        *("--editor", f"{editor.base_url}#large", "--editor-prompts", "chat"),
        *("--critique-temperature", "0.2", "--edit-temperature", "0.9"),
    )
    assert done.code == 0, done.err
    version = json.loads(done.out)["versions"][1]
    assert version["text"] == "It is better."
    assert (version["engine"]["model"], version["editor"]["model"]) == ("critic", "large")
    (asked,), (revised,) = server.asked(COMPLETIONS), editor.asked(CHAT)
    assert asked.headers["Authorization"] == "Bearer the critic's"
    assert revised.headers["Authorization"] == "Bearer the editor's"
    assert (asked.body["temperature"], revised.body["temperature"]) == (0.2, 0.9)
    assert revised.body["model"] == "large"


async def test_a_batch_asks_both_and_goes_on_where_it_was(
    server: StubServer, editor: StubServer, tmp_path: Path
) -> None:
    server.on(COMPLETIONS, completion(SAID))
    drafts, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    drafts.write_text("".join(f'{{"id": {n}, "response": "It is {n}."}}\n' for n in range(8)))
    command = [
        *("batch", str(drafts), str(out), "--base-url", server.base_url),
        *("--editor", f"{editor.base_url}#small", "--editor-prompts", "chat"),
    ]
    done = await revloop(*command, "-n", "1")
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["versions"][1]["editor"]["model"] for row in rows] == ["small"] * 8
    asked = (len(server.asked(COMPLETIONS)), len(editor.asked(CHAT)))
    assert asked == (8, 8)
    done = await revloop(*command, "-n", "1")
    assert done.code == 0, done.err
    assert (len(server.asked(COMPLETIONS)), len(editor.asked(CHAT))) == asked


async def test_a_fresh_editor_sees_no_conversation(editor: StubServer) -> None:
    editor.on(CHAT, chat_completion("It is dull."), chat_completion(tagged("It is better.")))
    done = await revloop(
        *("revise", "It is.", "-n", "1", "--base-url", editor.base_url, "--model", "small"),
        *("--prompts", "chat", "--fresh-editor"),
    )
    assert (done.code, done.out) == (0, "It is better.\n"), done.err
    _, revised = editor.asked(CHAT)
    (message,) = revised.body["messages"]
    assert "<review>\nIt is dull.\n</review>" in message["content"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--editor", "large"), "--editor is 'large'; it is a server's address"),
        (("--editor-rpm", "5"), "--editor-tpm are for a server: name it with --editor"),
        (("--fresh-editor",), "Take chat, chat-plain, chat-prefill or chat-turns"),
    ],
)
async def test_what_cannot_be_done_is_told(
    server: StubServer, options: tuple[str, ...], message: str
) -> None:
    done = await revloop("revise", "It is.", "--base-url", server.base_url, *options)
    assert done.code == 3
    assert message in " ".join(done.err.split())
    assert server.asked(COMPLETIONS) == []
