"""Pilots drawn from recorded trajectories: what they foretell, and what their policies do."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from benchmarks.pilot_records import read_records, write_records
from benchmarks.pilots import mixed_drafts, one_pilot, write_drafts
from revloop.demo.judge import judge
from revloop.evaluation import Outcome
from revloop.pilot import Outlay, PilotRecord

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("statsmodels")


def record(number: int, strength: str, score: float, sign: float) -> PilotRecord:
    outcomes = tuple(
        Outcome(number, strength, "original", round_, (sign, sign), 0, True, False, (1, 1))
        for round_ in range(1, 6)
    )
    taken = tuple(Outlay(10 * round_) for round_ in range(6))
    return PilotRecord(str(number), score, strength, outcomes, taken, Outlay(5))


def test_a_third_of_the_drafts_is_of_each_strength(tmp_path: Path) -> None:
    drafts = mixed_drafts(12)
    assert Counter(draft.extra["strength"] for draft in drafts) == {
        "strong": 4,
        "middling": 4,
        "weak": 4,
    }
    faults = {draft.extra["strength"]: 0 for draft in drafts}
    for draft in drafts:
        faults[draft.extra["strength"]] += judge(draft.prompt or "", draft.response).count
    assert faults["strong"] == 0 < faults["middling"] < faults["weak"]
    write_drafts(tmp_path / "d.jsonl", drafts)
    rows = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text("utf-8").splitlines()]
    assert [row["strength"] for row in rows] == [draft.extra["strength"] for draft in drafts]
    assert len({row["id"] for row in rows}) == 12


def test_a_pilot_foretells_what_is_the_same_everywhere() -> None:
    records = [
        record(n, "weak", 3, 1.0) if n % 2 else record(n, "strong", 9, 0.5) for n in range(80)
    ]
    found = one_pilot(records, 40, seed=0)
    assert found["foretold_win_rate"]
    assert found["foretold_harm"]
    assert found["policy"] == {"rounds": 0, "bands": [{"score_at_most": 3.0, "rounds": 1}]}
    assert found["the others, policy"]["win_rate"] == found["the others, all rounds"]["win_rate"]
    assert found["strong drafts, policy"]["harmed"] == 0
    assert found["share_of_tokens"] < 0.2


def test_records_in_a_table_are_the_same_to_a_pilot(tmp_path: Path) -> None:
    signs = (1.0, 0.5, 0.0)
    records = [record(n, "weak" if n % 2 else "strong", n % 7, signs[n % 3]) for n in range(60)]
    write_records(tmp_path / "records.csv", records)
    assert one_pilot(read_records(tmp_path / "records.csv"), 30, 1) == one_pilot(records, 30, 1)
