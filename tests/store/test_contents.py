"""All commands read the same trajectories of a store."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from revloop import Draft, End, InputError, StopReason, Store
from tests.helpers.command_line import revloop
from tests.helpers.edited_samples import edited_store
from tests.helpers.stored import append, finish
from tests.store.test_rows import enter, new_row
from tests.store.test_store import DONE, run_settings, version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "s.sqlite") as opened:
        yield opened


def test_an_empty_store_has_nothing_in_it(store: Store) -> None:
    assert list(store.contents()) == []


def test_only_the_newest_run_counts(store: Store) -> None:
    for seed in (1, 2):
        run = store.begin_run(run_settings(seed=seed), new=True)
        entry = store.begin(run, f"t-{seed}", Draft(response="Good."))
        append(entry, version(0))
    assert [trajectory.id for trajectory in store.contents()] == ["t-2"]


def test_a_row_of_a_batch_brings_its_other_fields(store: Store) -> None:
    rows = store.rows(store.begin_run(run_settings()))
    for pending in enter(rows, new_row(1, category="maths"), new_row(2, category="prose")):
        append(pending, version(0))
    found = [t.draft.extra["category"] for t in store.contents()]
    assert found == ["maths", "prose"]


def test_a_text_that_came_twice_counts_twice(store: Store) -> None:
    rows = store.rows(store.begin_run(run_settings()))
    twice = enter(rows, new_row(1, "same", set="a"), new_row(2, "same", set="b"), share=True)
    for pending in twice:
        append(pending, version(0))
    assert [t.draft.extra["set"] for t in store.contents()] == ["a", "b"]


def test_a_row_that_shared_anothers_trajectory_is_found_by_its_id(store: Store) -> None:
    rows = store.rows(store.begin_run(run_settings()))
    first, second = new_row(1, "same", "one", set="a"), new_row(2, "same", "two", set="b")
    for pending in enter(rows, first, second, share=True):
        append(pending, version(0))
    for row, value in ((first, "a"), (second, "b")):
        (found,) = store.contents(name=str(row.draft.id))
        assert (found.draft.id, found.draft.extra["set"]) == (row.draft.id, value)


def test_a_trajectory_is_found_by_its_own_id(store: Store) -> None:
    rows = store.rows(store.begin_run(run_settings()))
    (pending,) = enter(rows, new_row(1, "text"))
    append(pending, version(0))
    assert [one.id for one in store.contents(name=pending.id)] == [pending.id]


def test_the_contents_are_a_table(store: Store) -> None:
    pytest.importorskip("pyarrow")
    entry = store.begin(store.begin_run(run_settings()), "t-1", Draft(id="a", response="Good."))
    append(entry, version(0))
    append(entry, version(1))
    frame = store.frame("versions").to_pandas()
    assert list(zip(frame["id"], frame["round"], strict=True)) == [("a", 0), ("a", 1)]
    (row,) = store.frame("trajectories").to_pylist()
    assert (row["id"], len(row["versions"])) == ("a", 2)


def test_rows_that_a_table_cannot_have_are_refused(store: Store) -> None:
    with pytest.raises(InputError, match="'versions' or 'trajectories' as rows, not 'round'"):
        store.frame("round")  # type: ignore[arg-type] # the very mistake


def test_a_run_without_a_trajectory_yet_is_passed_over(store: Store) -> None:
    one = store.begin_run(run_settings())
    append(store.begin(one, "t-1", Draft(response="Good.")), version(0))
    later = store.begin_run(run_settings(seed=2), new=True)
    store.begin(later, "t-2", Draft(response="Only begun."))
    assert [t.id for t in store.contents()] == ["t-1"]


def test_single_calls_that_a_batch_does_not_know_come_after_its_rows(store: Store) -> None:
    run = store.begin_run(run_settings())
    single = store.begin(run, "t-single", Draft(id="single", response="Good."))
    for pending in enter(store.rows(run), new_row(1, id_="b"), new_row(2, id_="a")):
        append(pending, version(0))
    append(single, version(0))
    assert [t.draft.id for t in store.contents()] == ["b", "a", "single"]


def test_another_run_can_be_named(store: Store) -> None:
    for seed in (1, 2):
        run = store.begin_run(run_settings(seed=seed), new=True)
        append(store.begin(run, f"t-{seed}", Draft(response="Good.")), version(0))
    assert [t.id for t in store.contents(1)] == ["t-1"]
    assert [t.id for t in store.contents(2)] == ["t-2"]
    with pytest.raises(InputError, match=r"has no run 3; it has: 1, 2\."):
        list(store.contents(3))


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A batch of two rows, then a run of single calls; every trajectory has one round."""
    path = tmp_path / "mixed.sqlite"
    with Store.open(path) as store:
        batch = store.begin_run(run_settings(), new=True)
        entries = enter(store.rows(batch), new_row(1, id_="row 1"), new_row(2, id_="row 2"))
        calls = store.begin_run(run_settings(seed=2), new=True)
        entries += [store.begin(calls, "t-call", Draft(id="call", response="A call."))]
        end = End(reason=StopReason.ROUNDS_DONE, detail=DONE.detail)
        for entry in entries:
            append(entry, version(0, "before"))
            append(entry, version(1, f"after {entry.key}"))
            finish(entry, end)
    return path


async def ids_of(path: Path, *options: str) -> dict[str, list[str]]:
    """The drafts that each command finds."""
    folder = path.parent
    folder.joinpath("mine.py").write_text("def first(prompt, a, b):\n    return 'first'\n")
    commands = {
        "export": ("export", path.name, "-", *options),
        "show": ("show", path.name, "--json", *options),
        "records": ("records", "import", "store", path.name, "--output", "records.jsonl"),
        "judge": ("judge", path.name, "--human", "sheet.jsonl"),
        "report": ("report", path.name, "--output", "page.html"),
        "evaluate": ("evaluate", path.name, "--judge", "mine:first", "--json"),
    }
    finished = {
        name: await revloop(*command, folder=folder)
        for name, command in commands.items()
        if not options or name in {"export", "show"}
    }
    assert [one.err for one in finished.values() if one.code] == []
    found = {
        name: [json.loads(line)["draft"]["id"] for line in finished[name].out.splitlines()]
        for name in ("export", "show")
    }
    if not options:
        records = folder.joinpath("records.jsonl").read_text().splitlines()
        names = [json.loads(line)["id"] for line in records]
        found["records"] = [name.removeprefix("t-").removesuffix("/1") for name in names]
        found["judge"] = ["call"] * len(folder.joinpath("sheet.jsonl").read_text().splitlines())
        page = folder.joinpath("page.html").read_text()
        found["report"] = [name for name in ("row 1", "row 2", "call") if name in page]
        found["evaluate"] = ["call"] * json.loads(finished["evaluate"].out)["trajectories"]
    return found


async def test_every_command_reads_the_same_of_a_store_with_a_batch_and_a_later_run(
    mixed: Path,
) -> None:
    pytest.importorskip("statsmodels")
    found = await ids_of(mixed)
    assert found == {name: ["call"] for name in found}
    assert len(found) == 6


async def test_the_other_run_can_be_exported_and_shown(mixed: Path) -> None:
    rows = ["row 1", "row 2"]
    assert await ids_of(mixed, "--run", "1") == {"export": rows, "show": rows}


async def test_show_says_which_of_several_runs_it_reads(mixed: Path) -> None:
    assert "Reading run 2; --run reads another (1)" in (await revloop("show", str(mixed))).err


async def test_show_names_the_run_that_has_the_draft(mixed: Path) -> None:
    finished = await revloop("show", str(mixed), "row 1")
    assert finished.code == 3
    assert "no trajectory 'row 1' in this run; --run 1 has one" in finished.err
    assert (await revloop("show", str(mixed), "row 1", "--run", "1")).code == 0


async def test_a_store_from_before_there_were_edits_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    edited_store(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE versions SET version = json_remove(version, '$.edits')")
        connection.execute("UPDATE runs SET settings = json_remove(settings, '$.on_bad_edits')")
    with Store.open_to_read(path) as store:
        found = list(store.contents())
    assert [version.edits for one in found for version in one.versions] == [None] * 7
    shown = await revloop("show", path.name, "applied", folder=tmp_path)
    assert "closed from 2 to 30" in shown.out
    assert "edits" not in shown.out
