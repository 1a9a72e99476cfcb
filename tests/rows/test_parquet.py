"""Trajectories as Parquet: the same columns for all inputs, written by the row group."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from revloop import Draft
from revloop.rows import open_output
from tests.helpers.checked_samples import checked
from tests.helpers.judges import RuleJudge, by_number
from tests.helpers.panel_samples import revised_before, silent
from tests.helpers.row_samples import TURNS, trajectory_of

if TYPE_CHECKING:
    from pathlib import Path

    from revloop import Trajectory

pq = pytest.importorskip("pyarrow.parquet")

CONVERSATION = Draft.model_validate({"id": "2", "messages": TURNS, "response": "Eleven."})


def write(path: Path, *trajectories: Trajectory, final_only: bool = False, **rest: Any) -> Any:
    with open_output(path, final_only=final_only) as out:
        for trajectory in trajectories:
            out.write(trajectory.with_extra(rest))
    return pq.ParquetFile(path)


def test_the_verdicts_of_a_judge_and_of_a_panel_are_rows_of_a_version(tmp_path: Path) -> None:
    alone = revised_before(judge=RuleJudge(by_number))
    panel = revised_before(by_number, silent)
    read = write(tmp_path / "out.parquet", alone, panel).read().to_pylist()
    of_one, of_two = (row["versions"][1]["verdicts"] for row in read)
    told = [(v["judge"], v["against"], v["order"], v["result"]) for v in of_one + of_two]
    assert told == [
        (None, 0, "old first", "won"),
        (None, 0, "new first", "won"),
        ("judge 1", 0, "old first", "won"),
        ("judge 1", 0, "new first", "won"),
        ("judge 2", 0, "old first", "unreadable"),
        ("judge 2", 0, "new first", "unreadable"),
    ]
    assert (of_two[2]["digest"], of_two[2]["reason"]) == ("digest of judge 2", "By rule.")


def test_a_row_is_a_trajectory_with_all_versions(tmp_path: Path) -> None:
    file = write(tmp_path / "out.parquet", trajectory_of(None, "Good morning."), topic="hello")
    (row,) = file.read().to_pylist()
    assert json.loads(row.pop("extra")) == {"topic": "hello"}
    assert row == {
        "id": "1",
        "prompt": "Say good morning.",
        "messages": None,
        "response": "Good mroning.",
        "final": "Good morning.",
        "versions": [
            {
                "round": 0,
                "text": "Good mroning.",
                "critique": None,
                "score": None,
                "checks": [],
                "verdicts": [],
            },
            {
                "round": 1,
                "text": "Good morning.",
                "critique": "A letter is wrong.",
                "score": 5.0,
                "checks": [],
                "verdicts": [],
            },
        ],
        "end": "rounds_done",
        "trajectory_id": "t-1",
    }


def test_a_version_has_what_its_checks_found(tmp_path: Path) -> None:
    one = checked("one two three four offline", "please offline")
    (row,) = write(tmp_path / "out.parquet", one).read().to_pylist()
    assert [check["passed"] for check in row["versions"][0]["checks"]] == [False, False, None]
    assert row["versions"][1]["checks"] == [
        {"name": "short", "passed": True, "message": ""},
        {"name": "polite", "passed": True, "message": ""},
        {"name": "reachable", "passed": None, "message": "OSError: no network"},
    ]


def test_with_final_only_a_row_is_what_came_in(tmp_path: Path) -> None:
    file = write(tmp_path / "out.parquet", trajectory_of(), final_only=True, n=1)
    (row,) = file.read().to_pylist()
    assert row == {
        "id": "1",
        "prompt": "Say good morning.",
        "messages": None,
        "response": "Good morning.",
        "original_response": "Good mroning.",
        "extra": '{"n":1}',
    }


@pytest.mark.parametrize("final_only", [False, True])
def test_the_columns_are_the_same_whatever_the_rows_hold(tmp_path: Path, final_only: bool) -> None:
    rows: tuple[list[Trajectory], ...] = (
        [],
        [trajectory_of()],
        [trajectory_of(CONVERSATION, finished=False)],
    )
    schemas = [
        write(tmp_path / f"{n}.parquet", *some, final_only=final_only).schema_arrow
        for n, some in enumerate(rows)
    ]
    assert schemas[0] == schemas[1] == schemas[2]


def test_a_conversation_keeps_its_turns(tmp_path: Path) -> None:
    file = write(tmp_path / "out.parquet", trajectory_of(CONVERSATION))
    (row,) = file.read().to_pylist()
    assert (row["messages"], row["prompt"]) == (TURNS, None)


def test_one_that_is_not_finished_has_no_end(tmp_path: Path) -> None:
    file = write(tmp_path / "out.parquet", trajectory_of(finished=False))
    assert file.read().to_pylist()[0]["end"] is None


def test_a_row_group_holds_a_thousand_rows_at_most(tmp_path: Path) -> None:
    file = write(tmp_path / "out.parquet", *[trajectory_of()] * 2500)
    groups = [file.metadata.row_group(n).num_rows for n in range(file.metadata.num_row_groups)]
    assert groups == [1000, 1000, 500]


def test_long_texts_make_smaller_row_groups(tmp_path: Path) -> None:
    long = trajectory_of(Draft(response="x" * 5_000_000), "y" * 5_000_000)
    file = write(tmp_path / "out.parquet", long, long, long)
    groups = [file.metadata.row_group(n).num_rows for n in range(file.metadata.num_row_groups)]
    assert groups == [2, 1]
