"""What can be written, by the ending of a file's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.errors import InputError
from revloop.files.compression import import_pyarrow

if TYPE_CHECKING:
    from pathlib import Path

_NEED_PYARROW = {".parquet": "Parquet", ".zst": "Zstandard (.zst)"}
_COMPRESSED = {".gz", ".zst"}
_OTHER_COMPRESSION = {
    *(".7z", ".br", ".bz2", ".lz4", ".lzma", ".rar", ".snappy", ".tar", ".tgz", ".txz", ".xz"),
    *(".z", ".zip", ".zstd"),
}
_BINARY = {
    *(".arrow", ".avro", ".db", ".feather", ".ods", ".orc", ".pickle", ".pkl", ".sqlite"),
    *(".sqlite3", ".xls", ".xlsx"),
}
_OTHER_TEXT = {".csv", ".tsv", ".xml", ".yaml", ".yml"}


def check_trajectories(path: Path) -> None:
    """Check that trajectories can be written in the format that a name's ending promises.

    Raises:
        InputError: It promises another format.
        MissingExtraError: pyarrow is needed, and is not installed.
    """
    ending = path.suffix.lower()
    inner = path.with_suffix("").suffix.lower() if ending in _COMPRESSED else ""
    for one in (ending, inner):
        if one in _OTHER_COMPRESSION | _BINARY | _OTHER_TEXT or one == inner == ".parquet":
            raise InputError(
                f"{path}: '{one}' cannot be written. Trajectories are JSONL (plain, .gz or .zst) "
                "or .parquet, by the ending of the name."
            )
    if ending in _NEED_PYARROW:
        import_pyarrow(_NEED_PYARROW[ending])


def check_plain(path: Path) -> None:
    """Check that a name's ending does not promise more than plain text.

    Raises:
        InputError: It does.
    """
    ending = path.suffix.lower()
    if ending in _COMPRESSED | _OTHER_COMPRESSION | _BINARY or ending == ".parquet":
        raise InputError(f"{path} would be plain text, not '{ending}': use another ending.")
