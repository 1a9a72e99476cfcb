"""The version store: nothing is lost or mixed, and other files are refused."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import revloop.store.file
from revloop.errors import InputError, RunMismatchError, StoreError
from revloop.options import LoopOptions, RunSettings
from revloop.prompts import PromptSet
from revloop.store import Store, StoredTrajectory
from revloop.trajectory import (
    Critique,
    Draft,
    End,
    EngineInfo,
    Message,
    Sampling,
    Step,
    StopReason,
    Trajectory,
    Usage,
    Version,
)
from tests.helpers.repository import REPOSITORY
from tests.helpers.stored import append, finish

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=2)))
ENGINE = EngineInfo(kind="scripted", model="script", version="1")
DONE = End(reason=StopReason.ROUNDS_DONE, detail="All 2 rounds are done.")
DRAFT = Draft(id="d", prompt="p", response="a")

texts = st.text(max_size=60)
filled = texts.filter(str.strip)


def run_settings(**options: Any) -> RunSettings:
    return RunSettings.resolve(LoopOptions(**options), PromptSet.load("cnr"), ENGINE)


def version(number: int, text: str = "text", said: str = "Dull.") -> Version:
    step = Step(
        kind="critique",
        attempt=1,
        finish_reason="stop",
        usage=Usage(prompt_tokens=9, cached_tokens=4, generated_tokens=2),
        latency_s=0.1,
        sampling=Sampling(temperature=0.1, seed=2**63 - 1),
    )
    return Version(
        round=number,
        text=text,
        critique=Critique(raw=said, score=7.5, positive=said, negative=None),
        steps=(step,),
        engine=ENGINE,
        prompt_set="digest",
        created_at=NOW,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "versions.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        yield opened


def begin(store: Store, draft: Draft = DRAFT) -> StoredTrajectory:
    return store.begin(store.begin_run(run_settings()), f"t-{draft.id}", draft)


def stored(path: Path) -> list[Trajectory]:
    """All trajectories, read over a separate connection."""
    with Store.open_to_read(path) as store:
        return list(store.trajectories())


def filled_store(path: Path, *, rounds: int = 30) -> Path:
    """A closed store with a trajectory of many pages."""
    with Store.open(path) as store:
        entry = begin(store)
        for number in range(rounds + 1):
            append(entry, version(number, f"text {number} " * 200))
        finish(entry, DONE)
    return path


class TestRoundTrip:
    @given(prompt=texts, response=filled, revised=texts, said=texts, name=texts.filter(bool))
    @settings(max_examples=15)
    def test_any_text_comes_back_to_the_letter(
        self, prompt: str, response: str, revised: str, said: str, name: str
    ) -> None:
        draft = Draft(id=name, prompt=prompt, response=response, extra={"note": said})
        versions = (version(0, response), version(1, revised, said))
        end = End(reason=StopReason.CYCLE, detail=said, calls_saved=3, steps=versions[0].steps)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "s"
            with Store.open(path) as store:
                entry = store.begin(store.begin_run(run_settings()), "t", draft)
                for each in versions:
                    append(entry, each)
                finish(entry, end)
            assert stored(path) == [Trajectory(id="t", draft=draft, versions=versions, end=end)]

    def test_a_conversation_comes_back(self, store: Store, path: Path) -> None:
        turns = (Message(role="system", content="s"), Message(role="user", content="u"))
        draft = Draft(messages=turns, response="a", extra={"n": [1, None, {"x": 0.1}]})
        append(begin(store, draft), version(0))
        assert stored(path)[0].draft == draft

    def test_the_run_comes_back_with_its_settings(self, store: Store, path: Path) -> None:
        run = store.begin_run(run_settings(temperature=0.1, stop_score=8.5))
        with Store.open_to_read(path) as reader:
            assert reader.runs() == [run]

    def test_trajectories_come_in_the_order_of_their_drafts(self, store: Store) -> None:
        entries = [begin(store, Draft(id=name, response=name)) for name in ("c", "a", "b")]
        for entry in reversed(entries):
            append(entry, version(0))
        assert [t.draft.id for t in store.trajectories()] == ["c", "a", "b"]

    def test_a_trajectory_is_found_by_its_id_or_its_drafts(self, store: Store) -> None:
        for name in ("a", "b"):
            append(begin(store, Draft(id=name, response=name)), version(0))
        for name in ("b", "t-b"):
            assert [t.draft.id for t in store.trajectories(name=name)] == ["b"]
        assert list(store.trajectories(name="c")) == []

    def test_a_draft_that_was_only_begun_is_no_trajectory_yet(self, store: Store) -> None:
        begin(store)
        assert list(store.trajectories()) == []

    def test_a_store_may_be_opened_by_a_string_and_again(self, path: Path) -> None:
        with Store.open(str(path)) as store:
            append(begin(store), version(0))
        with Store.open(str(path)) as store:
            assert begin(store).versions == [version(0)]

    def test_an_odd_file_name_is_a_file_name(self, tmp_path: Path) -> None:
        path = tmp_path / "ä ?mode=memory&x=%41#.sqlite"
        filled_store(path, rounds=1)
        assert path.is_file()
        assert len(stored(path)) == 1


class TestCommits:
    def test_a_version_is_readable_elsewhere_at_once(self, store: Store, path: Path) -> None:
        entry = begin(store)
        for number in range(3):
            append(entry, version(number))
            assert [v.round for v in stored(path)[0].versions] == list(range(number + 1))

    def test_an_end_is_readable_elsewhere_at_once(self, store: Store, path: Path) -> None:
        entry = begin(store)
        append(entry, version(0))
        assert stored(path)[0].end is None
        finish(entry, DONE)
        assert stored(path)[0].end == DONE

    def test_every_version_is_synced_to_disk(self, store: Store) -> None:
        assert store._file.pragma("synchronous") == 2  # FULL

    def test_a_reader_does_not_keep_the_writer_waiting(self, store: Store, path: Path) -> None:
        entry = begin(store)
        append(entry, version(0))
        with Store.open_to_read(path) as reader:
            half_read = reader.trajectories()
            assert len(next(half_read).versions) == 1
            append(entry, version(1))
            assert len(next(reader.trajectories()).versions) == 2

    def test_a_killed_process_leaves_every_version_that_it_appended(self, path: Path) -> None:
        program = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "from tests.store.test_store import Store, append, begin, version\n"
            "store = Store.open(sys.argv[2])\n"
            "entry = begin(store)\n"
            "for number in range(100_000):\n"
            "    append(entry, version(number, 'text ' * 100))\n"
            "    print(number, flush=True)\n"
        )
        command = [sys.executable, "-c", program, str(REPOSITORY), str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(20):
                process.stdout.readline()
            process.kill()
            said = process.stdout.read().splitlines()
        assert process.returncode == -signal.SIGKILL
        appended = 20 + len([line for line in said if line.isdigit()])
        (trajectory,) = stored(path)
        rounds = [each.round for each in trajectory.versions]
        assert rounds == list(range(len(rounds)))
        assert len(rounds) in {appended, appended + 1}  # one may be stored but not yet printed
        assert trajectory.versions[-1].text == "text " * 100
        with Store.open(path) as store:
            assert begin(store).versions == list(trajectory.versions)


class TestResume:
    def test_a_draft_is_found_again_with_its_versions_and_end(self, store: Store) -> None:
        entry = begin(store)
        append(entry, version(0))
        append(entry, version(1))
        finish(entry, DONE)
        found = begin(store)
        assert found == entry
        assert (found.id, found.draft) == ("t-d", DRAFT)
        assert (found.versions, found.end) == ([version(0), version(1)], DONE)

    def test_a_version_after_the_end_takes_the_end_back(self, store: Store, path: Path) -> None:
        entry = begin(store)
        append(entry, version(0))
        finish(entry, DONE)
        append(entry, version(1))
        assert stored(path)[0].end is None

    def test_the_same_id_with_another_text_is_refused(self, store: Store) -> None:
        begin(store)
        with pytest.raises(InputError, match="another draft with the id 'd'"):
            begin(store, DRAFT.model_copy(update={"response": "b"}))

    def test_the_same_text_under_another_id_is_another_trajectory(self, store: Store) -> None:
        assert begin(store).key != begin(store, DRAFT.model_copy(update={"id": "e"})).key

    def test_of_two_versions_of_a_round_the_first_is_kept(self, store: Store) -> None:
        entry = begin(store)
        append(entry, version(0, "first"))
        append(entry, version(0, "second"))
        assert begin(store).versions == [version(0, "first")]

    def test_the_same_settings_are_the_same_run(self, store: Store) -> None:
        assert store.begin_run(run_settings()) == store.begin_run(run_settings())

    def test_other_settings_are_refused_and_listed(self, store: Store) -> None:
        store.begin_run(run_settings())
        with pytest.raises(
            RunMismatchError,
            match=r"(?s)versions\.sqlite has a run with other settings \(now, not then\):\n"
            r"  single_pass: True, not False\n  tries: 5, not 3\nUse another store",
        ):
            store.begin_run(run_settings(tries=5, single_pass=True))
        assert len(store.runs()) == 1


class TestFilesThatAreNoStore:
    """Both ways to open it report what it is."""

    @pytest.mark.parametrize("open_", [Store.open, Store.open_to_read])
    @pytest.mark.parametrize(
        "content",
        [b"just text\n", b"garbage \x00\xff" * 500, b"SQLite format 3\x00" + b"\xff\x00" * 2000],
        ids=["text", "bytes", "bytes after an SQLite header"],
    )
    def test_garbage(self, path: Path, open_: Any, content: bytes) -> None:
        path.write_bytes(content)
        with pytest.raises(StoreError, match="is not a revloop store, or it is damaged"):
            open_(path)
        assert path.read_bytes() == content

    @pytest.mark.parametrize("open_", [Store.open, Store.open_to_read])
    def test_an_sqlite_file_of_someone_else(self, path: Path, open_: Any) -> None:
        with closing(sqlite3.connect(path)) as theirs:
            theirs.execute("CREATE TABLE notes (text TEXT)")
        before = path.read_bytes()
        with pytest.raises(StoreError, match="is an SQLite file, but not a revloop store"):
            open_(path)
        assert path.read_bytes() == before

    @pytest.mark.parametrize("open_", [Store.open, Store.open_to_read])
    def test_a_store_of_a_newer_version(self, path: Path, open_: Any) -> None:
        filled_store(path, rounds=1)
        with closing(sqlite3.connect(path)) as newer:
            newer.execute("PRAGMA user_version = 5")
        with pytest.raises(StoreError, match="has store version 5; this revloop reads 4"):
            open_(path)

    def test_a_file_that_is_not_there_is_not_made_by_reading(self, path: Path) -> None:
        with pytest.raises(StoreError, match="There is no store at"):
            Store.open_to_read(path)
        assert not path.exists()

    def test_an_empty_file_cannot_be_read_as_a_store(self, path: Path) -> None:
        path.touch()
        with pytest.raises(StoreError, match="not a revloop store"):
            Store.open_to_read(path)

    def test_an_empty_file_becomes_a_store_when_it_is_opened_to_write(self, path: Path) -> None:
        path.touch()
        filled_store(path, rounds=1)
        assert len(stored(path)) == 1

    def test_a_folder_in_place_of_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="unable to open"):
            Store.open(tmp_path)
        with pytest.raises(StoreError, match="There is no store at"):
            Store.open_to_read(tmp_path)

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match=r"cannot be created: there is no folder .*missing"):
            Store.open(tmp_path / "missing" / "versions.sqlite")

    @pytest.mark.parametrize("kept", [1, 15, 100, 600, 4096, 5000, 20_000])
    def test_a_truncated_file(self, path: Path, kept: int) -> None:
        filled_store(path)
        os.truncate(path, kept)
        with pytest.raises(StoreError, match="not a revloop store"):
            stored(path)

    @pytest.mark.parametrize("column", ["draft", "ending"])
    def test_a_row_that_cannot_be_read(self, path: Path, column: str) -> None:
        self.spoil(path, f"UPDATE trajectories SET {column} = '{{}}'")
        with pytest.raises(StoreError, match=r"has an unreadable row: .*Field required"):
            stored(path)
        with Store.open(path) as store, pytest.raises(StoreError, match="unreadable row"):
            begin(store)

    def test_a_version_that_cannot_be_read(self, path: Path) -> None:
        self.spoil(path, "UPDATE versions SET version = 'torn' WHERE round = 1")
        with pytest.raises(StoreError, match="has an unreadable row"):
            stored(path)

    @pytest.mark.parametrize("column", ["settings", "started_at"])
    def test_a_run_that_cannot_be_read(self, path: Path, column: str) -> None:
        self.spoil(path, f"UPDATE runs SET {column} = 'torn'")
        with Store.open(path) as store, pytest.raises(StoreError, match="unreadable row"):
            store.begin_run(run_settings())

    def test_rounds_that_are_all_gone_are_no_trajectory(self, path: Path) -> None:
        self.spoil(path, "DELETE FROM versions")
        assert stored(path) == []

    def test_a_table_whose_name_is_not_even_text(self, path: Path) -> None:
        filled_store(path, rounds=1)
        path.write_bytes(path.read_bytes().replace(b"REFERENCES", b"\xff" * 10))
        with pytest.raises(StoreError, match="is not a revloop store, or it is damaged"):
            stored(path)

    @given(st.integers(0, 2**31), st.binary(min_size=1, max_size=64))
    @settings(max_examples=25)
    def test_damage_anywhere_is_a_store_error_or_goes_unseen(self, at: int, junk: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = filled_store(Path(folder) / "s", rounds=3)
            content = bytearray(path.read_bytes())
            at %= len(content)
            content[at : at + len(junk)] = junk
            path.write_bytes(content)
            try:
                assert len(stored(path)) <= 1
            except StoreError as exc:
                assert str(path) in str(exc)  # noqa: PT017 - either outcome will do

    def spoil(self, path: Path, sql: str) -> None:
        filled_store(path, rounds=2)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(sql)


class TestFilesThatCannotBeWritten:
    def test_a_read_only_file_is_refused_before_the_first_round(self, open_folder: Path) -> None:
        path = filled_store(open_folder / "versions.sqlite", rounds=1)
        path.chmod(0o444)
        with (
            without_privileges(),
            pytest.raises(StoreError, match=r"cannot be written: .*Check its permissions"),
        ):
            Store.open(path)

    def test_a_read_only_folder_is_refused(self, open_folder: Path) -> None:
        open_folder.chmod(0o555)
        with (
            without_privileges(),
            pytest.raises(StoreError, match=r"unable to open .*Check its permissions"),
        ):
            Store.open(open_folder / "versions.sqlite")

    def test_a_store_in_a_read_only_folder_can_be_read(self, open_folder: Path) -> None:
        path = filled_store(open_folder / "versions.sqlite", rounds=1)
        path.chmod(0o444)
        open_folder.chmod(0o555)
        with without_privileges():
            assert len(stored(path)) == 1

    def test_a_file_that_may_not_be_read_is_refused(self, open_folder: Path) -> None:
        path = filled_store(open_folder / "versions.sqlite", rounds=1)
        path.chmod(0o000)
        with without_privileges(), pytest.raises(StoreError, match="unable to open"):
            Store.open_to_read(path)

    def test_a_full_disk_leaves_what_was_stored(self, store: Store, path: Path) -> None:
        entry = begin(store)
        append(entry, version(0))
        pages = store._file.pragma("page_count")
        store._file._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(StoreError, match=r"the disk is full\. What was stored is intact"):
            append(entry, version(1, "long " * 10_000))
        assert [each.round for each in stored(path)[0].versions] == [0]
        append(entry, version(1, "short"))
        assert [each.round for each in stored(path)[0].versions] == [0, 1]

    def test_a_store_that_someone_else_locks_for_long_is_named(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        filled_store(path, rounds=1)
        monkeypatch.setattr(revloop.store.file, "_BUSY_TIMEOUT_S", 0.01)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match=r"versions\.sqlite: database is locked"):
                Store.open(path)

    def test_a_closed_store_is_named(self, path: Path) -> None:
        store = Store.open(path)
        store.close()
        with pytest.raises(StoreError, match="closed"):
            store.runs()


class TestAtTheSameTime:
    def test_threads_share_a_store(self, store: Store, path: Path) -> None:
        def write(name: str) -> None:
            entry = begin(store, Draft(id=name, response=name))
            for number in range(10):
                append(entry, version(number, f"{name} {number}"))
            finish(entry, DONE)

        store.begin_run(run_settings())
        self.run_all(write, 6)
        assert len(stored(path)) == 6
        for trajectory in stored(path):
            said = [each.text for each in trajectory.versions]
            assert said == [f"{trajectory.draft.id} {number}" for number in range(10)]
            assert trajectory.end == DONE

    def test_several_open_the_same_new_store(self, path: Path) -> None:
        barrier = threading.Barrier(6)

        def write(name: str) -> None:
            barrier.wait()
            with Store.open(path) as store:
                append(begin(store, Draft(id=name, response=name)), version(0))

        self.run_all(write, 6)
        with Store.open_to_read(path) as store:
            assert len(list(store.trajectories())) == 6
            assert len(store.runs()) == 1

    def run_all(self, work: Any, workers: int) -> None:
        with ThreadPoolExecutor(workers) as pool:
            for result in [pool.submit(work, str(i)) for i in range(workers)]:
                result.result()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may read; pytest's own are closed to them."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Drop root's privileges, which allow writing anywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
