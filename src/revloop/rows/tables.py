"""Rows of tables: Parquet files, and data sets of Hugging Face, saved or by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import PydanticSerializationError, to_jsonable_python

from revloop.errors import InputError, MissingExtraError
from revloop.files.compression import HINT
from revloop.rows.lines import Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from revloop.rows.row import Position

HUB = "hf:"

_BATCH_ROWS, _MADE_ROWS = 256, 32
# a year or a time zone that Python has not, text that is not UTF-8; Arrow's own errors are some of
# these
_UNREADABLE = (ValueError, OverflowError, LookupError, NotImplementedError)
_SAVED = ("state.json", "dataset_info.json")


def is_parquet(head: bytes) -> bool:
    """Whether a file is Parquet, by its first four bytes."""
    return head.startswith(b"PAR1")


def parquet_rows(path: str, after: Position | None = None) -> Iterator[Item]:
    """The rows of a Parquet file, a small batch in memory at a time.

    Raises:
        InputError: The file is damaged.
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as exc:
        raise MissingExtraError(f"Parquet needs pyarrow: {HINT}.") from exc
    passed = after.number if after else 0
    try:
        with pq.ParquetFile(path, buffer_size=2**20, pre_buffer=False) as file:
            groups, start = _groups_behind(file.metadata, passed)
            batches = file.iter_batches(batch_size=_BATCH_ROWS, row_groups=groups)
            yield from _numbered((row for batch in batches for row in _rows(batch)), start, passed)
    except (pa.ArrowException, UnicodeDecodeError) as exc:
        raise InputError(f"{path} is no Parquet file, or it is damaged ({exc}).") from exc


def group_rows(file: Any, group: int, name: str) -> Iterator[Item]:
    """The rows of one row group of an open Parquet file, numbered within the file.

    Args:
        file: A ``pyarrow.parquet.ParquetFile``.
        group: Number of the row group, from 0.
        name: What people call the file.

    Raises:
        InputError: The file is damaged.
    """
    import pyarrow as pa

    start = sum(file.metadata.row_group(before).num_rows for before in range(group))
    try:
        batches = file.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group])
        yield from _numbered((row for batch in batches for row in _rows(batch)), start, start)
    except (pa.ArrowException, UnicodeDecodeError) as exc:
        raise InputError(f"{name} is no Parquet file, or it is damaged ({exc}).") from exc


def _groups_behind(metadata: Any, passed: int) -> tuple[list[int], int]:
    """The row groups that hold rows behind a number, and how many rows the others hold."""
    start = 0
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if start + rows > passed:
            return list(range(group, metadata.num_row_groups)), start
        start += rows
    return [], start


def saved_rows(folder: str, after: Position | None = None) -> Iterator[Item]:
    """The rows of a data set that ``save_to_disk`` has made.

    Raises:
        InputError: The folder holds none, or several.
        MissingExtraError: datasets is not installed.
    """
    path = Path(folder)
    if (path / "dataset_dict.json").is_file():
        splits = ", ".join(str(path / split.name) for split in _splits(path))
        raise InputError(f"{folder} holds a data set of several splits: name one of {splits}.")
    if not all((path / name).is_file() for name in _SAVED):
        raise InputError(f"{folder} is a folder, but no data set that save_to_disk has made.")
    passed = after.number if after else 0
    try:
        found = _datasets().load_from_disk(folder, keep_in_memory=False).with_format("arrow")
    except (ValueError, KeyError, TypeError) as exc:  # what a damaged description comes to
        raise InputError(f"{folder} holds a data set that cannot be read: {exc}.") from exc
    if passed >= len(found):
        return
    batches = found.skip(passed).iter(batch_size=_BATCH_ROWS)
    yield from _numbered((row for batch in batches for row in _rows(batch)), passed, passed)


def _splits(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if (child / "state.json").is_file())


def hub_rows(source: str, after: Position | None = None) -> Iterator[Item]:
    """The rows of a data set of the Hugging Face hub, as they come over the network.

    Args:
        source: ``hf:OWNER/NAME`` or ``hf:OWNER/NAME:SPLIT``; without a split: ``train``.
        after: Go on after this row.

    Raises:
        InputError: There is no such data set or split, or the hub cannot be reached.
        MissingExtraError: datasets is not installed.
    """
    name, _, split = source.removeprefix(HUB).partition(":")
    library = _datasets()
    import httpx  # what datasets talks with

    passed = after.number if after else 0
    try:
        found = library.load_dataset(name, split=split or "train", streaming=True)
        yield from _numbered((_Made(dict(row)) for row in found.skip(passed)), passed, passed)
    except library.exceptions.DatasetNotFoundError as exc:
        raise InputError(f"There is no data set '{name}' on the hub: {exc}") from exc
    except (OSError, httpx.HTTPError) as exc:
        raise InputError(
            f"The data set '{name}' cannot be loaded: {exc}. Is the hub within reach? One that was "
            "saved with save_to_disk can be read from its folder."
        ) from exc
    except (ValueError, RuntimeError) as exc:
        raise InputError(f"The data set '{source}' cannot be read: {exc}.") from exc


def _datasets() -> Any:
    try:
        import datasets
    except ImportError as exc:
        raise MissingExtraError(f"Data sets of Hugging Face need datasets: {HINT}.") from exc
    return datasets


class _Made(NamedTuple):
    """A row of Arrow in Python's types, and what is wrong with it, if anything."""

    fields: dict[str, Any]
    fault: str | None = None


def _rows(batch: Any) -> Iterator[_Made]:
    """The rows of a batch of Arrow, a few made at a time."""
    for start in range(0, batch.num_rows, _MADE_ROWS):
        some = batch.slice(start, _MADE_ROWS)
        try:
            made = some.to_pylist()
        except _UNREADABLE:  # one of its cells: each row by itself
            yield from (_row(some.slice(place, 1)) for place in range(some.num_rows))
        else:
            yield from map(_Made, made)


def _row(batch: Any) -> _Made:
    """The only row of a batch, without the cells that cannot be read."""
    fields, faults = {}, []
    for place, name in enumerate(batch.schema.names):
        try:
            (fields[name],) = batch.column(place).to_pylist()
        except _UNREADABLE as exc:
            faults.append(f"{name}: a cell that cannot be read ({exc})")
    return _Made(fields, "; ".join(faults) or None)


def _numbered(rows: Iterable[_Made], start: int, passed: int) -> Iterator[Item]:
    for number, row in enumerate(rows, start=start + 1):
        if number > passed:
            yield _item(number, row)


def _item(number: int, row: _Made) -> Item:
    try:
        return Item(number, _plain(row.fields), fault=row.fault)
    except PydanticSerializationError as exc:
        return Item(number, {}, fault=f"holds something that JSON cannot carry ({exc})")


def _plain(value: Any) -> Any:
    """A value in the types of JSON, and bytes: times as ISO 8601, decimals as digits."""
    if value is None or isinstance(value, str | bool | int | float | bytes):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if getattr(value, "nanosecond", 0):  # a time of pandas, which is finer than one of Python
        return value.isoformat()
    return to_jsonable_python(value, inf_nan_mode="constants")


def with_text(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row whose bytes are text where they are UTF-8; the same object if it has no bytes.

    Programs that leave the mark of a string out write texts as bytes.
    """
    return {name: _text(value) for name, value in row.items()} if _has_bytes(row) else row


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if isinstance(value, dict):
        return {name: _text(item) for name, item in value.items()}
    return [_text(item) for item in value] if isinstance(value, list) else value


def _has_bytes(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_bytes, value.values()))
    return any(map(_has_bytes, value)) if isinstance(value, list) else isinstance(value, bytes)


def with_base64(rest: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """The caller's fields of a row with bytes as base64, those that happen to be UTF-8 too."""
    as_read = {name: row.get(name, value) for name, value in rest.items()}
    found: dict[str, Any] = to_jsonable_python(
        as_read, bytes_mode="base64", inf_nan_mode="constants"
    )
    return found
