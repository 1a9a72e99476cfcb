"""docs/servers.md: its generated parts are up to date, and each of its commands works."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from tests.dialects.all import DIALECTS
from tests.dialects.page import PAGE, main, put_into, snippet
from tests.dialects.speaking import revising
from tests.helpers.repository import REPOSITORY
from tests.house.test_docs_examples import examples, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dialects.dialect import Dialect

KEY = "sk-nobody-may-see-this"
FOUND = examples(REPOSITORY / PAGE)
EXPLAINED = [dialect for dialect in DIALECTS if dialect.start or dialect.key]


def test_the_page_is_what_the_dialects_say() -> None:
    page = (REPOSITORY / PAGE).read_text(encoding="utf-8")
    assert put_into(page) == page, "python -m tests.dialects.page --write"


def test_the_generated_parts_can_be_read_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0
    printed = capsys.readouterr().out
    assert all(snippet(dialect) in printed for dialect in EXPLAINED)


def test_every_command_of_the_page_is_run_below() -> None:
    first, *others = FOUND
    assert first.words.startswith("cat > answers.jsonl")
    assert [example.words for example in others] == [snippet(dialect) for dialect in EXPLAINED]


@pytest.mark.parametrize("dialect", EXPLAINED, ids=lambda dialect: dialect.name)
async def test_a_command_of_the_page_revises_the_answers(
    dialect: Dialect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if dialect.key:
        monkeypatch.setenv(dialect.key, KEY)
    async with revising(dialect) as server:
        for words in (FOUND[0].words, snippet(dialect)):
            example = FOUND[0]._replace(words=words.replace(dialect.host, server.base_url))
            finished = await asyncio.to_thread(run, example, tmp_path, server.base_url)
            assert finished.returncode == 0, finished.stdout
        chats = [received for received in server.requests if "chat" in received.path]
    (row,) = map(json.loads, (tmp_path / "revised.jsonl").read_text("utf-8").splitlines())
    assert row["versions"][-1]["text"] == "The air scatters blue light more than red light."
    assert {received.headers.get("Authorization") for received in chats} == {
        f"Bearer {KEY}" if dialect.key else None
    }
