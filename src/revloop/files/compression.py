"""Opening an input: packed or not, a file, a pipe or standard input."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from revloop.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

HINT = "pip install 'revloop[data]'"
STANDARD_INPUT = "-"
STANDARD_OUTPUT = Path("-")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

BUFFER_BYTES = 2**17
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"{\0", b"[\0", b"\0{", b"\0[", b"\0\0\xfe\xff")
_FOREIGN = {
    b"BZh": "is packed with bzip2: bzip2 -dc FILE > rows.jsonl unpacks it",
    b"\xfd7zX": "is packed with xz: xz -dc FILE > rows.jsonl unpacks it",
    b"PK\x03\x04": "is a ZIP archive or a spreadsheet: unpack it, or save its sheet as .csv",
    b"SQLi": "is an SQLite file: revloop export writes what is in a store",
}


def name_of(source: str) -> str:
    """An input, as a person would call it."""
    return "standard input" if source == STANDARD_INPUT else source


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Errors of reading as ours.

    Raises:
        InputError: The input is not there, may not be read, or is damaged.
    """
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as exc:
        raise InputError(f"{name} is cut short or damaged: {exc}. Copy or make it anew.") from exc
    except OSError as exc:
        if exc.errno is None:  # pyarrow's own, about what is in the file
            raise InputError(
                f"{name} is cut short or damaged: {exc}. Copy or make it anew."
            ) from exc
        raise InputError(f"{name} cannot be read: {exc.strerror or exc}.") from exc


@contextmanager
def opened(source: str) -> Iterator[io.BufferedReader]:
    """The bytes of a file or of standard input, as they stand there."""
    if source == STANDARD_INPUT:
        if sys.stdin is None:
            raise InputError("Standard input is closed: name a file to read.")
        yield _standard_input()
    else:
        with Path(source).open("rb", buffering=BUFFER_BYTES) as file:
            yield cast("io.BufferedReader", file)


def _standard_input() -> io.BufferedReader:
    """Standard input, with a buffer of its own.

    ``sys.stdin`` has one that Python locks when it exits, and a thread that still waits for a line
    from a terminal holds that lock: Python would abort.
    """
    buffer = sys.stdin.buffer
    try:
        return open(buffer.fileno(), "rb", closefd=False)
    except (AttributeError, OSError):  # a stand-in without a file behind it
        return cast("io.BufferedReader", buffer)


def is_packed(file: io.BufferedReader) -> bool:
    """Whether the bytes are those of gzip or Zstandard, whatever the file's name."""
    return file.peek(4).startswith((_GZIP, _ZSTD))


def unpacked(file: io.BufferedReader, name: str) -> io.BufferedReader:
    """The bytes without their packing.

    Raises:
        InputError: They are UTF-16 or UTF-32, or packed in another way.
        MissingExtraError: They are packed with Zstandard, and pyarrow is not installed.
    """
    head = file.peek(4)
    plain = file
    if head.startswith(_GZIP):
        gzipped = cast("io.RawIOBase", gzip.GzipFile(fileobj=file))
        plain = io.BufferedReader(gzipped, BUFFER_BYTES)
    elif head.startswith(_ZSTD):
        plain = io.BufferedReader(_unpacked_zstd(file), BUFFER_BYTES)
    elif what := next((said for magic, said in _FOREIGN.items() if head.startswith(magic)), None):
        raise InputError(f"{name} {what.replace('FILE', name)}.")
    if plain.peek(4).startswith(_WIDE):
        raise InputError(
            f"{name} is UTF-16 or UTF-32: convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8 "
            f"{name} > utf8{Path(name).suffix}, or -f UTF-32)."
        )
    return plain


def _unpacked_zstd(file: BinaryIO) -> io.RawIOBase:
    try:
        import pyarrow as pa
    except ImportError as exc:
        raise MissingExtraError(f"Zstandard (.zst) needs pyarrow: {HINT}.") from exc
    # of the libraries for Python 3.11, this is the one that notices a file that was cut short
    return cast("io.RawIOBase", pa.CompressedInputStream(file, "zstd"))
