"""The store is one file: after every close and command, a copy of it is complete."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from revloop import Reviser, Store, revise
from revloop.evaluation import Question, Verdicts, ask_judge, stored_judges
from revloop.trajectory import Verdict
from tests.helpers.command_line import revloop
from tests.helpers.judges import RuleJudge, by_number, info, store_of
from tests.helpers.repository import REPOSITORY
from tests.helpers.scripted_engine import ScriptedEngine, cnr_rounds
from tests.helpers.stored import append
from tests.store.test_store import (
    begin,
    filled_store,
    open_folder,
    stored,
    version,
    without_privileges,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_folder"]

JUDGE = "def higher(prompt, first, second):\n    return 'first' if first > second else 'second'\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "versions.sqlite"


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def alone(path: Path) -> Path:
    """A copy of the file, as `cp` makes it."""
    copy = path.parent / "copies" / path.name
    copy.parent.mkdir(exist_ok=True)
    shutil.copyfile(path, copy)
    return copy


def killed_store(path: Path, *, rounds: int = 5) -> int:
    """A store whose writer was killed: its newest versions are only in the log."""
    program = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.store.test_store import Store, append, begin, version\n"
        "store = Store.open(sys.argv[2])\n"
        "entry = begin(store)\n"
        f"for number in range({rounds + 1}):\n"
        "    append(entry, version(number))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", program, str(REPOSITORY), str(path)]
    ended = subprocess.run(command, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert log_of(path).stat().st_size > 0
    return rounds


class TestClosing:
    def test_a_store_is_whole_when_its_last_connection_is_a_readers(self, path: Path) -> None:
        filled_store(path, rounds=1)
        with Store.open_to_read(path), Store.open(path) as store:
            append(begin(store), version(2))
        assert stored(alone(path))[0].rounds == 2

    def test_a_store_is_whole_while_a_reader_is_still_open(self, path: Path) -> None:
        filled_store(path, rounds=1)
        with Store.open_to_read(path) as reader:
            with Store.open(path) as store:
                append(begin(store), version(2))
            assert stored(alone(path))[0].rounds == 2
            assert len(list(reader.trajectories())) == 1

    def test_a_store_is_whole_once_a_reader_in_mid_read_is_done(self, path: Path) -> None:
        filled_store(path, rounds=1)
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM versions").fetchone()
            with Store.open(path) as store:
                append(begin(store), version(2))
            reader.execute("ROLLBACK")
            assert stored(path)[0].rounds == 2
            assert stored(alone(path))[0].rounds == 2

    def test_verdicts_are_whole_when_a_reader_closes_last(self, path: Path) -> None:
        store_of(path, [["1", "2"]])
        with Store.open_to_read(path), Verdicts.open(path) as verdicts:
            verdicts.add(info("one"), [(Question("", "1", "2"), Verdict(preference="tie"))])
        assert stored_judges(alone(path)) == [info("one")]

    async def test_a_judge_that_was_asked_from_python_leaves_one_file(self, path: Path) -> None:
        store_of(path, [["1", "2"]])
        await ask_judge(path, RuleJudge(by_number), rounds=1)
        assert len(stored_judges(alone(path))) == 1

    def test_a_reviser_leaves_one_file(self, path: Path) -> None:
        engine = ScriptedEngine(cnr_rounds("b", "c"))
        with Store.open_to_read(filled_store(path, rounds=1)):
            with Reviser(engine=engine, store=path, new_run=True) as reviser:
                made = reviser.revise({"id": "x", "response": "a"}, iterations=2)
            assert made in stored(alone(path))
        assert not log_of(path).exists()


class TestAfterAKill:
    def test_reading_makes_the_file_whole_again(self, path: Path) -> None:
        rounds = killed_store(path)
        assert stored(path)[0].rounds == rounds
        assert stored(alone(path))[0].rounds == rounds

    def test_reading_in_a_folder_that_may_not_be_written_reads_the_log_and_leaves_it(
        self, open_folder: Path
    ) -> None:
        path = open_folder / "versions.sqlite"
        rounds = killed_store(path)
        for file in open_folder.iterdir():
            file.chmod(0o444)
        open_folder.chmod(0o555)
        with without_privileges():
            assert stored(path)[0].rounds == rounds
        assert log_of(path).stat().st_size > 0

    async def test_a_command_in_such_a_folder_says_that_there_are_two_files(
        self, path: Path
    ) -> None:
        killed_store(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN")
            holder.execute("SELECT 1 FROM versions").fetchone()  # prevents a checkpoint
            finished = await revloop("export", str(path), "-")
        assert finished.code == 0
        assert f"{path}-wal" in finished.err
        assert "copy both" in finished.err

    async def test_export_makes_the_file_whole_again(self, path: Path) -> None:
        rounds = killed_store(path)
        assert (await revloop("export", str(path), str(path.with_name("out.jsonl")))).code == 0
        assert stored(alone(path))[0].rounds == rounds

    @pytest.mark.parametrize(
        "command",
        [
            ("show",),
            ("judge", "--human", "sheet.csv"),
            ("report", "--output", "page.html"),
            ("evaluate", "--judge", "mine:higher"),
        ],
        ids=lambda command: command[0],
    )
    async def test_so_does_every_other_command_that_reads(
        self, path: Path, command: tuple[str, ...]
    ) -> None:
        rounds = killed_store(path)
        path.with_name("mine.py").write_text(JUDGE)
        name, *options = command
        finished = await revloop(name, path.name, *options, folder=path.parent)
        assert (finished.code, log_of(path).exists()) in {(0, False), (3, False)}, finished.err
        assert stored(alone(path))[0].rounds == rounds


async def test_verdicts_travel_with_a_copy_of_the_store(path: Path) -> None:
    pytest.importorskip("statsmodels")
    store_of(path, [["1", "2"], ["3", "4"]])
    path.with_name("mine.py").write_text(JUDGE)
    first = await revloop(
        "evaluate", path.name, "--judge", "mine:higher", "--json", folder=path.parent
    )
    assert first.code == 0, first.err
    again = await revloop("evaluate", str(alone(path)), "--json")
    assert (again.code, again.out) == (0, first.out)


async def test_a_sheet_that_was_read_back_travels_with_a_copy(path: Path) -> None:
    store_of(path, [["1", "2"]])
    sheet = path.with_name("sheet.jsonl")
    assert (await revloop("judge", str(path), "--human", str(sheet))).code == 0
    with Store.open_to_read(path):
        sheet.write_text(sheet.read_text().replace('"verdict": ""', '"verdict": "A"'))
        assert (await revloop("judge", str(path), "--read", str(sheet))).code == 0
        assert len(stored_judges(alone(path))) == 1


def test_what_was_made_with_a_reader_open_travels_with_a_copy(path: Path) -> None:
    engine = ScriptedEngine(cnr_rounds("b"))
    Store.open(path).close()
    with Store.open_to_read(path):
        made = revise("a", iterations=1, engine=engine, store=path)
        assert stored(alone(path)) == [made]
