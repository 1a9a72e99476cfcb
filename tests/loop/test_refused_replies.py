"""Unusable replies, from the server to every place that shows them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.helpers.command_line import revloop
from tests.helpers.scripted_engine import ScriptedEngine, cnr_critique
from tests.helpers.scripted_loop import CHAT as CHAT_SET
from tests.helpers.scripted_loop import CNR, run, tagged
from tests.helpers.stub_server import CHAT, StubServer, chat_completion

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from revloop.prompts import PromptSet

CRITIQUE = "It is dull."
GOOD = "<revised_response>\nBetter.\n</revised_response>"
NOT_USED = "Sure! Better. \x1b[2J"
REASON = "there is no <revised_response>"


@pytest.fixture
async def server() -> AsyncIterator[StubServer]:
    """The first round succeeds; in the second every revision is unusable."""
    replies = [CRITIQUE, GOOD, CRITIQUE, "Sure!", "Sure! Better.", NOT_USED]
    async with StubServer() as server:
        server.on(CHAT, *map(chat_completion, replies))
        yield server


async def batch(server: StubServer, folder: Path, *more: str) -> str:
    (folder / "in.jsonl").write_text('{"id": "a", "prompt": "Say.", "response": "Good."}\n')
    options = ("--base-url", server.base_url, "--prompts", "chat", "-n", "2", "--store", "s.sqlite")
    finished = await revloop("batch", "in.jsonl", "out.jsonl", *options, *more, folder=folder)
    assert "Traceback" not in finished.err
    return finished.err


def seeds(server: StubServer) -> list[int]:
    return [request.body["seed"] for request in server.asked(CHAT)]


async def test_the_last_one_of_a_failed_step_is_shown_exported_and_reported(
    server: StubServer, tmp_path: Path
) -> None:
    await batch(server, tmp_path)
    shown = await revloop("show", "s.sqlite", "a", folder=tmp_path)
    for attempt in (1, 2, 3):
        assert f"round 2, revision, try {attempt}, not used: {REASON}" in shown.out
    assert "Sure! Better. ␛[2J\n" in shown.out
    detail = f"Round 2: the revision could not be used in 3 tries: {REASON}."
    assert detail in shown.out
    as_json = await revloop("show", "s.sqlite", "a", "--json", folder=tmp_path)
    await revloop("export", "s.sqlite", "all.jsonl", folder=tmp_path)
    exported = (tmp_path / "all.jsonl").read_text(encoding="utf-8")
    written = (tmp_path / "out.jsonl").read_text(encoding="utf-8")
    for text in (as_json.out, exported, written):
        refusals = [step["refusal"] for step in json.loads(text)["end"]["steps"]]
        assert refusals == [
            None,
            {"reason": REASON, "guard": None, "reply": None, "characters": 5},
            {"reason": REASON, "guard": None, "reply": None, "characters": 13},
            {"reason": REASON, "guard": None, "reply": NOT_USED, "characters": len(NOT_USED)},
        ]
    reported = await revloop("report", "s.sqlite", "-o", "report.html", folder=tmp_path)
    assert reported.code == 0, reported.err
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "there is no \\u003crevised_response" in page
    assert "Sure! Better. \\u001b[2J" in page


LONG = (
    "Paris is old. " * 5
    + "It lies on the Seine, which divides it into two banks of equal size. " * 4
)
SHORT = "<revised_response>\nParis.\n</revised_response>"


async def revised(server: StubServer, folder: Path, *more: str) -> tuple[str, str, str]:
    """What a round over a long response says, what is stored, and what is shown."""
    options = ("--base-url", server.base_url, "--prompts", "chat", "-n", "1", "--store", "s.sqlite")
    finished = await revloop("revise", LONG, *options, *more, folder=folder)
    as_json = await revloop("show", "s.sqlite", "--json", folder=folder)
    name = json.loads(as_json.out)["draft"]["id"]
    shown = await revloop("show", "s.sqlite", name, folder=folder)
    return finished.err, as_json.out, shown.out


async def test_a_check_is_named_wherever_its_refusal_is_shown(
    server: StubServer, tmp_path: Path
) -> None:
    server.on(CHAT, *map(chat_completion, [CRITIQUE, SHORT, SHORT, SHORT]))
    said, stored, shown = await revised(server, tmp_path)
    reason = f"it is far shorter than the text before (6 of {len(LONG.strip())} characters)"
    assert f"{reason} (--no-guard too_short would let it pass)." in " ".join(said.split())
    refusals = [step["refusal"] for step in json.loads(stored)["end"]["steps"]]
    assert [one and (one["guard"], one["reason"]) for one in refusals] == [
        None,
        *[("too_short", reason)] * 3,
    ]
    assert f"round 1, revision, try 3, not used (too_short): {reason}" in " ".join(shown.split())
    await revloop("report", "s.sqlite", "-o", "report.html", folder=tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '"guard":"too_short"' in page.replace('": ', '":')


async def test_a_check_that_is_switched_off_lets_a_version_pass_and_its_verdict_is_stored(
    server: StubServer, tmp_path: Path
) -> None:
    said = f"Sure!\n\n{SHORT}\n\nI hope this helps!"
    server.on(CHAT, *map(chat_completion, [CRITIQUE, said]))
    _, stored, shown = await revised(server, tmp_path, "--no-guard", "too_short")
    (_, version) = json.loads(stored)["versions"]
    assert version["text"] == "Paris."
    assert [one["guard"] for one in version["failed_guards"]] == ["too_short"]
    assert version["steps"][1]["left_out"] == ["Sure!", "I hope this helps!"]
    assert "version 1 fails too_short, which is off: it is far shorter than" in shown
    assert "left out of the reply:\nSure!" in shown
    await revloop("report", "s.sqlite", "-o", "report.html", folder=tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "too_short: it is far shorter than" in page


@pytest.mark.parametrize("prompts", [CHAT_SET, CNR])
async def test_what_is_left_out_of_a_single_pass_is_recorded(prompts: PromptSet) -> None:
    critique = cnr_critique(3)
    said = f"{critique}{CNR.bridge}Better."
    if prompts.is_chat:
        said = f"{critique}\n\n{tagged('Revised response: Better.')}\n\nI hope this helps!"
    engine = ScriptedEngine([said])
    versions, _ = await run(engine, iterations=1, prompts=prompts, single_pass=True)
    assert versions[1].text == "Better."
    expected = ("Revised response:", "I hope this helps!") if prompts.is_chat else ()
    assert versions[1].steps[0].left_out == expected


async def test_a_misspelt_check_is_refused_with_the_names_of_all(tmp_path: Path) -> None:
    options = ("--base-url", "http://127.0.0.1:9", "--no-guard", "too_shrt")
    finished = await revloop("revise", "x", *options, folder=tmp_path)
    assert finished.code == 3
    assert "--no-guard" in finished.err
    assert "'too_short'" in finished.err


async def test_trying_again_sends_new_seeds_and_the_same_ones_from_any_run(
    server: StubServer, tmp_path: Path
) -> None:
    await batch(server, tmp_path)
    before = seeds(server)
    server.on(CHAT, *map(chat_completion, [CRITIQUE, "Sure!", GOOD.replace("Better", "Best")]))
    await batch(server, tmp_path, "--retry-failed")
    critique, *new = seeds(server)[len(before) :]
    assert critique == before[2]  # that critique was usable
    assert len({*new, *before}) == 2 + len(before)
    (row,) = map(json.loads, (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines())
    steps = row["versions"][2]["steps"]
    assert [(step["kind"], step["attempt"]) for step in steps] == [
        ("critique", 1),
        ("revision", 4),
        ("revision", 5),
    ]
    assert [step["sampling"]["seed"] for step in steps] == [critique, *new]
    assert row["versions"][2]["text"] == "Best."


async def test_an_unreadable_score_and_a_stop_score_never_compared_are_reported(
    server: StubServer, tmp_path: Path
) -> None:
    unread = "Overall score: eight\nPositive aspects: a\nNegative aspects: b"
    server.on(CHAT, chat_completion(unread), chat_completion(GOOD))
    options = ("--base-url", server.base_url, "--prompts", "chat", "-n", "1", "--stop-score", "8")
    finished = await revloop("revise", "Good.", *options, folder=tmp_path)
    assert finished.out == "Better.\n"
    assert "version 0 (unreadable score: 'eight')" in finished.err
    assert "No critique gave a readable score, so none could reach 8." in finished.err
