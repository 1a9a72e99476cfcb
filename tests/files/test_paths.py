"""What a command writes is checked against what it reads, before any work."""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

import pytest

from revloop.errors import InputError, MissingExtraError, ReaderGoneError, StoreError
from revloop.files.descriptors import check_descriptor
from revloop.files.endings import check_trajectories
from revloop.files.paths import Kind, Writes, check_paths
from revloop.files.store_files import is_store
from revloop.store import Store

ITSELF = "itself: name another file to write"


def make(path: Path, content: bytes = b"precious\n") -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "versions"
    Store.open(path).close()
    return path


class TestTheSameFile:
    @pytest.mark.parametrize("there", [True, False], ids=["there", "not yet there"])
    def test_two_outputs_are_never_one_file(self, tmp_path: Path, there: bool) -> None:
        path = tmp_path / "x"
        if there:
            make(path, b"")
        with pytest.raises(InputError, match=f"x is the output {ITSELF}"):
            check_paths([Writes(path), Writes(path, "the store", Kind.STORE)])

    def test_an_input_is_known_by_any_of_its_names(self, tmp_path: Path) -> None:
        source = make(tmp_path / "in.jsonl")
        (tmp_path / "folder").mkdir()
        soft, hard = tmp_path / "soft", tmp_path / "hard"
        soft.symlink_to(source)
        os.link(source, hard)
        for name in (source, soft, hard, tmp_path / "folder" / ".." / "in.jsonl"):
            with pytest.raises(InputError, match=f"is the input {ITSELF}"):
                check_paths([Writes(name)], data=source)
            with pytest.raises(InputError, match=f"is the key {ITSELF}"):
                check_paths([Writes(name)], {"the key": source})
        assert source.read_bytes() == b"precious\n"

    def test_links_to_a_file_that_does_not_exist_yet_are_followed(self, tmp_path: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to(tmp_path / "out.jsonl")
        with pytest.raises(InputError, match="is the output itself"):
            check_paths([Writes(tmp_path / "out.jsonl"), Writes(link, "the report")])

    @pytest.mark.parametrize("beside", ["x-wal", "x-shm", "x-journal", ".x.lock"])
    def test_what_a_new_store_keeps_beside_it_is_not_an_output(
        self, tmp_path: Path, beside: str
    ) -> None:
        writes = [Writes(tmp_path / beside), Writes(tmp_path / "x", "the store", Kind.STORE)]
        with pytest.raises(InputError, match="would overwrite each other"):
            check_paths(writes)

    def test_the_unfinished_name_of_an_output_is_not_an_input(self, tmp_path: Path) -> None:
        source = make(tmp_path / ".out.jsonl.tmp")
        with pytest.raises(InputError, match="would overwrite each other"):
            check_paths([Writes(tmp_path / "out.jsonl")], data=source)

    def test_one_device_may_be_several_outputs(self) -> None:
        null = Path(os.devnull)
        check_paths([Writes(null), Writes(null, "the log", Kind.IN_PLACE)], data=null)

    def test_nothing_is_written_into_an_input_folder(self, tmp_path: Path) -> None:
        (tmp_path / "set").mkdir()
        with pytest.raises(InputError, match="is in the input"):
            check_paths([Writes(tmp_path / "set" / "out.jsonl")], data=tmp_path / "set")
        check_paths([Writes(tmp_path / "out.jsonl")], data=tmp_path / "set")

    def test_no_part_of_a_folder_that_is_read_is_replaced(self, tmp_path: Path) -> None:
        part = make(tmp_path / "critique.txt")
        with pytest.raises(InputError, match="is in the prompt set"):
            check_paths([Writes(part)], {"the prompt set": tmp_path})
        check_paths([Writes(tmp_path / "out.jsonl")], {"the prompt set": tmp_path})


class TestStores:
    def test_no_store_is_overwritten_whatever_its_name(self, store: Path) -> None:
        with pytest.raises(InputError, match="is a store, and stores are never overwritten"):
            check_paths([Writes(store)])

    def test_a_store_whose_changes_are_still_beside_it_is_one(self, tmp_path: Path) -> None:
        path = tmp_path / "versions"
        opened = Store.open(path)
        try:
            assert (tmp_path / "versions-wal").stat().st_size
            assert is_store(path)
            with pytest.raises(InputError, match="stores are never overwritten"):
                check_paths([Writes(path)])
        finally:
            opened.close()

    @pytest.mark.parametrize("beside", ["versions-wal", "versions-shm", ".versions.lock"])
    def test_what_is_beside_a_store_belongs_to_it(self, store: Path, beside: str) -> None:
        with pytest.raises(InputError, match="belongs to the store"):
            check_paths([Writes(store.with_name(beside))])

    def test_another_database_is_not_a_store(self, tmp_path: Path) -> None:
        path = tmp_path / "other"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE t (x)")
        connection.close()
        assert not is_store(path)
        check_paths([Writes(path)])

    def test_a_store_may_be_a_store(self, store: Path) -> None:
        check_paths([Writes(store, "the store", Kind.STORE)])

    def test_the_memory_of_sqlite_is_not_a_store(self) -> None:
        with pytest.raises(StoreError, match="a store is a file; without a store, nothing is kept"):
            check_paths([Writes(Path(":memory:"), "the store", Kind.STORE)])

    def test_a_device_is_not_a_store(self) -> None:
        with pytest.raises(StoreError, match="it is a device or a pipe"):
            check_paths([Writes(Path(os.devnull), "the store", Kind.STORE)])


class TestPlaces:
    def test_a_file_is_kept_unless_it_may_be_replaced(self, tmp_path: Path) -> None:
        path = make(tmp_path / "out.jsonl")
        with pytest.raises(InputError, match=r"already exists.*--force"):
            check_paths([Writes(path, may_replace=False)])
        check_paths([Writes(path)])
        assert path.read_bytes() == b"precious\n"

    def test_a_folder_is_not_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="is a folder, not a file"):
            check_paths([Writes(tmp_path)])

    def test_a_file_is_not_a_folder(self, tmp_path: Path) -> None:
        path = make(tmp_path / "x")
        with pytest.raises(InputError, match="is a file, not a folder"):
            check_paths([Writes(path, kind=Kind.FOLDER)])
        for kind in (Kind.FILE, Kind.IN_PLACE, Kind.FOLDER):
            with pytest.raises(InputError, match="cannot be written"):
                check_paths([Writes(path / "below", kind=kind)])

    @pytest.mark.parametrize("kind", [Kind.FILE, Kind.IN_PLACE])
    def test_a_missing_folder_is_named(self, tmp_path: Path, kind: Kind) -> None:
        with pytest.raises(InputError, match=r"there is no folder .*missing"):
            check_paths([Writes(tmp_path / "missing" / "x", kind=kind)])
        with pytest.raises(StoreError, match="No such file or directory"):
            check_paths([Writes(tmp_path / "missing" / "x", "the store", Kind.STORE)])

    def test_folders_that_will_be_created_need_not_exist(self, tmp_path: Path) -> None:
        check_paths([Writes(tmp_path / "a" / "b" / "x", makes_parents=True)])
        check_paths([Writes(tmp_path / "a" / "b", kind=Kind.FOLDER)])
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("kind", list(Kind))
    @pytest.mark.parametrize("length", [256, 5000])
    def test_a_name_that_is_too_long_is_reported(
        self, tmp_path: Path, kind: Kind, length: int
    ) -> None:
        with pytest.raises((InputError, StoreError), match="File name too long"):
            check_paths([Writes(tmp_path / ("x" * length), kind=kind)])

    @pytest.mark.parametrize("kind", [Kind.FILE, Kind.STORE])
    def test_a_name_that_is_too_long_with_what_is_put_beside_it_is_reported(
        self, tmp_path: Path, kind: Kind
    ) -> None:
        with pytest.raises((InputError, StoreError), match="File name too long"):
            check_paths([Writes(tmp_path / ("x" * 253), kind=kind)])

    @pytest.mark.parametrize("kind", list(Kind))
    def test_rings_of_links_are_reported(self, tmp_path: Path, kind: Kind) -> None:
        one, other = tmp_path / "one", tmp_path / "other"
        one.symlink_to(other)
        other.symlink_to(one)
        with pytest.raises((InputError, StoreError), match="symbolic links"):
            check_paths([Writes(one, kind=kind)])

    def test_a_name_with_a_null_character_is_reported(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="null"):
            check_paths([Writes(tmp_path / "a\0b")])

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_that_may_not_be_written_is_reported(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        for kind in Kind:
            with pytest.raises((InputError, StoreError), match="Permission denied"):
                check_paths([Writes(tmp_path / "x", kind=kind)])

    @pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a file system that takes no files")
    def test_a_file_system_that_takes_no_files_is_reported(self) -> None:
        with pytest.raises(InputError, match="cannot be written"):
            check_paths([Writes(Path("/proc/self/x"))])
        with pytest.raises(StoreError, match="cannot be written"):
            check_paths([Writes(Path("/proc/self/x"), "the store", Kind.STORE)])

    def test_nothing_is_left_of_a_check(self, tmp_path: Path) -> None:
        check_paths([Writes(tmp_path / "a"), Writes(tmp_path / "s", "the store", Kind.STORE)])
        assert list(tmp_path.iterdir()) == []


class TestEndings:
    @pytest.mark.parametrize(
        "name",
        [
            *("o.jsonl.bz2", "o.jsonl.XZ", "o.zip", "o.csv", "o.csv.gz", "o.parquet.gz", "o.xlsx"),
            *("o.json", "o.JSON.gz", "o.txt", "o.md"),
        ],
    )
    def test_a_format_that_trajectories_do_not_have_is_reported(
        self, tmp_path: Path, name: str
    ) -> None:
        with pytest.raises(InputError, match=r"cannot be written\. Trajectories are JSONL"):
            check_paths([Writes(tmp_path / name, check_ending=check_trajectories)])

    @pytest.mark.parametrize(
        "name",
        ["o", "o.jsonl", "o.ndjson", "o.jsonl.gz", "o.GZ", "o.jsonl.zst", "o.parquet", "o.1"],
    )
    def test_what_is_written_is_accepted(self, tmp_path: Path, name: str) -> None:
        check_paths([Writes(tmp_path / name, check_ending=check_trajectories)])

    @pytest.mark.parametrize("name", ["o.parquet", "o.jsonl.zst"])
    def test_a_missing_library_is_reported(
        self, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(MissingExtraError, match="needs pyarrow"):
            check_paths([Writes(tmp_path / name, check_ending=check_trajectories)])

    @pytest.mark.parametrize("name", ["sheet.csv.gz", "page.html.zst", "sheet.xlsx", "r.parquet"])
    def test_plain_text_has_no_ending_of_something_else(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(InputError, match="would be plain text"):
            check_paths([Writes(tmp_path / name)])


class TestDescriptors:
    def test_a_pipe_that_is_read_is_an_output(self) -> None:
        reading, writing = os.pipe()
        check_paths([Writes(Path(f"/dev/fd/{writing}"))])
        os.close(reading)
        with pytest.raises(ReaderGoneError):
            check_paths([Writes(Path(f"/dev/fd/{writing}"))])
        os.close(writing)

    def test_what_is_open_for_reading_only_is_not_an_output(self, tmp_path: Path) -> None:
        with (
            make(tmp_path / "x").open("rb") as file,
            pytest.raises(InputError, match="open for reading only"),
        ):
            check_descriptor(file.fileno(), "It")

    def test_what_is_closed_is_not_an_output(self) -> None:
        with pytest.raises(InputError, match="is closed"):
            check_descriptor(987_654, "It")

    @pytest.mark.skipif(sys.platform != "linux", reason="Linux has /dev/full")
    def test_the_full_device_is_full(self) -> None:
        with pytest.raises(InputError, match="No space left on device"):
            check_paths([Writes(Path("/dev/full"))])


def test_nothing_is_read_of_a_pipe(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"SQLite format 3")
    pipe = f"/dev/fd/{reading}"  # as a shell names `<(zcat drafts.jsonl.gz)`
    check_paths([Writes(tmp_path / "out.jsonl")], {"the questions": pipe}, data=pipe)
    assert os.read(reading, 100) == b"SQLite format 3"
    os.close(reading)
    os.close(writing)
