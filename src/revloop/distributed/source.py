"""Input files on any file system, in splits that tasks on many machines read independently."""

from __future__ import annotations

import io
import posixpath
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import to_json

from revloop.errors import InputError, needs
from revloop.files.compression import (
    BUFFER_BYTES,
    decompressed,
    is_compressed,
    translate_read_errors,
)
from revloop.rows import AUTO, DEFAULT_ROW_BYTES, Rejected
from revloop.rows.layout import FileLayout, layout_of, raw_rows
from revloop.rows.lines import lines_between
from revloop.rows.reading import check_options, converter, defect, first_rows, row_of
from revloop.rows.tables import group_rows, is_parquet
from revloop.rows.unusable import refuse_if_all_unusable
from revloop.values import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from revloop.rows import RawRow

HINT = "pip install 'revloop[ray]'"
SPLIT_BYTES = 32 * 2**20

_ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".gz", ".zst", ".parquet")
_KEYS_A_FILE = 2**44
"""A row's key is file number * this + place in the file: up to 16 TiB a file, 524,288 files."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of the input.

    Attributes:
        number: Its index among all files, from 0.
        path: Its path in its file system.
        size_bytes: Its size.
    """

    number: int
    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class InputSplit:
    """The part of a file that one task reads.

    Attributes:
        file: The file.
        start: First byte, or the row group of a Parquet file; None for a whole file.
        end: End byte, exclusive; None for a whole file or a row group.
    """

    file: InputFile
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class RayInput:
    """Files of drafts on any file system.

    Attributes:
        name: A file or a folder of files; a path that all machines can see, ``s3://`` or ``gs://``.
        form: As for :func:`~revloop.rows.read_rows`, like `fields` and `questions`.
        split_bytes: Most bytes of a split, if a file can be split.
    """

    name: str
    form: str = AUTO
    fields: Mapping[str, str] | None = None
    questions: Path | None = None
    split_bytes: int = SPLIT_BYTES

    def files(self) -> list[InputFile]:
        """The files, in the order of their names.

        Raises:
            InputError: There are none, or they cannot be read.
            MissingExtraError: pyarrow is not installed.
        """
        check_options(self.form, dict(self.fields or {}))
        system, path = file_system(self.name)
        from pyarrow import fs

        with translate_read_errors(self.name):
            found = system.get_file_info(path)
            if found.type == fs.FileType.Directory:
                inside = system.get_file_info(fs.FileSelector(path, recursive=True))
                all_files = [info for info in inside if _is_input(info, fs)]
            else:
                all_files = [found] if found.type == fs.FileType.File else []
        if not all_files:
            raise InputError(
                f"{self.name} is neither a file of drafts nor a folder with JSONL or Parquet files."
            )
        all_files.sort(key=lambda info: info.path)
        return [InputFile(n, info.path, info.size) for n, info in enumerate(all_files)]

    def splits(self, files: list[InputFile]) -> list[InputSplit]:
        """The files in splits; a compressed file or a JSON array is one split."""
        return [split for file in files for split in self._splits_of(file)]

    def first(self, file: InputFile) -> list[RawRow]:
        """Rows from the start of a file, enough to detect its format.

        Raises:
            InputError: The format is unknown, or the first 100 rows are all unusable for the same
                reason.
        """
        first = first_rows(islice(self._items(InputSplit(file)), 1000), self.fields or {})
        convert = converter(self.name, first, self.form, self.fields or {}, self.questions)
        rows = (row_of(item, convert) for item in self._items(InputSplit(file)))
        next(refuse_if_all_unusable(rows, defect, self.name), None)
        return first

    def rows(self, split: InputSplit, first: list[RawRow]) -> Iterator[dict[str, Any]]:
        """The rows of a split, as columns that can be sent between machines.

        Args:
            split: The split.
            first: From :meth:`first`; the same for all splits of an input.

        Raises:
            InputError: The split cannot be read, or its format is unknown.
        """
        fields = dict(self.fields or {})
        convert = converter(self.name, first, self.form, fields, self.questions)
        for item in self._items(split):
            row = row_of(item, convert)
            place = item.number if item.end_offset is None else item.end_offset
            key = split.file.number * _KEYS_A_FILE + place
            if isinstance(row, Rejected):
                where = "row" if item.end_offset is None else "end_byte"
                reject = {"file": posixpath.basename(split.file.path), where: place}
                reject |= {"reason": row.reason, "raw": row.raw}
                yield {"key": key, "draft": None, "rest": None, "reject": to_json(reject).decode()}
            else:
                draft, rest = row.draft.to_json(), json_text(row.rest)
                yield {"key": key, "draft": draft, "rest": rest, "reject": None}

    def _splits_of(self, file: InputFile) -> Iterator[InputSplit]:
        with self._opened(file) as opened:
            if is_parquet(opened.peek(4)):
                for group in range(_parquet(opened, file.path).metadata.num_row_groups):
                    yield InputSplit(file, group)
                return
            if is_compressed(opened) or layout_of(opened, file.path) is not FileLayout.LINES:
                yield InputSplit(file)
                return
        for start in range(0, file.size_bytes, self.split_bytes):
            yield InputSplit(file, start, min(start + self.split_bytes, file.size_bytes))

    def _items(self, split: InputSplit) -> Iterator[RawRow]:
        path = split.file.path
        with translate_read_errors(path), self._opened(split.file) as file:
            if is_parquet(file.peek(4)):
                yield from group_rows(_parquet(file, path), split.start or 0, path)
            elif split.start is not None and split.end is not None:
                yield from lines_between(file, split.start, split.end, DEFAULT_ROW_BYTES)
            else:
                yield from raw_rows(decompressed(file, path), path, DEFAULT_ROW_BYTES)

    def _opened(self, file: InputFile) -> io.BufferedReader:
        system, _ = file_system(self.name)
        with translate_read_errors(file.path):
            raw = cast("io.RawIOBase", system.open_input_file(file.path))
            return io.BufferedReader(raw, BUFFER_BYTES)


def file_system(name: str) -> tuple[Any, str]:
    """The file system of a path or an address, and the path within it.

    Raises:
        InputError: The kind of address is unknown.
        MissingExtraError: pyarrow is not installed.
    """
    with needs(f"--ray needs Ray and pyarrow: {HINT}."):
        import pyarrow as pa
        from pyarrow import fs
    try:
        address = name if "://" in name else str(Path(name).absolute())
        system, path = fs.FileSystem.from_uri(address)
    except (pa.ArrowException, OSError, ValueError) as exc:
        raise InputError(f"{name} cannot be reached: {exc}.") from exc
    return system, str(path)


def _is_input(info: Any, fs: Any) -> bool:
    name = info.base_name
    is_hidden = name.startswith((".", "_"))
    return info.type == fs.FileType.File and name.endswith(_ENDINGS) and not is_hidden


def _parquet(file: io.BufferedReader, path: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file)
    except pa.ArrowException as exc:
        raise InputError(f"{path} is not a Parquet file, or it is damaged ({exc}).") from exc
