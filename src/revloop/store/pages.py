"""Reads the records of an SQLite file page by page, even if its B-trees are damaged.

Every page of a table or an index lists the records on it, so a damaged page costs only its own
records, wherever it is in the tree (https://sqlite.org/fileformat2.html).
"""

from __future__ import annotations

import struct
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Self

from revloop.files.store_files import write_ahead_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAGIC = b"SQLite format 3\x00"
_DEFAULT_SIZE = 4096
_TABLE_LEAF, _INDEX_LEAF, _INDEX_INNER = 0x0D, 0x0A, 0x02
_LOG_MAGIC = {0x377F0682, 0x377F0683}
_LOG_HEADER, _FRAME_HEADER = 32, 24
_INTEGER_SIZES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}

Value = int | float | str | bytes | None


class SqliteRecord(NamedTuple):
    """The record in one cell of a page.

    Attributes:
        rowid: Its key in a table; None in an index or a table without rowids.
        values: Its columns.
    """

    rowid: int | None
    values: tuple[Value, ...]


class Header(NamedTuple):
    """The file header.

    Attributes:
        is_sqlite: Whether this is an SQLite file; if not, the others are defaults.
        application: The application id.
        version: The application's schema version.
        page_size: Bytes of a page.
        reserved: Bytes at the end of each page that are not used for records.
    """

    is_sqlite: bool
    application: int = 0
    version: int = 0
    page_size: int = _DEFAULT_SIZE
    reserved: int = 0

    @classmethod
    def of(cls, raw: bytes) -> Self:
        """The header in the first 100 bytes."""
        if len(raw) < 100 or not raw.startswith(_MAGIC):
            return cls(is_sqlite=False)
        size = int.from_bytes(raw[16:18], "big")
        return cls(
            is_sqlite=True,
            application=int.from_bytes(raw[68:72], "big"),
            version=int.from_bytes(raw[60:64], "big"),
            page_size=65536 if size == 1 else size if _is_size(size) else _DEFAULT_SIZE,
            reserved=raw[20],
        )


class Pages:
    """The pages of a file, with newer ones from its write-ahead log.

    Args:
        path: The file; nothing may write to it meanwhile.

    Raises:
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._opened = ExitStack()
        self._file: BinaryIO = self._opened.enter_context(path.open("rb"))
        self.header = Header.of(self._file.read(100))
        self._size = self.header.page_size
        self._log: BinaryIO | None = None
        self._in_log: dict[int, int] = {}
        if write_ahead_log(path).exists():
            self._log = self._opened.enter_context(write_ahead_log(path).open("rb"))
            self._read_log(self._log)
        self._usable = self._size - self.header.reserved
        in_file = -(-self._file.seek(0, 2) // self._size)
        self._count = max([in_file, *self._in_log])
        if 1 in self._in_log:
            self.header = Header.of(self._page(1))

    def records(self) -> Iterator[SqliteRecord]:
        """Everything that can be read as a record, in page order."""
        for number in range(1, self._count + 1):
            yield from self._of_page(number)

    def close(self) -> None:
        """Close the files."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_log(self, log: BinaryIO) -> None:
        """Find the newest committed frame of each page; frames of an older log have other salts."""
        header = log.read(_LOG_HEADER)
        if len(header) < _LOG_HEADER or int.from_bytes(header[:4], "big") not in _LOG_MAGIC:
            return
        size, salts = int.from_bytes(header[8:12], "big"), header[16:24]
        if not _is_size(size):
            return
        self._size = size
        pending: dict[int, int] = {}
        at = _LOG_HEADER
        while len(frame := log.read(_FRAME_HEADER)) == _FRAME_HEADER and frame[8:16] == salts:
            number, commit = struct.unpack(">II", frame[:8])
            pending[number] = at + _FRAME_HEADER
            if commit:
                self._in_log |= pending
                pending.clear()
            at += _FRAME_HEADER + size
            log.seek(at)

    def _page(self, number: int) -> bytes:
        """A page, padded with zeros if the file ends inside it."""
        if not 1 <= number <= self._count:
            raise ValueError(f"there is no page {number}")
        file, at = self._file, (number - 1) * self._size
        if self._log is not None and number in self._in_log:
            file, at = self._log, self._in_log[number]
        file.seek(at)
        return file.read(self._size).ljust(self._size, b"\x00")

    def _of_page(self, number: int) -> Iterator[SqliteRecord]:
        page = self._page(number)
        start = 100 if number == 1 else 0
        kind = page[start]
        if kind not in {_TABLE_LEAF, _INDEX_LEAF, _INDEX_INNER}:
            return
        pointers = start + (12 if kind == _INDEX_INNER else 8)
        cells = min(_u16(page, start + 3), (self._usable - pointers) // 2)
        for place in range(cells):
            try:
                yield self._record(page, _u16(page, pointers + 2 * place), kind)
            except (ValueError, IndexError, struct.error):
                continue  # this cell is damaged

    def _record(self, page: bytes, at: int, kind: int) -> SqliteRecord:
        rowid = None
        if kind == _INDEX_INNER:
            at += 4  # the left child's page number
        length, at = _varint(page, at)
        if kind == _TABLE_LEAF:
            rowid, at = _varint(page, at)
        return SqliteRecord(rowid, _values(self._payload(page, at, length, kind)))

    def _payload(self, page: bytes, at: int, length: int, kind: int) -> bytes:
        """A cell's content, including its overflow pages."""
        usable = self._usable
        most = usable - 35 if kind == _TABLE_LEAF else (usable - 12) * 64 // 255 - 23
        if length <= most:
            return page[at : at + length]
        least = (usable - 12) * 32 // 255 - 23
        local = least + (length - least) % (usable - 4)
        local = local if local <= most else least
        if length > self._count * self._size:
            raise ValueError("longer than the file")
        parts = [page[at : at + local]]
        following, left = _u32(page, at + local), length - local
        while left > 0:
            overflow = self._page(following)
            parts.append(overflow[4 : 4 + min(left, usable - 4)])
            following, left = _u32(overflow, 0), left - (usable - 4)
        return b"".join(parts)


def _values(payload: bytes) -> tuple[Value, ...]:
    """The columns of a record."""
    at_body, at = _varint(payload, 0)
    types = []
    while at < at_body:
        type_, at = _varint(payload, at)
        types.append(type_)
    values: list[Value] = []
    for type_ in types:
        size = _INTEGER_SIZES.get(type_, 8 if type_ == 7 else max(0, (type_ - 12) // 2))
        body = payload[at_body : at_body + size]
        if len(body) < size:
            raise ValueError("a record is cut off")
        values.append(_value(type_, body))
        at_body += size
    return tuple(values)


def _value(type_: int, body: bytes) -> Value:
    if type_ in _INTEGER_SIZES:
        return int.from_bytes(body, "big", signed=True)
    if type_ == 7:
        number: float = struct.unpack(">d", body)[0]
        return number
    if type_ in {8, 9}:
        return type_ - 8
    if type_ >= 12:
        return body.decode() if type_ % 2 else body
    if type_ == 0:
        return None
    raise ValueError(f"there is no type {type_}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer of one to nine bytes, and where it ends."""
    value = 0
    for place in range(8):
        byte = data[at + place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + place + 1
    return value << 8 | data[at + 8], at + 9


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _is_size(size: int) -> bool:
    return 512 <= size <= 65536 and size & (size - 1) == 0
