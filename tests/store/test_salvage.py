"""A damaged store: what is readable is copied exactly, and what is not is counted."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from revloop import Draft, End, StopReason, Store, StoreError, Trajectory
from revloop.files.store_files import write_ahead_log
from revloop.rows.row import Position, Row
from revloop.store import InputState, Losses, salvage
from revloop.trajectory import Critique, Version
from tests.helpers.command_line import revloop
from tests.helpers.stored import append, finish
from tests.store.test_store import NOW, filled_store, run_settings, stored
from tests.store.test_whole import killed_store

if TYPE_CHECKING:
    from pathlib import Path

DRAFTS, ROUNDS = 90, 4
PAGE = 4096
WORDS = ["a", "note", "about", "warm", "scarves", "that", "somebody", "wrote", "in", "haste"]


def text_of(chance: random.Random) -> str:
    """Mostly a few hundred characters, sometimes enough for overflow pages."""
    return " ".join(chance.choices(WORDS, k=chance.choice((20, 40, 80, 2000))))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A batch's store, with versions in the order that concurrent tasks would commit them."""
    path, chance = tmp_path_factory.mktemp("whole") / "s.sqlite", random.Random(7)
    with Store.open(path) as store:
        rows = store.rows(store.begin_run(run_settings()))
        new = []
        for number in range(1, DRAFTS + 1):
            draft = Draft(id=f"d{number}", prompt="Write.", response=text_of(chance))
            new.append(Row(number, draft, {"topic": f"t{number}"}, raw=b""))
        state = InputState("in.jsonl", "f", Position(DRAFTS), is_whole=True)
        begun, _ = rows.begin(state, new, name=lambda row, _: f"id-{row.number}", share=False)
        for round_ in range(ROUNDS + 1):
            for one in chance.sample(begun, len(begun)):
                said = Critique(raw=text_of(chance)) if round_ else None
                text = text_of(chance) if round_ else one.draft.response
                version = Version(round=round_, text=text, critique=said, created_at=NOW)
                append(one, version)
        for one in begun:
            end = End(reason=StopReason.ROUNDS_DONE, detail="All rounds are done (4).")
            finish(one, end)
    return path


@pytest.fixture(scope="module")
def before(whole: Path) -> dict[str, Trajectory]:
    return contents(whole)


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    copy = tmp_path / "s.sqlite"
    copy.write_bytes(whole.read_bytes())
    return copy


def contents(path: Path) -> dict[str, Trajectory]:
    with Store.open_to_read(path) as store:
        return {str(trajectory.draft.id): trajectory for trajectory in store.contents()}


def damage(path: Path, at: int, junk: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[at : at + len(junk)] = junk[: len(content) - at]
    path.write_bytes(content)


def salvaged(path: Path) -> tuple[dict[str, Trajectory], Losses]:
    into = path.with_name("salvaged.sqlite")
    into.unlink(missing_ok=True)
    untouched = path.read_bytes()
    losses = salvage(path, into)
    assert path.read_bytes() == untouched
    return contents(into), losses


def assert_to_the_letter(found: dict[str, Trajectory], before: dict[str, Trajectory]) -> int:
    """Check that what was found is as it was; returns how many versions are missing."""
    for name, trajectory in found.items():
        was = before[name]
        assert trajectory.versions == was.versions[: len(trajectory.versions)]
        assert trajectory.end == (was.end if trajectory.rounds == was.rounds else None)
        assert trajectory.draft.extra in (was.draft.extra, {})
    had = sum(len(trajectory.versions) for trajectory in before.values())
    return had - sum(len(trajectory.versions) for trajectory in found.values())


def test_a_whole_store_is_given_back_as_it_is(path: Path, before: dict[str, Trajectory]) -> None:
    assert salvaged(path) == (before, Losses(0, 0, 0, 0, ()))


def test_records_only_in_the_log_are_salvaged_too(tmp_path: Path) -> None:
    path = tmp_path / "killed.sqlite"
    rounds = killed_store(path)
    losses = salvage(path, tmp_path / "into.sqlite")
    assert not losses
    assert write_ahead_log(path).stat().st_size > 0
    assert stored(tmp_path / "into.sqlite")[0].rounds == rounds


@pytest.mark.parametrize("seed", range(25))
def test_random_bytes_in_the_middle_cost_only_the_records_there(
    path: Path, before: dict[str, Trajectory], seed: int
) -> None:
    chance = random.Random(seed)
    pages = path.stat().st_size // PAGE
    first, number = chance.randrange(1, pages - 8), 8
    damage(path, first * PAGE, chance.randbytes(number * PAGE))
    found, losses = salvaged(path)
    missing = assert_to_the_letter(found, before)
    # a page holds at most so many of the shortest versions; an overflow page is part of one
    assert losses.versions <= number * 14
    assert losses.trajectories <= number * 10
    of_lost = sum(len(before[name].versions) for name in before.keys() - found.keys())
    assert len(found) == DRAFTS - losses.trajectories
    assert missing <= losses.versions + losses.after_a_gap + of_lost
    assert bool(losses) is bool(missing)


@pytest.mark.parametrize("seed", range(25))
def test_junk_of_any_length_anywhere_is_never_taken_for_content(
    path: Path, before: dict[str, Trajectory], seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(100, path.stat().st_size)
        junk = chance.randbytes(chance.randint(1, 3 * PAGE))
        damage(path, at, chance.choice((junk, bytes(len(junk)), b"\xff" * len(junk))))
    found, losses = salvaged(path)
    assert assert_to_the_letter(found, before) == 0 or losses


@pytest.mark.parametrize("part", [0.95, 0.7, 0.4, 0.2])
@pytest.mark.parametrize("odd", [0, 1234])
def test_a_truncated_file_gives_what_is_left(
    path: Path, before: dict[str, Trajectory], part: float, odd: int
) -> None:
    os.truncate(path, int(path.stat().st_size * part) // PAGE * PAGE + odd)
    found, losses = salvaged(path)
    missing = assert_to_the_letter(found, before)
    assert missing > 0
    assert losses.versions > 0
    assert sum(len(trajectory.versions) for trajectory in found.values()) > 0


@pytest.mark.parametrize("junk", [bytes(PAGE), random.Random(1).randbytes(PAGE)])
def test_a_first_page_that_is_gone_costs_nothing(
    path: Path, before: dict[str, Trajectory], junk: bytes
) -> None:
    damage(path, 0, junk)
    assert salvaged(path)[0] == before


def test_a_version_0_that_is_lost_is_the_drafts_response(
    path: Path, before: dict[str, Trajectory]
) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM versions WHERE trajectory = 3 AND round = 0")
    found, losses = salvaged(path)
    assert found["d3"] == before["d3"]
    assert (losses.versions, losses.rebuilt) == (0, 1)


def test_a_round_that_is_lost_ends_its_trajectory_there_without_an_end(
    path: Path, before: dict[str, Trajectory]
) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM versions WHERE trajectory = 3 AND round = 2")
        connection.execute("DELETE FROM versions WHERE trajectory = 4 AND round = 4")
    found, losses = salvaged(path)
    assert found["d3"].versions == before["d3"].versions[:2]
    assert (found["d3"].end, found["d4"].end) == (None, None)
    assert losses[:3] == (0, 2, 2)
    assert losses.which == ('1 version of draft "d3"', '1 version of draft "d4"')


def test_a_trajectory_that_is_lost_is_named_by_its_row(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM trajectories WHERE key = 5")
    found, losses = salvaged(path)
    assert "d5" not in found
    assert losses.trajectories == 1
    assert losses.which == ('the trajectory of draft "d5" (row 5 of the input)',)


def test_trajectories_whose_rows_are_lost_come_last(
    path: Path, before: dict[str, Trajectory]
) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM rows WHERE number IN (1, 2)")
    found, _ = salvaged(path)
    assert list(found)[-2:] == ["d1", "d2"]
    assert len(found) == len(before)


@pytest.mark.parametrize("content", [b"text\n" * 5000, bytes(5 * PAGE), b""])
def test_a_file_that_is_not_a_store_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"can be read as a trajectory.*Restore a copy"):
        salvage(path, tmp_path / "into.sqlite")
    path.unlink()
    with pytest.raises(StoreError, match="cannot be read: No such file"):
        salvage(path, tmp_path / "into.sqlite")


def test_a_store_of_another_version_or_program_is_refused(tmp_path: Path) -> None:
    path = filled_store(tmp_path / "s.sqlite", rounds=1)
    for name, match in (("user_version", "store version 99"), ("application_id", "not a revloop")):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA {name} = 99")
        with pytest.raises(StoreError, match=match):
            salvage(path, tmp_path / "into.sqlite")


class TestTheCommand:
    @pytest.fixture
    def damaged(self, path: Path) -> Path:
        damage(path, path.stat().st_size // 2 // PAGE * PAGE, random.Random(3).randbytes(8 * PAGE))
        return path

    async def test_what_can_be_read_is_written_and_what_cannot_is_counted(
        self, damaged: Path, before: dict[str, Trajectory]
    ) -> None:
        out = damaged.with_name("out.jsonl")
        finished = await revloop("export", "--salvage", str(damaged), str(out))
        assert finished.code == 10
        found, losses = salvaged(damaged)
        written = [Trajectory.from_json(line) for line in out.read_text().splitlines()]
        assert written == list(found.values())
        assert f"{losses.trajectories} trajectories, {losses.versions} versions" in finished.err
        assert all(line in finished.err for line in losses.which)
        assert_to_the_letter(found, before)

    async def test_of_a_whole_store_it_says_that_nothing_is_lost(self, path: Path) -> None:
        finished = await revloop("export", "--salvage", str(path), "-", "--final-only")
        assert finished.code == 0
        assert "no trajectory and no version is lost" in finished.err
        rows = [json.loads(line) for line in finished.out.splitlines()]
        assert [row["topic"] for row in rows] == [f"t{n}" for n in range(1, DRAFTS + 1)]

    @pytest.mark.parametrize(
        "command",
        [
            ("export", "s.sqlite", "out.jsonl"),
            ("show", "s.sqlite"),
            ("report", "s.sqlite", "--output", "page.html"),
            ("evaluate", "s.sqlite", "--judge", "mine:first"),
            ("judge", "s.sqlite", "--human", "sheet.csv"),
            ("records", "import", "store", "s.sqlite", "--output", "records.jsonl"),
        ],
        ids=lambda command: command[0],
    )
    async def test_every_command_that_meets_damage_names_it_and_the_way_out(
        self, damaged: Path, command: tuple[str, ...]
    ) -> None:
        damaged.with_name("mine.py").write_text("def first(prompt, a, b):\n    return 'first'\n")
        finished = await revloop(*command, folder=damaged.parent)
        assert finished.code == 5, finished.err
        assert "s.sqlite is damaged" in finished.err
        assert "revloop export --salvage s.sqlite OUTPUT" in finished.err
        assert "not a revloop store" not in finished.err
        assert "Traceback" not in finished.err
        if command[0] != "show":
            assert not damaged.with_name(command[-1]).exists()
