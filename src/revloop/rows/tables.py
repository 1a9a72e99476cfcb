"""Rows of tables: Parquet files, and data sets of Hugging Face, saved or by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticSerializationError, to_jsonable_python

from revloop.errors import InputError, MissingExtraError
from revloop.rows.lines import Item
from revloop.rows.opening import HINT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from revloop.rows.row import Position

HUB = "hf:"

_BATCH_ROWS, _MADE_ROWS = 256, 32
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
    except pa.ArrowException as exc:
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
    except pa.ArrowException as exc:
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
        yield from _numbered(map(dict, found.skip(passed)), passed, passed)
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


def _rows(batch: Any) -> Iterator[dict[str, Any]]:
    """The rows of a batch of Arrow, a few made at a time."""
    for start in range(0, batch.num_rows, _MADE_ROWS):
        yield from batch.slice(start, _MADE_ROWS).to_pylist()


def _numbered(rows: Iterable[dict[str, Any]], start: int, passed: int) -> Iterator[Item]:
    for number, row in enumerate(rows, start=start + 1):
        if number > passed:
            yield _item(number, row)


def _item(number: int, row: dict[str, Any]) -> Item:
    """A row in the types of JSON: times as ISO 8601, decimals as digits, bytes as base64."""
    try:
        return Item(number, to_jsonable_python(row, bytes_mode="base64", inf_nan_mode="constants"))
    except PydanticSerializationError as exc:
        return Item(number, {}, fault=f"holds something that JSON cannot carry ({exc})")
