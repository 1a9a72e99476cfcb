"""What can be written, by the ending of a file's name."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from revloop.errors import InputError, MissingExtraError
from revloop.files.compression import HINT

if TYPE_CHECKING:
    from pathlib import Path

_NEED_PYARROW = {".parquet": "Parquet", ".zst": "Zstandard (.zst)"}
_PACKED = {".gz", ".zst"}
_OTHER_PACKING = {
    *(".7z", ".br", ".bz2", ".lz4", ".lzma", ".rar", ".snappy", ".tar", ".tgz", ".txz", ".xz"),
    *(".z", ".zip", ".zstd"),
}
_BINARY = {
    *(".arrow", ".avro", ".db", ".feather", ".ods", ".orc", ".pickle", ".pkl", ".sqlite"),
    *(".sqlite3", ".xls", ".xlsx"),
}
_OTHER_TEXT = {".csv", ".tsv", ".xml", ".yaml", ".yml"}


def check_trajectories(path: Path) -> None:
    """Check that trajectories can be written in the form that a name tells.

    Raises:
        InputError: The name promises another form.
        MissingExtraError: It takes a library that is not installed.
    """
    ending = path.suffix.lower()
    inner = path.with_suffix("").suffix.lower() if ending in _PACKED else ""
    for one in (ending, inner):
        if one in _OTHER_PACKING | _BINARY | _OTHER_TEXT or (one and one == inner == ".parquet"):
            raise InputError(
                f"{path}: '{one}' cannot be written. Trajectories are JSONL (plain, .gz or .zst) "
                "or .parquet, by the ending of the name."
            )
    if ending in _NEED_PYARROW and importlib.util.find_spec("pyarrow") is None:
        raise MissingExtraError(f"{_NEED_PYARROW[ending]} needs pyarrow: {HINT}.")


def check_plain(path: Path) -> None:
    """Check that a name does not promise more than a plain text file.

    Raises:
        InputError: It does.
    """
    ending = path.suffix.lower()
    if ending in _PACKED | _OTHER_PACKING | _BINARY or ending == ".parquet":
        raise InputError(
            f"{path} would be a plain text file, and no '{ending}': name one without that ending."
        )
