"""Rows of tables: Parquet files, and Hugging Face data sets, saved or by name."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import PydanticSerializationError, to_jsonable_python

from revloop.errors import InputError, needs
from revloop.files.compression import DATA_EXTRA, import_pyarrow
from revloop.rows.row import RawRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from revloop.rows.row import Position

HUB = "hf:"

_BATCH_ROWS, _CONVERTED_ROWS = 256, 32
# a year or a time zone that Python lacks, text that is not UTF-8; Arrow's own errors are among
# these
_UNREADABLE = (ValueError, OverflowError, LookupError, NotImplementedError)
_SAVED = ("state.json", "dataset_info.json")


def is_parquet(head: bytes) -> bool:
    """Whether a file is Parquet, by its first four bytes."""
    return head.startswith(b"PAR1")


def parquet_rows(path: str, after: Position | None = None) -> Iterator[RawRow]:
    """The rows of a Parquet file, a small batch in memory at a time.

    Raises:
        InputError: The file is damaged.
        MissingExtraError: pyarrow is not installed.
    """
    pq = import_pyarrow("Parquet").parquet
    skipped = after.number if after else 0
    with _arrow_errors(path), pq.ParquetFile(path, buffer_size=2**20, pre_buffer=False) as file:
        start = 0
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            if start + count > skipped:
                yield from _numbered(_group(file, group), start, skipped)
            start += count


def group_rows(file: Any, group: int, name: str) -> Iterator[RawRow]:
    """The rows of one row group of an open Parquet file, numbered within the file.

    Args:
        file: A ``pyarrow.parquet.ParquetFile``.
        group: Number of the row group, from 0.
        name: The file's name.

    Raises:
        InputError: The file is damaged.
    """
    start = sum(file.metadata.row_group(before).num_rows for before in range(group))
    with _arrow_errors(name):
        yield from _numbered(_group(file, group), start)


def _group(file: Any, group: int) -> Iterator[_ArrowRow]:
    return _rows_of(file.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group]))


@contextmanager
def _arrow_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (import_pyarrow("Parquet").ArrowException, UnicodeDecodeError) as exc:
        raise InputError(f"{name} is not a Parquet file, or is damaged ({exc}).") from exc


def saved_rows(folder: str, after: Position | None = None) -> Iterator[RawRow]:
    """The rows of a data set written by ``save_to_disk``.

    Raises:
        InputError: The folder holds none, or several.
        MissingExtraError: datasets is not installed.
    """
    path = Path(folder)
    if (path / "dataset_dict.json").is_file():
        splits = sorted(str(state.parent) for state in path.glob("*/state.json"))
        raise InputError(f"{folder} has several splits: name one of {', '.join(splits)}.")
    if not all((path / name).is_file() for name in _SAVED):
        raise InputError(f"{folder} is a folder, but not a data set written by save_to_disk.")
    skipped = after.number if after else 0
    try:
        found = _datasets().load_from_disk(folder, keep_in_memory=False).with_format("arrow")
    except (ValueError, KeyError, TypeError) as exc:  # raised for a damaged description
        raise InputError(f"{folder} holds a data set that cannot be read: {exc}.") from exc
    if skipped < len(found):
        batches = found.skip(skipped).iter(batch_size=_BATCH_ROWS)
        yield from _numbered(_rows_of(batches), skipped)


def hub_rows(source: str, after: Position | None = None) -> Iterator[RawRow]:
    """The rows of a data set on the Hugging Face hub, streamed.

    Args:
        source: ``hf:OWNER/NAME`` or ``hf:OWNER/NAME:SPLIT``; without a split: ``train``.
        after: Resume after this row.

    Raises:
        InputError: There is no such data set or split, or the hub cannot be reached.
        MissingExtraError: datasets is not installed.
    """
    name, _, split = source.removeprefix(HUB).partition(":")
    library = _datasets()
    import httpx  # the HTTP client of datasets

    skipped = after.number if after else 0
    try:
        found = library.load_dataset(name, split=split or "train", streaming=True)
        yield from _numbered((_ArrowRow(dict(row)) for row in found.skip(skipped)), skipped)
    except library.exceptions.DatasetNotFoundError as exc:
        raise InputError(f"There is no data set '{name}' on the hub: {exc}") from exc
    except (OSError, httpx.HTTPError) as exc:
        raise InputError(
            f"The data set '{name}' cannot be loaded: {exc}. Is the hub reachable? A data set "
            "written by save_to_disk can be read from its folder."
        ) from exc
    except (ValueError, RuntimeError) as exc:
        raise InputError(f"The data set '{source}' cannot be read: {exc}.") from exc


def _datasets() -> Any:
    with needs(f"Hugging Face data sets need datasets: {DATA_EXTRA}."):
        import datasets
    return datasets


class _ArrowRow(NamedTuple):
    """A row of Arrow in Python's types, and what is wrong with it, if anything."""

    fields: dict[str, Any]
    fault: str | None = None


def _rows_of(batches: Iterable[Any]) -> Iterator[_ArrowRow]:
    """The rows of batches of Arrow, a few converted at a time."""
    for batch in batches:
        for start in range(0, batch.num_rows, _CONVERTED_ROWS):
            some = batch.slice(start, _CONVERTED_ROWS)
            try:
                rows = some.to_pylist()
            except _UNREADABLE:  # one of its cells: convert each row by itself
                yield from (_row(some.slice(place, 1)) for place in range(some.num_rows))
            else:
                yield from map(_ArrowRow, rows)


def _row(batch: Any) -> _ArrowRow:
    """The only row of a batch, without the cells that cannot be read."""
    fields, faults = {}, []
    for place, name in enumerate(batch.schema.names):
        try:
            (fields[name],) = batch.column(place).to_pylist()
        except _UNREADABLE as exc:
            faults.append(f"{name}: the cell cannot be read ({exc})")
    return _ArrowRow(fields, "; ".join(faults) or None)


def _numbered(rows: Iterable[_ArrowRow], start: int, skipped: int = 0) -> Iterator[RawRow]:
    """Rows with their numbers, the first of which is ``start`` + 1; skipped ones are left out."""
    for number, row in enumerate(rows, start=start + 1):
        if number > skipped:
            try:
                yield RawRow(number, _plain(row.fields), fault=row.fault)
            except PydanticSerializationError as exc:
                yield RawRow(number, {}, fault=f"holds a value that JSON cannot express ({exc})")


def _plain(value: Any) -> Any:
    """A value in the types of JSON, or bytes: times as ISO 8601, decimals as digits."""
    if value is None or isinstance(value, str | bool | int | float | bytes):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if getattr(value, "nanosecond", 0):  # a pandas time, finer than Python's
        return value.isoformat()
    return to_jsonable_python(value, inf_nan_mode="constants")
