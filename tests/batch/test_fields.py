"""Fields of rows in a batch: each trajectory sees its row's own, and a row without one fails."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from revloop import InputError, Store, arevise, arevise_many
from revloop.prompts.templates import shipped_folder
from revloop.store import salvage
from tests.helpers.prompt_folders import prompt_set
from tests.helpers.running_batch import Work, work_in, write_rows
from tests.helpers.stub_server import CHAT, StubServer, chat_completion

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiohttp import web

ASKS = "Q: ${prompt}\nA: ${response}\nBy these: ${extra.rubric}"


CHECK = """
from revloop.trajectory import Check

def lacks(draft, text):
    return Check(passed=draft.extra["want"] in text, message="It lacks something.")
"""
JUDGES = "Q: ${prompt}\nA: ${first}\nB: ${second}\nBy these: ${extra.rubric}"


async def critique_or_revision(request: web.Request) -> web.StreamResponse:
    """A critique of a first turn, and a longer text for a second one."""
    turns = (await request.json())["messages"]
    if "\nB: " in turns[0]["content"]:
        return await chat_completion("Verdict: tie")(request)
    response = turns[0]["content"].partition("\nA: ")[2].partition("\nBy these: ")[0]
    text = "It lacks a plus." if len(turns) == 1 else f"{response} +"
    return await chat_completion(text)(request)


@pytest.fixture
async def server() -> AsyncIterator[StubServer]:
    async with StubServer() as server:
        server.on(CHAT, critique_or_revision)
        yield server


@pytest.fixture
def work(tmp_path: Path) -> Work:
    prompt_set(tmp_path / "mine", files={"critique.txt": ASKS})
    return work_in(tmp_path, 0)


def row(name: str, response: str = "Four", **more: Any) -> dict[str, Any]:
    return {"id": name, "prompt": "2 + 2?", "response": response, **more}


def rubrics(server: StubServer) -> list[str]:
    """What stood for the rubric in each request, sorted."""
    asked = [request.body["messages"][0]["content"] for request in server.asked(CHAT)]
    return sorted(text.partition("By these: ")[2] for text in asked)


async def run(work: Work, server: StubServer, *options: str) -> int:
    return (await work.run(server, "--prompts", "mine", *options)).code


async def test_rows_that_lack_a_field_fail_without_a_request_and_others_go_on(
    server: StubServer, work: Work
) -> None:
    lacking = [row("a"), row("b", rubric=None), row("c", rubric=[["deep"]])]
    write_rows(work.folder / "drafts.jsonl", [*lacking, row("d", note=1, rubric=["right"])])
    assert await run(work, server, "--iterations", "1") == 4
    rows = work.rows()
    assert [one["end"]["reason"] for one in rows] == ["missing_field"] * 3 + ["rounds_done"]
    assert [one["versions"][-1]["text"] for one in rows] == ["Four"] * 3 + ["Four +"]
    assert "field 'rubric' of draft \"c\" is nested" in rows[2]["end"]["detail"]
    assert rubrics(server) == ["- right"] * 2
    assert list(rows[3]["draft"]["extra"].items()) == [("note", 1), ("rubric", ["right"])]


async def test_equal_drafts_share_a_trajectory_only_under_the_same_rubric(
    server: StubServer, work: Work
) -> None:
    asked = [("a", "right", 1), ("b", "short", 2), ("c", "right", 3)]
    write_rows(work.folder / "drafts.jsonl", [row(name, rubric=r, note=n) for name, r, n in asked])
    assert await run(work, server, "--iterations", "1") == 0
    assert rubrics(server) == ["right"] * 2 + ["short"] * 2
    extras = [one["draft"]["extra"] for one in work.rows()]
    assert extras == [{"rubric": rubric, "note": note} for _, rubric, note in asked]


async def test_more_rounds_see_the_stored_rubric(server: StubServer, work: Work) -> None:
    write_rows(work.folder / "drafts.jsonl", [row("a", rubric="right")])
    assert await run(work, server, "--iterations", "1") == 0
    server.requests.clear()
    assert await run(work, server, "--iterations", "2") == 0
    assert rubrics(server) == ["right"] * 2
    assert work.rows()[0]["versions"][-1]["text"] == "Four + +"


async def test_a_damaged_store_keeps_its_trajectories_with_fields(
    server: StubServer, work: Work
) -> None:
    write_rows(work.folder / "drafts.jsonl", [row("a", rubric="right")])
    assert await run(work, server, "--iterations", "1") == 0
    work.store.with_name("out.jsonl.sqlite-wal").unlink(missing_ok=True)
    saved = work.folder / "saved.sqlite"
    assert salvage(work.store, saved).trajectories == 0
    with Store.open_to_read(saved) as store:
        (found,) = store.trajectories()
    assert found.final == "Four +"
    assert found.draft.extra == {"rubric": "right"}


async def test_a_judge_sees_the_field_of_a_row_as_well(server: StubServer, work: Work) -> None:
    prompt_set(work.folder / "mine", files={"critique.txt": ASKS.replace("${extra.rubric}", "it")})
    judge = shutil.copytree(shipped_folder() / "judge", work.folder / "by-field")
    (judge / "pair.txt").write_text(JUDGES)
    rows = [row("a", rubric="right"), row("b", rubric="short"), row("c", "Five")]
    write_rows(work.folder / "drafts.jsonl", rows)
    gate = (
        "--keep",
        "gate",
        "--judge",
        server.base_url,
        "--judge-prompts",
        "by-field",
        "--self-judge",
    )
    assert await run(work, server, "--iterations", "1", *gate) == 0
    asked = [r.body["messages"][0]["content"] for r in server.asked(CHAT)]
    pairs = [text for text in asked if "\nB: " in text]
    assert (
        sorted(text.partition("By these: ")[2] for text in pairs) == ["right"] * 2 + ["short"] * 2
    )
    verdicts = work.rows()[2]["versions"][1]["comparison"]["verdicts"]
    assert {one["preference"] for one in verdicts} == {"unparseable"}
    assert "no field 'rubric'" in verdicts[0]["reason"]


async def test_a_check_sees_all_fields_of_a_row(server: StubServer, work: Work) -> None:
    prompt_set(work.folder / "mine", files={"critique.txt": ASKS.replace("extra.rubric", "checks")})
    (work.folder / "wanted.py").write_text(CHECK)
    rows = [row("a", want="+"), row("b", want="Four"), row("c", want="-")]
    write_rows(work.folder / "drafts.jsonl", rows)
    assert await run(work, server, "--iterations", "1", "--check", "wanted:lacks") == 0
    found = [[v["checks"][0]["passed"] for v in one["versions"]] for one in work.rows()]
    assert found == [[False, True], [True], [False, False]]
    assert [one["draft"]["extra"] for one in work.rows()] == [{"want": w["want"]} for w in rows]


async def test_a_reviser_of_single_drafts_tells_rubrics_apart(
    server: StubServer, work: Work
) -> None:
    options: dict[str, Any] = {
        "base_url": server.base_url,
        "prompts": work.folder / "mine",
        "iterations": 1,
    }
    drafts = [row(name, rubric=name) for name in ("right", "short")]
    found = {one.draft.id: one async for one in arevise_many(drafts, **options)}
    assert rubrics(server) == ["right"] * 2 + ["short"] * 2
    assert found["right"].id != found["short"].id
    store = work.folder / "single.sqlite"
    first = await arevise(drafts[0], store=store, **options)
    server.requests.clear()
    again = await arevise({**drafts[0], "note": 1}, store=store, **options)
    assert not server.asked(CHAT)
    assert (again.id, again.versions) == (first.id, first.versions)
    with pytest.raises(InputError, match="has another draft with the id 'right'"):
        await arevise({**drafts[0], "rubric": "kind"}, store=store, **options)


async def test_a_policy_decides_by_a_field_of_the_rows_and_is_part_of_the_settings(
    server: StubServer, work: Work
) -> None:
    write_rows(work.folder / "drafts.jsonl", [row("a", rubric="x"), row("b", rubric="y")])
    policy = work.folder / "policy.toml"
    policy.write_text('rounds = 1\nfield = "rubric"\nvalues = {x = 0}\n', encoding="utf-8")
    assert await run(work, server, "--policy", "policy.toml") == 0
    ends = [(one["end"]["reason"], len(one["versions"])) for one in work.rows()]
    assert ends == [("not_worth_revising", 1), ("not_worth_revising", 2)]
    asked = len(server.asked(CHAT))
    policy.write_text("rounds = 1\n", encoding="utf-8")
    again = await work.run(server, "--prompts", "mine", "--policy", "policy.toml")
    assert again.code == 5
    assert "policy: " in again.err
    assert len(server.asked(CHAT)) == asked
