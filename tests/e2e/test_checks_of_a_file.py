"""A batch with a file of checks: evidence, the end of the rounds, and what is resumed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.helpers.running_batch import Work
from tests.helpers.stub_server import COMPLETIONS, StubServer, completion

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.command_line import Finished

CHECKS = """
[[check]]
kind = "length"
words_max = 4

[[check]]
kind = "keeps"
what = "numbers"
"""
BRIEF, LONG = "It costs 40.", "It costs about 40 dollars in all."
OPTIONS = ("--critique", "checks", "--checks", "checks.toml", "--iterations", "3")


@pytest.fixture
def work(tmp_path: Path) -> Work:
    rows = [{"prompt": f"q{n}", "response": text} for n, text in enumerate((BRIEF, LONG))]
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    (tmp_path / "drafts.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "checks.toml").write_text(CHECKS, encoding="utf-8")
    return Work(tmp_path)


def succeeded(finished: Finished) -> bool:
    assert finished.code == 0, finished.err
    return True


async def test_failed_checks_are_told_until_a_version_passes(work: Work) -> None:
    async with StubServer() as server:
        server.on(COMPLETIONS, completion("It is cheap."), completion("It costs 40 here."))
        assert succeeded(await work.run(server, *OPTIONS))
        first, second = (one.body["prompt"] for one in server.asked(COMPLETIONS))
    rows = work.rows()
    assert [row["end"]["reason"] for row in rows] == ["verified", "verified"]
    assert "The text has 7 words; at most 4 are allowed." in first
    assert "These numbers of the original are missing: 40." in second
    assert [row["versions"][-1]["text"] for row in rows] == [BRIEF, "It costs 40 here."]


async def test_a_second_run_asks_nothing_and_other_checks_are_another_run(work: Work) -> None:
    async with StubServer() as server:
        server.on(COMPLETIONS, completion("It costs 40 here."))
        assert succeeded(await work.run(server, *OPTIONS))
        before = len(server.asked(COMPLETIONS))
        assert succeeded(await work.run(server, *OPTIONS))
        assert len(server.asked(COMPLETIONS)) == before
        other = CHECKS.replace("words_max = 4", "words_max = 5")
        (work.folder / "checks.toml").write_text(other, encoding="utf-8")
        refused = await work.run(server, *OPTIONS)
    assert refused.code == 5
    assert "checks" in refused.err


async def test_the_tables_may_stand_in_the_options_file(work: Work) -> None:
    (work.folder / "checks.toml").unlink()
    options = '[loop]\ncritique = "checks"\niterations = 3\n'
    (work.folder / "revloop.toml").write_text(options + CHECKS, encoding="utf-8")
    async with StubServer() as server:
        server.on(COMPLETIONS, completion("It costs 40 here."))
        assert succeeded(await work.run(server))
        assert len(server.asked(COMPLETIONS)) == 1


async def test_a_wrong_check_is_told_before_any_request(work: Work) -> None:
    (work.folder / "checks.toml").write_text(CHECKS + "whatever = 1\n", encoding="utf-8")
    async with StubServer() as server:
        refused = await work.run(server, *OPTIONS)
        assert server.asked(COMPLETIONS) == []
    assert refused.code == 3
    assert "[[check]] 2: whatever: is not known." in " ".join(refused.err.split())
