"""What can be written, by the ending of a file's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.errors import InputError
from revloop.files.compression import STANDARD_OUTPUT, import_pyarrow
from revloop.files.descriptors import is_special

if TYPE_CHECKING:
    from collections.abc import Collection
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
_OTHER_TEXT = {
    *(".csv", ".htm", ".html", ".json", ".log", ".md", ".toml", ".tsv", ".txt", ".xml"),
    *(".yaml", ".yml"),
}


def check_trajectories(path: Path) -> None:
    """Check that trajectories can be written in the format that a name's ending promises.

    Raises:
        InputError: It promises another format.
        MissingExtraError: pyarrow is needed, and is not installed.
    """
    check_rows(path, "Trajectories", {".parquet"})


def check_rows(path: Path, what: str, others: Collection[str]) -> None:
    """Check that rows can be written in the format that a name's ending promises.

    Args:
        path: The file.
        what: The rows, as in "WHAT are JSONL".
        others: Endings of the formats that they have besides JSONL.

    Raises:
        InputError: It promises another format.
        MissingExtraError: pyarrow is needed, and is not installed.
    """
    ending, inner = path.suffix.lower(), inner_ending(path)
    refused = (_OTHER_COMPRESSION | _BINARY | _OTHER_TEXT | {".parquet"}) - set(others)
    for one in dict.fromkeys((ending, inner)):
        if one in refused or (one == ".parquet" and ending != one):
            known = ["JSONL (plain, .gz or .zst)", *sorted(others)]
            raise InputError(
                f"{path}: '{one}' cannot be written. {what} are {' or '.join(known)}, by the "
                "ending of the name."
            )
    if ending in _NEED_PYARROW:
        import_pyarrow(_NEED_PYARROW[ending])


def check_exactly(path: Path, what: str, ending: str) -> None:
    """Check that a file has the only ending under which a program reads it.

    Raises:
        InputError: It has another one.
    """
    if path != STANDARD_OUTPUT and not is_special(path) and path.suffix.lower() != ending:
        raise InputError(f"{path}: {what} must be in a file whose name ends in {ending}.")


def inner_ending(path: Path) -> str:
    """The ending of a name in lower case, without that of a compression."""
    ending = path.suffix.lower()
    return path.with_suffix("").suffix.lower() if ending in _COMPRESSED else ending


def check_plain(path: Path) -> None:
    """Check that a name's ending does not promise more than plain text.

    Raises:
        InputError: It does.
    """
    ending = path.suffix.lower()
    if ending in _COMPRESSED | _OTHER_COMPRESSION | _BINARY or ending == ".parquet":
        raise InputError(f"{path} would be plain text, not '{ending}': use another ending.")
