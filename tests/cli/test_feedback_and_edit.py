"""The commands of docs/serving.md for a feedback and an edit model, against two stub servers."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING

from tests.helpers.command_line import revloop
from tests.helpers.repository import REPOSITORY
from tests.helpers.stub_server import CHAT, StubServer, chat_completion

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (REPOSITORY / "docs" / "serving.md").read_text(encoding="utf-8")
SUN = "What is the distance between the Earth and the Sun?"
SAID = "The distance from Earth to the Sun is 39 million miles"
BETTER = "The distance from Earth to the Sun is 93 million miles"
FEEDBACK = "The response is not helpful. The distance is wrong."
EVALUATE = "Evaluate the response to the previous prompt in terms of how helpful it is"
EDIT = "Edit by this: ${critique}"
"""A stand-in: the form of the model's own request is not known here."""


def commands_of_the_section() -> list[list[str]]:
    """The commands that serve nothing, in order."""
    section = PAGE.split("\n## Feedback and edit models\n")[1].split("\n## ")[0]
    found = re.findall(r"^(?:\$ )?revloop ((?:prompts|batch) .+)$", section, re.MULTILINE)
    return [shlex.split(command) for command in found]


async def test_the_commands_of_the_page_ask_both_servers_in_turns(
    server: StubServer, tmp_path: Path
) -> None:
    async with StubServer() as editor:
        server.on(CHAT, chat_completion(FEEDBACK))
        editor.on(CHAT, chat_completion(BETTER))
        *copies, batch = commands_of_the_section()
        for copy in copies:
            assert (await revloop(*copy, folder=tmp_path)).code == 0
        (tmp_path / "nemotron-feedback" / "critique.txt").write_text(EVALUATE, encoding="utf-8")
        (tmp_path / "nemotron-edit" / "fresh.txt").write_text(EDIT, encoding="utf-8")
        (tmp_path / "answers.jsonl").write_text(json.dumps({"prompt": SUN, "response": SAID}))
        here = {"http://127.0.0.1:8000": server.base_url, "http://127.0.0.1:8001": editor.base_url}
        done = await revloop(*(here.get(word, word) for word in batch), folder=tmp_path)
        assert done.code == 0, done.err
        (asked,), (edited,) = server.asked(CHAT), editor.asked(CHAT)
    turns = [{"role": "user", "content": SUN}, {"role": "assistant", "content": SAID}]
    assert asked.body["messages"] == [*turns, {"role": "user", "content": EVALUATE}]
    assert asked.body["temperature"] == 0.7
    request = {"role": "user", "content": f"Edit by this: {FEEDBACK}"}
    assert edited.body["messages"] == [*turns, request]
    row = json.loads((tmp_path / "revised.jsonl").read_text())
    assert [version["text"] for version in row["versions"]] == [SAID, BETTER]
    assert row["versions"][1]["critique"]["raw"] == FEEDBACK
