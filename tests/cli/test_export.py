"""`revloop export` as a user meets it: a store goes in, a file comes out, whole or not at all."""

from __future__ import annotations

import gzip
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from revloop import Trajectory, revise
from revloop.options import RunSettings
from revloop.store import Store
from revloop.trajectory import Draft, StopReason, Version
from tests.helpers.command_line import Finished, revloop
from tests.helpers.edited_samples import edited_store
from tests.helpers.export_samples import judge_all_pairs
from tests.helpers.judges import store_of
from tests.helpers.row_samples import NOW, good
from tests.helpers.scripted_engine import ScriptedEngine, cnr_rounds
from tests.helpers.stored import append

if TYPE_CHECKING:
    from pathlib import Path

DRAFTS = [
    {"id": "b", "prompt": "Say good day.", "response": "Good dya."},
    {"id": "a", "prompt": "Say good night.", "response": "Good nihgt."},
]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two drafts, each revised once."""
    path = tmp_path / "versions.sqlite"
    for draft, better in zip(DRAFTS, ("Good day.", "Good night."), strict=True):
        revise(draft, iterations=1, store=path, engine=ScriptedEngine(cnr_rounds(better)))
    return path


def lines_of(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def assert_failed(finished: Finished, *words: str) -> None:
    assert finished.code in {3, 5}, finished.err
    assert "Traceback" not in finished.err
    for word in words:
        assert word in finished.err


async def test_the_help_shows_an_example() -> None:
    finished = await revloop("export", "--help", environment={"COLUMNS": "200"})
    assert "Example: revloop export versions.sqlite" in finished.out


async def test_every_trajectory_is_written_with_all_versions(store: Path) -> None:
    out = store.with_name("out.jsonl")
    finished = await revloop("export", str(store), str(out))
    assert (finished.code, finished.out) == (0, f"{out}: 2 trajectories\n")
    read = [Trajectory.model_validate(line) for line in lines_of(out.read_text())]
    with Store.open_to_read(store) as opened:
        assert read == list(opened.trajectories())


async def test_only_the_last_versions_are_written_on_request(store: Path) -> None:
    out = store.with_name("out.jsonl.gz")
    assert (await revloop("export", str(store), str(out), "--final-only")).code == 0
    assert lines_of(gzip.decompress(out.read_bytes()).decode()) == [
        {**DRAFTS[0], "response": "Good day.", "original_response": "Good dya."},
        {**DRAFTS[1], "response": "Good night.", "original_response": "Good nihgt."},
    ]


async def test_parquet_is_written_by_its_name(store: Path) -> None:
    pytest.importorskip("pyarrow")
    out = store.with_name("out.parquet")
    assert (await revloop("export", str(store), str(out), "--final-only")).code == 0
    assert [row.draft.response for row in good(out)] == ["Good day.", "Good night."]


async def test_standard_output_holds_nothing_but_the_rows(store: Path) -> None:
    finished = await revloop("export", str(store), "-")
    assert [line["draft"]["id"] for line in lines_of(finished.out)] == ["b", "a"]
    assert "2 trajectories" in finished.err


async def test_what_is_there_so_far_is_written_while_another_process_writes(store: Path) -> None:
    settings = None
    with Store.open_to_read(store) as opened:
        settings = opened.runs()[-1].settings
    assert isinstance(settings, RunSettings)
    with Store.open(store) as writing:
        entry = writing.begin(writing.begin_run(settings), "t-3", Draft(id="c", response="Halo."))
        append(entry, Version(round=0, text="Halo.", created_at=NOW))
        finished = await revloop("export", str(store), str(store.with_name("out.jsonl")))
        append(entry, Version(round=1, text="Hello.", created_at=NOW))
    assert "3 trajectories, 1 of them unfinished" in finished.out
    last = lines_of(store.with_name("out.jsonl").read_text())[-1]
    assert (last["draft"]["id"], last["end"], len(last["versions"])) == ("c", None, 1)


async def test_a_file_that_is_there_is_replaced_only_on_request(store: Path) -> None:
    out = store.with_name("out.jsonl")
    out.write_text("precious")
    assert_failed(await revloop("export", str(store), str(out)), "already exists", "--force")
    assert out.read_text() == "precious"
    assert (await revloop("export", str(store), str(out), "--force")).code == 0
    assert len(lines_of(out.read_text())) == 2


async def test_the_store_is_never_written_over(store: Path) -> None:
    link = store.with_name("link.jsonl")
    link.symlink_to(store)
    for out in (store, link):
        assert_failed(await revloop("export", str(store), str(out), "--force"), "the store itself")
    assert (await revloop("export", str(store), "-")).code == 0


async def test_without_a_store_nothing_is_written(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert_failed(await revloop("export", str(tmp_path / "no.sqlite"), str(out)), "no store")
    (tmp_path / "text.sqlite").write_text("not a store")
    assert_failed(
        await revloop("export", str(tmp_path / "text.sqlite"), str(out)), "not a revloop store"
    )
    assert not out.exists()


async def test_a_full_disk_is_told(store: Path) -> None:
    finished = await revloop("export", str(store), "/dev/full")
    assert_failed(finished, "No space left")


async def test_edits_are_exported_with_what_became_of_them(tmp_path: Path) -> None:
    made = edited_store(tmp_path / "s.sqlite")
    await revloop("export", "s.sqlite", "out.jsonl", folder=tmp_path)
    rows = lines_of((tmp_path / "out.jsonl").read_text())
    outcomes = [
        [
            None if v["edits"] is None else [e["outcome"] for e in v["edits"]]
            for v in row["versions"]
        ]
        for row in rows
    ]
    applied = "applied"
    partly = ["folded", applied, "not_found", applied, "overlapping", applied, "ambiguous"]
    assert outcomes == [[None, [applied] * 3], [None, partly, []], [None, None]]
    for row, trajectory in zip(rows, made, strict=True):
        assert Trajectory.from_json(json.dumps(row)).versions == trajectory.versions


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """A trajectory that gets better, one that ends as it began, and one that is not finished."""
    rows = [["5 a", "6 b"], ["5 a", "6 b", "5 a"], ["5 a"]]
    reasons = [StopReason.ROUNDS_DONE, StopReason.CYCLE, None]
    return judge_all_pairs(store_of(tmp_path / "s.sqlite", rows, reasons=reasons))


async def test_training_data_is_written_and_what_makes_no_row_is_counted(judged: Path) -> None:
    out = judged.with_name("pairs.jsonl")
    finished = await revloop("export", str(judged), str(out), "--as", "dpo", "--no-chat")
    assert (finished.code, finished.out) == (0, f"{out}: 1 row of 3 trajectories\n")
    assert "Left out: pairs of equal texts: 1; unfinished trajectories: 1" in finished.err
    (row,) = lines_of(out.read_text())
    assert (row["chosen"], row["rejected"]) == ("6 b", "5 a")


async def test_a_form_without_a_row_is_an_error_and_writes_nothing(store: Path) -> None:
    out = store.with_name("pairs.jsonl")
    assert_failed(await revloop("export", str(store), str(out), "--as", "dpo"), "no verdicts")
    assert not out.exists()


async def test_a_benchmark_gets_an_answer_of_every_row_and_says_which_are_not_final(
    judged: Path,
) -> None:
    out = judged.with_name("outputs.json")
    finished = await revloop("export", str(judged), str(out), "--as", "alpaca-eval")
    assert (finished.code, finished.out) == (0, f"{out}: 3 rows of 3 trajectories\n")
    assert "1 unfinished and 0 failed trajectories answer with the version" in finished.err
    assert [row["output"] for row in json.loads(out.read_text())] == ["6 b", "5 a", "5 a"]


@pytest.mark.parametrize("name", ["out.csv", "out.json", "out.xlsx", "out.txt"])
async def test_an_ending_that_is_not_written_is_refused(judged: Path, name: str) -> None:
    finished = await revloop("export", str(judged), str(judged.with_name(name)))
    assert_failed(finished, "cannot be written. Trajectories are JSONL", ".parquet")


async def test_a_batch_refuses_the_same_endings_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps(DRAFTS[0]))
    finished = await revloop(
        *("batch", "in.jsonl", "out.json", "--base-url", "http://127.0.0.1:9"), folder=tmp_path
    )
    assert_failed(finished, "'.json' cannot be written. Trajectories are JSONL")
    assert os.listdir(tmp_path) == ["in.jsonl"]  # noqa: PTH208 - a Path blocks


async def test_an_option_without_effect_is_refused(judged: Path) -> None:
    out = str(judged.with_name("o.jsonl"))
    finished = await revloop("export", str(judged), out, "--as", "versions", "--pairs", "all")
    assert_failed(finished, "--pairs has no effect on the form 'versions'")
    both = await revloop("export", str(judged), out, "--as", "dpo", "--final-only")
    assert_failed(both, "--final-only has no effect")
