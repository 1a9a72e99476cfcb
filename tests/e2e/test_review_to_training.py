"""The way of docs/review.md: vote on twenty pairs, correct three versions, train on that."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from revloop.demo import demo_drafts
from tests.helpers.command_line import revloop
from tests.helpers.judges import store_of
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.review_server import Reviewer, serving, until

if TYPE_CHECKING:
    from pathlib import Path

DRAFTS = 24


@pytest.mark.slow
async def test_people_vote_correct_and_train_a_critic_on_that(tmp_path: Path) -> None:
    rows = [[draft.response, f"{draft.response}\nThank you."] for draft in demo_drafts(DRAFTS)]
    store = store_of(tmp_path / "s.sqlite", rows)
    with serving(store, sample=20) as address:
        until(lambda: Reviewer(address).json("/progress")["pairs_known"])
        anna = Reviewer(address, name="anna")
        for number in range(20):
            pair = re.search(r'name="pair" value="(\w+)"', anna.get("/vote"))
            assert pair is not None
            anna.post("/vote", choice=("a", "b", "tie")[number % 3], pair=pair[1])
        for key in (1, 2, 3):
            told = {"score": 4, "positive": "It is kind.", "negative": "It does not say who."}
            corrected = f"{rows[key - 1][1]}\nYours, Anna."
            anna.post(f"/critique/{key}/1", **told, revision=corrected)
    figures = await revloop("evaluate", str(store), "--judge", "anna", "--json")
    (of_judge,) = json.loads(figures.out)["judges"]
    assert of_judge["rounds"][0]["win_rate_low"] is not None
    records, run = tmp_path / "people.jsonl", tmp_path / "run"
    command = ("records", "import", "store", str(store), "--people", "--output", str(records))
    assert (await revloop(*command)).code == 0
    assert len(records.read_text("utf-8").splitlines()) == 3
    base = ("--base", str(TINY_CRITIC), "--recipe", "tiny", "--epochs", "1")
    done = await revloop("finetune", str(records), *base, "--output", str(run))
    assert done.code == 0, done.err
    assert list(run.rglob("*.safetensors"))
