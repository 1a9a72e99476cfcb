"""`revloop demo` without a server: the shipped critic, in the process of the command."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from revloop import Store
from revloop.demo import demo_drafts
from tests.helpers.command_line import Finished, revloop

if TYPE_CHECKING:
    from pathlib import Path

DRAFTS, ROUNDS = 3, 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo runs."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def finished(folder: Path) -> Finished:
    """The demo, run once."""
    options = ("--drafts", str(DRAFTS), "--iterations", str(ROUNDS), "--shown", "1")
    return asyncio.run(revloop("demo", "--in-process", *options, folder=folder))


def test_it_ends_well(finished: Finished) -> None:
    assert finished.code == 0, finished.err
    assert "Traceback" not in finished.err


def test_it_starts_no_server(finished: Finished) -> None:
    assert "vLLM" not in finished.err


def test_it_shows_as_many_trajectories_as_asked_for(finished: Finished) -> None:
    assert finished.out.count("version 0, the response:") == 1


def test_it_counts_the_faults_after_each_round(finished: Finished) -> None:
    table = finished.out.partition("All drafts")[2].splitlines()
    first = [line.split()[0] for line in table if line.strip() and line.split()[0].isdecimal()]
    assert first[: ROUNDS + 1] == [str(round_) for round_ in range(ROUNDS + 1)]


def test_it_tells_what_each_round_did(finished: Finished) -> None:
    table = finished.out.partition("demo, against the original response")[2].splitlines()
    rows = [line.split() for line in table if line.strip() and line.split()[0].isdecimal()]
    assert [row[0] for row in rows[:ROUNDS]] == [str(round_) for round_ in range(1, ROUNDS + 1)]
    assert [int(row[1]) for row in rows[:ROUNDS]] == [DRAFTS] * ROUNDS
    won_tied_lost = [sum(int(cell) for cell in row[2:5]) for row in rows[:ROUNDS]]
    assert won_tied_lost == [2 * DRAFTS] * ROUNDS


def test_it_tells_how_much_of_the_critiques_is_true(finished: Finished) -> None:
    assert "True statements in the critiques:" in finished.out
    assert "Requests with an unusable reply: " in finished.out


def test_it_stores_every_draft_and_says_where(finished: Finished, folder: Path) -> None:
    (path,) = folder.glob("revloop-demo-*.sqlite")
    assert f"revloop show {path.name}" in finished.out
    with Store.open_to_read(path) as store:
        assert {t.draft.id for t in store.trajectories()} == {d.id for d in demo_drafts(DRAFTS)}


def test_it_ends_with_a_report_and_says_where(finished: Finished, folder: Path) -> None:
    (path,) = folder.glob("revloop-demo-*.html")
    assert f"The report is in {path.name}" in finished.out
    assert "Win rate by round" in path.read_text(encoding="utf-8")


def test_another_seed_gives_other_drafts(folder: Path) -> None:
    options = ("--drafts", "1", "--iterations", "1", "--seed", "7", "--store", "seven.sqlite")
    again = asyncio.run(revloop("demo", "--in-process", *options, folder=folder))
    assert again.code == 0, again.err
    with Store.open_to_read(folder / "seven.sqlite") as store:
        (trajectory,) = store.trajectories()
    assert trajectory.draft == demo_drafts(1, seed=7)[0]


def test_a_gate_lets_nothing_worse_through(folder: Path) -> None:
    options = ("--drafts", "2", "--iterations", "1", "--keep", "gate", "--temperature", "1")
    again = asyncio.run(
        revloop("demo", "--in-process", *options, "--store", "gate.sqlite", folder=folder)
    )
    assert again.code == 0, again.err
    with Store.open_to_read(folder / "gate.sqlite") as store:
        compared = [t.versions[1].comparison for t in store.trajectories() if t.rounds]
    assert any(comparison is not None for comparison in compared)
    rows = again.out.partition("demo, against the original response")[2].splitlines()
    counts, measures, *_ = [row.split() for row in rows if row.split()[:1] == ["1"]]
    lost, flipped = counts[4], measures[1]
    assert (lost, flipped) == ("0", "0.0%")


def test_no_drafts_are_wrong_usage() -> None:
    assert asyncio.run(revloop("demo", "--drafts", "0")).code == 2
