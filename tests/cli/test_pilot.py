"""`revloop pilot` as a user meets it: a sample is revised and judged, and a policy comes out."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from revloop.cli.pilot import policy_choices
from revloop.options import EngineOptions, Policy, RunOptions, ScoreBand
from revloop.options.policy import read_policy
from tests.helpers.command_line import Finished, revloop
from tests.helpers.stub_server import CHAT, StubServer, chat_completion

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiohttp import web

pytest.importorskip("statsmodels")

JUDGE = """
def higher(prompt, first, second):
    left, right = (int(text.split()[0]) for text in (first, second))
    return "tie" if left == right else "first" if left > right else "second"

def also(prompt, first, second):
    return higher(prompt, first, second)

def lower(prompt, first, second):
    return higher(prompt, second, first)

def mute(prompt, first, second):
    return "unparseable"
"""
PRICES = """
currency = "EUR"
[models."critic"]
input = 1_000_000
output = 0
"""


async def improve_the_low(request: web.Request) -> web.StreamResponse:
    """The number in a text is its score; low ones are raised, and high ones are lowered."""
    turns = (await request.json())["messages"]
    found = re.search(r"<response>\s*(\d+) points", turns[0]["content"])
    assert found is not None
    number = int(found[1])
    if len(turns) == 1:
        said = f"Overall score: {number}\\nPositive aspects: a number.\\nNegative aspects: low."
        return await chat_completion(said.replace("\\n", "\n"))(request)
    better = number + 1 if number < 5 else number - 1
    text = f"<revised_response>{better} points</revised_response>"
    return await chat_completion(text)(request)


@pytest.fixture
async def server() -> AsyncIterator[StubServer]:
    async with StubServer() as server:
        server.on(CHAT, improve_the_low)
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        {"id": str(n), "prompt": f"How many, {n}?", "response": f"{2 if n % 2 else 8} points"}
        for n in range(80)
    ]
    (tmp_path / "drafts.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "mine.py").write_text(JUDGE, encoding="utf-8")
    return tmp_path


async def pilot(folder: Path, server: StubServer, *options: str) -> Finished:
    command = ("pilot", "drafts.jsonl", "policy.toml", "--prompts", "chat", "--iterations", "1")
    return await revloop(*command, "--base-url", server.base_url, *options, folder=folder)


async def test_a_sample_says_who_gains_and_a_batch_obeys(server: StubServer, folder: Path) -> None:
    (folder / "prices.toml").write_text(PRICES, encoding="utf-8")
    options = ("--judge", "mine:higher", "--sample", "60", "--prices", "prices.toml")
    finished = await pilot(folder, server, *options)
    assert finished.code == 0, finished.err
    rows = [line.split() for line in finished.out.splitlines() if line.endswith(" EUR")]
    assert [row[-4:-3] + row[-2:] for row in rows] == [
        ["20", "14.000000", "EUR"],
        ["15", "10.500000", "EUR"],
    ], "a round is two requests of 7 and 3 tokens, and half of the drafts get only the first"
    assert "60 of 80 rows are drawn" in finished.err
    told = " ".join(finished.out.split())
    assert "1 round where the first score is at most 2; no rounds above" in told
    policy = read_policy(folder / "policy.toml")
    bands = (ScoreBand(score_at_most=2, rounds=1),)
    assert policy == Policy(rounds=0, bands=bands, prompts="chat", keep="last", candidates=1)
    assert max(map(len, finished.out.splitlines())) <= 80
    asked = len(server.asked(CHAT))
    again = await pilot(folder, server, *options, "--force")
    assert (again.code, again.out) == (0, finished.out)
    assert len(server.asked(CHAT)) == asked, "what is in the store is not asked again"
    batch = ("batch", "drafts.jsonl", "out.jsonl", "--policy", "policy.toml", "-n", "1")
    obeyed = await revloop(*batch, "--base-url", server.base_url, folder=folder)
    assert obeyed.code == 0, obeyed.err
    out = (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["versions"][-1]["text"] for line in out]
    assert Counter(texts) == {"3 points": 40, "8 points": 40}


async def test_what_the_rounds_are_measured_with_is_in_the_policy(
    server: StubServer, folder: Path
) -> None:
    judges = [word for name in ("higher", "lower", "also") for word in ("--judge", f"mine:{name}")]
    finished = await pilot(folder, server, *judges, "--sample", "60", "--keep", "gate")
    assert finished.code == 0, finished.err
    policy = read_policy(folder / "policy.toml")
    assert isinstance(policy, Policy)
    assert policy.choices == {
        "prompts": "chat",
        "keep": "gate",
        "candidates": 1,
        "judge": ("mine:higher", "mine:lower", "mine:also"),
    }
    told = " ".join(finished.out.split())
    assert "1 round where the first score is at most 2" in told, "the majority decides"
    assert "no rounds above; --keep gate." in told
    assert "Expected harm: 0.0%" in told, "the gate keeps what would be broken"
    assert "The 3 judges agree on 0.0% of 60 verdicts" in told


async def test_a_judge_without_a_readable_verdict_makes_no_policy(
    server: StubServer, folder: Path
) -> None:
    finished = await pilot(folder, server, "--judge", "mine:mute", "--sample", "8")
    assert finished.code == 3
    assert "No verdict on a changed draft could be read (8 drafts)" in finished.err
    assert not (folder / "policy.toml").exists()


@pytest.mark.parametrize("options", [(), ("--judge", "SERVER", "--keep", "gate")])
async def test_a_model_without_a_price_is_told_before_anything_is_asked(
    server: StubServer, folder: Path, options: tuple[str, ...]
) -> None:
    unpriced = "critic" if not options else "judge"
    prices = PRICES.replace("critic", "judge") if not options else PRICES
    (folder / "prices.toml").write_text(prices, encoding="utf-8")
    async with StubServer(models=("judge",)) as judge:
        named = [judge.base_url if word == "SERVER" else word for word in options]
        options = ("--judge", "mine:higher", *named, "--prices", "prices.toml")
        finished = await pilot(folder, server, *options)
        assert not judge.asked(CHAT)
    assert finished.code == 3
    assert f"No price is known for {unpriced}" in finished.err
    assert not server.asked(CHAT)


def test_a_policy_names_no_prompt_set_for_the_proofreader_which_brings_its_own() -> None:
    proofreader, critic = EngineOptions(model="english"), EngineOptions(model="demo")
    assert "prompts" not in policy_choices(RunOptions(), proofreader)
    assert policy_choices(RunOptions(), critic)["prompts"] == "cnr"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "Name a judge"),
        (("--judge", "mine:higher", "--by", "topic"), "has a field 'topic'"),
        (("--judge", "mine:nothing"), "mine"),
    ],
)
async def test_what_cannot_work_is_told(
    server: StubServer, folder: Path, options: tuple[str, ...], says: str
) -> None:
    finished = await pilot(folder, server, *options)
    assert finished.code == 3
    assert says in finished.err
    assert "Traceback" not in finished.err
    assert not (folder / "policy.toml").exists()
