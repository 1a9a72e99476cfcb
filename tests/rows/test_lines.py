"""Lines and elements of an array: one at a time, within bounded memory."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import InputError
from revloop.rows import Position
from revloop.rows.lines import is_array, lines_of, values_of

MARK = b"\xef\xbb\xbf"


class Endless(io.RawIOBase):
    """A file of one letter, over and over, up to a size that would not fit into memory."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(self._left, memoryview(buffer).nbytes)
        memoryview(buffer)[:count] = b"x" * count
        self._left -= count
        return count


class Trickle(io.RawIOBase):
    """A file that gives one byte at a time, as a slow pipe may."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        byte = self._content.read(1)
        memoryview(buffer)[: len(byte)] = byte
        return len(byte)


def file_of(content: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(content))


def lines(content: bytes, max_bytes: int = 100, **options: Any) -> list[tuple[Any, ...]]:
    options.setdefault("seekable", True)
    return [tuple(item) for item in lines_of(file_of(content), max_bytes, **options)]


def elements(content: bytes, max_bytes: int = 10_000, **options: Any) -> list[Any]:
    items = values_of(file_of(content), max_bytes, **options)
    return [json.loads(item.raw) for item in items if isinstance(item.raw, bytes)]


class TestLines:
    def test_each_has_its_number_and_where_it_ends(self) -> None:
        assert lines(b"one\ntwo\n\nfour") == [
            (1, b"one\n", 4, None),
            (2, b"two\n", 8, None),
            (4, b"four", 13, None),
        ]

    def test_a_byte_order_mark_is_taken_off_and_counts(self) -> None:
        assert lines(MARK + b"one\n") == [(1, b"one\n", 7, None)]
        assert lines(MARK) == []

    def test_a_byte_order_mark_in_the_middle_stays(self) -> None:
        assert lines(b"one\n" + MARK + b"two")[1][1] == MARK + b"two"

    @pytest.mark.parametrize("end", [b"", b"\n"])
    def test_a_line_may_be_as_long_as_allowed(self, end: bytes) -> None:
        assert [item[3] for item in lines(b"x" * (100 - len(end)) + end)] == [None]

    @pytest.mark.parametrize("length", [101, 102, 1_000_000])
    def test_a_longer_one_has_a_fault_and_the_next_is_read(self, length: int) -> None:
        long, short = lines(b"x" * length + b"\nshort\n")
        assert long[3] == "longer than 100 bytes (only its beginning is kept here)"
        assert long[2] == length + 1
        assert short == (2, b"short\n", length + 7, None)

    def test_a_long_last_line_may_have_no_end(self) -> None:
        ((number, _, offset, fault),) = lines(b"x" * 1000)
        assert (number, offset) == (1, 1000)
        assert fault

    def test_a_line_that_is_too_long_is_never_in_memory(self) -> None:
        file: Any = io.BufferedReader(Endless(300 * 2**20))
        tracemalloc.start()
        (item,) = lines_of(file, 2**20, seekable=False)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert item.fault
        assert peak < 8 * 2**20

    def test_a_stream_has_no_offsets(self) -> None:
        assert lines(b"one\ntwo\n", seekable=False)[1] == (2, b"two\n", None, None)

    @given(content=st.lists(st.binary(max_size=12)), cut=st.integers(0, 20))
    def test_resuming_after_any_line_gives_the_later_ones(
        self, content: list[bytes], cut: int
    ) -> None:
        whole = lines(b"\n".join(content), 8)
        number, _, offset, _ = whole[min(cut, len(whole)) - 1] if whole and cut else (0, b"", 0, "")
        later = [item for item in whole if item[0] > number]
        for place in (offset, None):
            after = Position(number, place)
            assert lines(b"\n".join(content), 8, after=after) == later


class TestElements:
    def test_each_has_its_number(self) -> None:
        items = list(values_of(file_of(b'[{"a": 1},\n {"b": [1, "]"]} ]\n'), 100))
        assert [(item.number, item.raw) for item in items] == [
            (1, b'{"a": 1}'),
            (2, b'{"b": [1, "]"]}'),
        ]

    @pytest.mark.parametrize("content", [b"[]", b" [ ] ", MARK + b"[\n]"])
    def test_an_array_may_be_empty(self, content: bytes) -> None:
        assert elements(content) == []

    @given(
        values=st.lists(st.integers() | st.text(st.characters(exclude_categories=["Cs"]))),
        indent=st.none() | st.integers(0, 2),
        is_ascii=st.booleans(),
    )
    def test_any_array_is_read_whatever_its_blanks(
        self, values: list[Any], indent: int | None, is_ascii: bool
    ) -> None:
        text = json.dumps(values, indent=indent, ensure_ascii=is_ascii)
        assert elements(text.encode()) == values
        items = values_of(io.BufferedReader(Trickle(text.encode()), 1), 10_000)
        assert [json.loads(item.raw) for item in items if isinstance(item.raw, bytes)] == values

    def test_an_array_larger_than_what_is_read_at_once_is_read(self) -> None:
        values = [{"text": "x" * size} for size in (10, 300_000, 65_000, 0, 70_000)] * 3
        assert elements(json.dumps(values).encode(), 10**6) == values

    def test_only_one_is_in_memory_at_a_time(self) -> None:
        content = json.dumps([{"text": "x" * 100_000}] * 200).encode()
        file = file_of(content)
        tracemalloc.start()
        count = sum(1 for _ in values_of(file, 10**6))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count == 200
        assert peak < len(content) / 4

    def test_resuming_after_one_gives_the_later_ones(self) -> None:
        assert elements(b"[1, 2, 3]", after=Position(2)) == [3]

    def test_bytes_that_are_not_utf_8_stay_in_their_element(self) -> None:
        first, second = values_of(file_of(b'["\xe9", "b"]'), 100)
        assert (first.raw, second.raw) == (b'"\xe9"', b'"b"')

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"[1, 2", "broken: its end instead of"),
            (b"[1 2]", "broken: '2' instead of ',]'"),
            (b"[1, 2] 3", "more after the array's end, after element 2"),
            (b'[1, {"a": ]', "broken in element 2.*jq -c"),
            (b"[" * 100_000, "broken in element 1"),
            (b'["' + b"x" * 200_000 + b'"]', "or that is longer than 10,000 bytes"),
        ],
        ids=["cut short", "no comma", "more", "broken", "deep", "long"],
    )
    def test_a_broken_array_says_where(self, content: bytes, words: str) -> None:
        with pytest.raises(InputError, match=words):
            elements(content)

    def test_what_is_before_the_break_is_read(self) -> None:
        items = values_of(file_of(b'[{"a": 1}, {"b": '), 100)
        assert next(items).raw == b'{"a": 1}'
        with pytest.raises(InputError, match="element 2"):
            next(items)


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"[1]", True), (MARK + b"\n [", True), (b'{"a": []}', False), (b"", False), (b"  ", False)],
)
def test_an_array_is_known_by_its_start(content: bytes, expected: bool) -> None:
    assert is_array(file_of(content)) is expected
