"""Resuming after a row that was read before, and inputs that can be read only once."""

from __future__ import annotations

import gzip
import io
import os
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from revloop.errors import InputError
from revloop.rows import Position, Rejected, Row, read_rows
from tests.helpers.row_samples import GOOD, file_of, good, good_and_bad, line_of

if TYPE_CHECKING:
    from pathlib import Path


def standard_input(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    buffer = io.BufferedReader(io.BytesIO(content))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=buffer))


class TestAfterAPosition:
    LINES = (GOOD, b"{", b"", line_of(id="a", response="A."), line_of(id="b", response="B."))

    @pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
    @pytest.mark.parametrize("ending", [b"", b"\n"], ids=["open end", "line end"])
    def test_reading_resumes_with_the_next_row(
        self, tmp_path: Path, packed: bool, ending: bytes
    ) -> None:
        path = file_of(tmp_path, *self.LINES)
        path.write_bytes(path.read_bytes() + ending)
        if packed:
            path.write_bytes(gzip.compress(path.read_bytes()))
        whole = list(read_rows(path))
        assert len(whole) == 4
        for count, row in enumerate(whole, start=1):
            assert list(read_rows(path, after=row.position)) == whole[count:]

    def test_only_a_plain_file_is_entered_in_the_middle(self, tmp_path: Path) -> None:
        path = file_of(tmp_path, *self.LINES)
        packed = tmp_path / "drafts.jsonl.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        assert [row.end_offset for row in good_and_bad(path)[0]][:1] == [len(GOOD) + 1]
        assert {row.end_offset for row in read_rows(packed)} == {None}

    def test_what_lies_before_is_not_read_again(self, tmp_path: Path) -> None:
        path = file_of(tmp_path, *self.LINES)
        _, second, *later = read_rows(path)
        with path.open("r+b") as file:
            file.seek(len(GOOD) + 1)
            file.write(b"#")  # now on line 2, behind the first row that tells the form
        assert list(read_rows(path, after=second.position)) == later

    def test_another_file_is_noticed(self, tmp_path: Path) -> None:
        path = file_of(tmp_path, GOOD, GOOD)
        for offset in (3, 10_000):
            with pytest.raises(InputError, match="not the one that was read before"):
                list(read_rows(path, after=Position(1, offset)))

    def test_rows_that_were_added_at_the_end_are_read(self, tmp_path: Path) -> None:
        path = file_of(tmp_path, GOOD)
        (row,) = good(path)
        with path.open("ab") as file:
            file.write(b"\n" + line_of(id="new", response="New."))
        (new,) = good(path, after=row.position)
        assert (new.number, new.draft.id, new.end_offset) == (2, "new", path.stat().st_size)

    def test_standard_input_is_skipped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        standard_input(monkeypatch, b"\n".join(self.LINES))
        assert [row.draft.id for row in good("-", after=Position(4))] == ["b"]


class TestStreams:
    def test_standard_input_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        standard_input(monkeypatch, GOOD + b"\n" + GOOD)
        assert [row.number for row in good("-")] == [1, 2]

    def test_standard_input_may_be_compressed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        standard_input(monkeypatch, gzip.compress(GOOD))
        assert len(good("-")) == 1

    def test_a_pipe_with_a_name_is_read_once(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_bytes, args=(GOOD + b"\n" + GOOD,))
        writer.start()
        assert [row.number for row in good(pipe)] == [1, 2]
        writer.join()

    def test_a_row_is_given_before_the_next_one_is_there(self) -> None:
        """One who writes row by row into a pipe gets an answer to each."""
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb", buffering=0) as file:
            file.write(GOOD + b"\n")
            rows = read_rows(f"/dev/fd/{reading}")
            assert isinstance(next(rows), Row)
            file.write(b"{\n")
            assert isinstance(next(rows), Rejected)
        assert list(rows) == []
        os.close(reading)
