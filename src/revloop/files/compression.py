"""Inputs from files, pipes and standard input, and compression (gzip, Zstandard) both ways."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from revloop.errors import InputError, needs
from revloop.files.atomic import duplicate_handle, translate_write_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA_EXTRA = "pip install 'revloop[data]'"
STANDARD_INPUT = "-"
STANDARD_OUTPUT = Path("-")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

BUFFER_BYTES = 2**17
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"{\0", b"[\0", b"\0{", b"\0[", b"\0\0\xfe\xff")
_UNSUPPORTED = {
    b"BZh": "is compressed with bzip2: decompress it with bzip2 -dc FILE > rows.jsonl",
    b"\xfd7zX": "is compressed with xz: decompress it with xz -dc FILE > rows.jsonl",
    b"PK\x03\x04": "is a ZIP archive or a spreadsheet: unzip it, or save its sheet as .csv",
    b"ARRO": "is an Arrow or Feather file: save its table as Parquet",
    b"\xff\xff\xff\xff": "is an Arrow stream: save its table as Parquet",
    b"Obj\x01": "is an Avro file: save its rows as JSONL or Parquet",
    b"%PDF": "is a PDF: extract its text first, with pdftotext for example",
    b"SQLi": "is an SQLite file: revloop export writes the contents of a store",
}


def display_name(source: str) -> str:
    """An input's name in messages."""
    return "standard input" if source == STANDARD_INPUT else source


@contextmanager
def translate_read_errors(name: str) -> Iterator[None]:
    """Translate errors of the operating system and of decompression into revloop's.

    Raises:
        InputError: The input is missing, unreadable or damaged.
    """
    try:
        yield
    except (OSError, EOFError, zlib.error) as exc:
        # without a number it is gzip's or pyarrow's own error, about the contents
        if isinstance(exc, OSError) and exc.errno is not None:
            raise InputError(f"{name} cannot be read: {exc.strerror or exc}.") from exc
        raise InputError(f"{name} is cut short or damaged: {exc}. Get a new copy.") from exc


def check_standard_input() -> None:
    """Check that standard input is open.

    Raises:
        InputError: It is closed.
    """
    if sys.stdin is None:
        raise InputError("Standard input is closed: name a file to read.")


@contextmanager
def open_input(source: str) -> Iterator[io.BufferedReader]:
    """The bytes of a file or of standard input, not decompressed."""
    if source == STANDARD_INPUT:
        check_standard_input()
        yield _standard_input()
    else:
        with Path(source).open("rb", buffering=BUFFER_BYTES) as file:
            yield cast("io.BufferedReader", file)


def _standard_input() -> io.BufferedReader:
    """Standard input with a separate buffer.

    Python locks the buffer of ``sys.stdin`` when it exits, and aborts if a thread that waits for a
    line from a terminal holds that lock.
    """
    buffer = sys.stdin.buffer
    try:
        return open(buffer.fileno(), "rb", closefd=False)
    except (AttributeError, OSError):  # a substitute without a file descriptor
        return cast("io.BufferedReader", buffer)


def is_compressed(file: io.BufferedReader) -> bool:
    """Whether a file is gzip or Zstandard, by its first bytes."""
    return file.peek(4).startswith((_GZIP, _ZSTD))


def decompressed(file: io.BufferedReader, name: str) -> io.BufferedReader:
    """A file's bytes, decompressed if need be.

    Raises:
        InputError: It is UTF-16 or UTF-32, or compressed in an unsupported way.
        MissingExtraError: It is compressed with Zstandard, and pyarrow is not installed.
    """
    head = file.peek(4)
    plain = file
    if head.startswith(_GZIP):
        gzipped = cast("io.RawIOBase", gzip.GzipFile(fileobj=file))
        plain = io.BufferedReader(gzipped, BUFFER_BYTES)
    elif head.startswith(_ZSTD):
        # of the libraries for Python 3.11, this one notices a file that was cut short
        stream = import_pyarrow("Zstandard (.zst)").CompressedInputStream(file, "zstd")
        plain = io.BufferedReader(stream, BUFFER_BYTES)
    elif what := next((said for magic, said in _UNSUPPORTED.items() if head.startswith(magic)), ""):
        raise InputError(f"{name} {what.replace('FILE', name)}.")
    if plain.peek(4).startswith(_WIDE):
        raise InputError(
            f"{name} is UTF-16 or UTF-32: convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8 "
            f"{name} > utf8{Path(name).suffix}, or -f UTF-32)."
        )
    return plain


@contextmanager
def compressed(file: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    """A file that compresses what is written to it if its name ends in ``.gz`` or ``.zst``.

    Raises:
        InputError: It cannot be written.
        MissingExtraError: It ends in ``.zst``, and pyarrow is not installed.
    """
    ending = path.suffix.lower()
    if ending == ".gz":
        # no name and no time inside, so that the same rows make the same file
        with _closing(gzip.GzipFile("", "wb", fileobj=file, mtime=0), path) as stream:
            yield stream
    elif ending == ".zst":
        pa = import_pyarrow("Zstandard (.zst)")
        with (
            duplicate_handle(file, path) as handle,
            _closing(pa.CompressedOutputStream(handle, "zstd"), path) as stream,
        ):
            yield stream
    else:
        yield file


@contextmanager
def _closing(stream: Any, path: Path) -> Iterator[BinaryIO]:
    try:
        yield stream
    finally:
        with translate_write_errors(path):  # closing writes the end of the compressed data
            stream.close()


def import_pyarrow(purpose: str) -> Any:
    """Pyarrow with its Parquet module.

    Raises:
        MissingExtraError: It is not installed.
    """
    with needs(f"{purpose} needs pyarrow: {DATA_EXTRA}."):
        import pyarrow.parquet
    return pyarrow
