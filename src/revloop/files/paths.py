"""What a command writes, checked against what it reads before it does any work.

A command names everything that it will write and read, and :func:`check_paths` tells what cannot
work: a file that would be written over another one that matters, a folder where a file is wanted, a
name that is too long, a disk that is full.
"""

from __future__ import annotations

import os
import stat
import sys
import unicodedata
from dataclasses import dataclass
from enum import Enum, auto
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from revloop.errors import InputError, StoreError
from revloop.files.atomic import is_special, try_to_write, unfinished, writable
from revloop.files.compression import STANDARD_INPUT, STANDARD_OUTPUT
from revloop.files.descriptors import check_descriptor, check_device, descriptor
from revloop.files.endings import check_plain

if sys.platform != "win32":
    pass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

STORE_APPLICATION_ID = 0x7265766C
"""In the header of every store ("revl"): tells our files from other SQLite files."""

_SQLITE_MAGIC, _ID_OFFSET, _HEADER_BYTES = b"SQLite format 3\x00", 68, 100
_JOURNALS = ("-wal", "-shm", "-journal")
_ENDINGS_OF_PARTS = {
    *(".arrow", ".bin", ".json", ".md", ".model", ".parquet", ".pt", ".py", ".safetensors"),
    *(".toml", ".txt", ".yaml", ".yml"),
}
"""What data sets, prompt sets and models are made of."""


class Kind(Enum):
    """How something is written."""

    FILE = auto()
    """Beside its place, and then moved there."""
    IN_PLACE = auto()
    """Where it is, such as a log."""
    STORE = auto()
    FOLDER = auto()


@dataclass(frozen=True, slots=True)
class Writes:
    """Something that a command writes.

    Attributes:
        path: Where; ``-``: standard output.
        what: As in "PATH is the output".
        kind: How.
        may_replace: Whether a file that is there may be replaced, as ``--force`` says; inputs and
            stores never are.
        makes_parents: Whether missing folders above it are made.
        check_form: Raises if nothing can be written in the form that the name tells.
    """

    path: Path
    what: str = "the output"
    kind: Kind = Kind.FILE
    may_replace: bool = True
    makes_parents: bool = False
    check_form: Callable[[Path], None] = check_plain


def check_paths(
    writes: Sequence[Writes],
    reads: Mapping[str, str | Path | None] | None = None,
    *,
    data: str | Path | None = None,
) -> None:
    """Check all that a command will write, before it does any work.

    Args:
        writes: What it writes.
        reads: What it reads, by what people call it; what is None, or is no path, is passed over.
        data: The input, ``-`` for standard input. If it is a folder, nothing may be written
            anywhere in it: it would be taken for another input the next time.

    Raises:
        InputError: Something cannot be written, or would be written over something that is read,
            written or a store.
        StoreError: A store cannot be written where it is wanted.
        ReaderGoneError: An output is a pipe that nobody reads any more.
    """
    read = [(Path(path), what) for what, path in (reads or {}).items() if path is not None]
    if data is not None and str(data) == STANDARD_INPUT:
        _check_standard_input()
    elif data is not None:
        read.append((Path(data), "the input"))
        _check_not_within(writes, Path(data))
    _check_clashes(writes, read)
    for write in sorted(writes, key=lambda write: write.kind is Kind.STORE):
        try:
            _check_place(write)
        except (OSError, ValueError) as exc:
            raise _refusal(write, getattr(exc, "strerror", None) or str(exc)) from exc


def standard_output() -> Writes:
    """Results on standard output, for commands that have nowhere else to put them."""
    return Writes(STANDARD_OUTPUT, "standard output")


def is_store(path: Path) -> bool:
    """Whether a file is a store, or an SQLite file whose last changes are still beside it."""
    try:
        if not path.is_file():
            return False  # what is read of a pipe is gone, and one without a writer blocks
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except (OSError, ValueError):
        return False
    if header and not header.startswith(_SQLITE_MAGIC):
        return False
    found = int.from_bytes(header[_ID_OFFSET : _ID_OFFSET + 4], "big")
    return found == STORE_APPLICATION_ID or _size(log_of(_real(path))) > 0


def log_of(store: Path) -> Path:
    """SQLite's write-ahead log of a store: what is not yet in the file itself."""
    return _beside(store, "-wal")


def lock_of(store: Path) -> Path:
    """What a batch locks while it works on a store."""
    return store.with_name(f".{store.name}.lock")


def _check_standard_input() -> None:
    if sys.stdin is None:
        raise InputError("Standard input is closed: name a file to read.")


def _check_clashes(writes: Sequence[Writes], read: Iterable[tuple[Path, str]]) -> None:
    """Check that nothing is written over something that is read, or written besides."""
    taken = [(path, _files_of_read(path), what) for path, what in read]
    for write in writes:
        if write.path == STANDARD_OUTPUT:
            continue
        own = _files_of(write)
        for path, files, what in taken:
            if any(_is_same(one, other) for one, other in product(own, files)):
                raise InputError(_clash(write, path, what))
            if write.kind is Kind.FILE and _is_part_of(write.path, path):
                raise InputError(
                    f"{write.path} is in {what}, {path}, and would be replaced: name another file "
                    "to write."
                )
        taken.append((write.path, own, write.what))
    _check_standard_output([(path, what) for path, _, what in taken])


def _clash(write: Writes, path: Path, what: str) -> str:
    if _is_same(write.path, path):
        return f"{write.path} is {what} itself: name another file to write."
    return f"{write.path} and {path}, {what}, would overwrite each other: name another file."


def _check_standard_output(taken: Iterable[tuple[Path, str]]) -> None:
    """Check that a shell does not append what is printed to something that is read or written."""
    try:
        here = os.fstat(1)
    except OSError:
        return
    for path, what in taken:
        if descriptor(path) is None and stat.S_ISREG(here.st_mode) and _is_at(path, here):
            raise InputError(f"Standard output is {path}, {what}: send it somewhere else.")


def _check_not_within(writes: Iterable[Writes], folder: Path) -> None:
    if not os.path.isdir(folder):  # noqa: PTH112 - unlike a Path's, it takes any name
        return
    for write in writes:
        if write.path != STANDARD_OUTPUT and _real(folder) in _real(write.path).parents:
            raise InputError(
                f"{write.path} is in the input, {folder}: name a place outside of it for "
                f"{write.what}."
            )


def check_free(path: Path) -> None:
    """Check that no file has this name yet.

    Raises:
        InputError: One has.
    """
    if _is_there(path):
        raise InputError(f"{path} already exists. Choose another name, or add --force.")


def _check_place(write: Writes) -> None:
    """Check one thing that is written by itself.

    Raises:
        OSError: The place cannot be looked at.
        InputError: It cannot be written.
        StoreError: It cannot be written, and is to be a store.
    """
    path = write.path
    number = 1 if path == STANDARD_OUTPUT else descriptor(path)
    if number is not None and write.kind in {Kind.FILE, Kind.IN_PLACE}:
        check_descriptor(number, "Standard output" if path == STANDARD_OUTPUT else str(path))
        return
    for one in _files_of(write):
        _is_there(one)  # tells a name that is too long
    found = path.stat() if _is_there(path) else None
    if write.kind is Kind.FOLDER:
        _check_folder(write, found)
    elif found is not None and is_special(path):
        if write.kind is Kind.STORE:
            raise _refusal(write, "it is no file")
        check_device(found, str(path))
    elif found is not None and stat.S_ISDIR(found.st_mode):
        raise InputError(f"{path} is a folder; a file is wanted.")
    else:
        _check_file(write, there=found is not None)


def _check_folder(write: Writes, found: os.stat_result | None) -> None:
    if found is not None and not stat.S_ISDIR(found.st_mode):
        raise InputError(f"{write.path} is a file; a folder is wanted.")
    _try_in(write.path, write)


def _check_file(write: Writes, *, there: bool) -> None:
    path = write.path
    if write.kind is Kind.STORE:
        if there and not os.access(path, os.W_OK):
            raise _refusal(write, "Permission denied")
    else:
        _check_no_store(path)
        write.check_form(path)
        if not write.may_replace:
            check_free(path)
    _try_in(_real(path).parent, write)


def _try_in(folder: Path, write: Writes) -> None:
    """Try to write in a folder, or in the nearest one above it where that is yet to be made."""
    makes_parents = write.makes_parents or write.kind is Kind.FOLDER
    while makes_parents and not _is_there(folder):
        folder = folder.parent
    if not os.path.isdir(folder):  # noqa: PTH112 - unlike a Path's, it takes any name
        missing = f"No such file or directory, there is no folder {folder}"
        raise _refusal(write, f"{folder} is a file" if _is_there(folder) else missing)
    try:
        with writable(write.path):
            try_to_write(folder)
    except InputError as exc:
        raise (StoreError(str(exc)) if write.kind is Kind.STORE else exc) from exc


def _check_no_store(path: Path) -> None:
    """Check that a file is no store, nor the log or the lock of one."""
    if is_store(path):
        raise InputError(
            f"{path} is a store, and no store is ever overwritten: name another file to write."
        )
    owners = [_without(path, ending) for ending in _JOURNALS if path.name.endswith(ending)]
    if path.name.startswith(".") and path.name.endswith(".lock"):
        owners.append(path.with_name(path.name[1:].removesuffix(".lock") or path.name))
    for owner in owners:
        if is_store(owner):
            raise InputError(f"{path} belongs to the store {owner}: name another file to write.")


def _refusal(write: Writes, why: str) -> InputError | StoreError:
    kind = StoreError if write.kind is Kind.STORE else InputError
    return kind(f"{write.path} cannot be written: {why}. Name another place for {write.what}.")


def _files_of_read(path: Path) -> list[Path]:
    return _files_of_store(path) if is_store(path) else [path]


def _files_of(write: Writes) -> list[Path]:
    """What is written for one thing: a file has another name until it is whole."""
    path = write.path
    if descriptor(path) is not None or not path.name or write.kind in {Kind.FOLDER, Kind.IN_PLACE}:
        return [path]
    return _files_of_store(path) if write.kind is Kind.STORE else [path, unfinished(path)]


def _files_of_store(path: Path) -> list[Path]:
    """A store, and what SQLite and a batch keep beside it."""
    real = _real(path)
    return [path, *(_beside(real, ending) for ending in _JOURNALS), lock_of(real)]


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths name the same file, or would if it were there."""
    numbers = descriptor(one), descriptor(other)
    if numbers != (None, None):
        return False
    try:
        found = one.stat()
        if stat.S_ISCHR(found.st_mode):
            return False
        return os.path.samestat(found, other.stat())
    except (OSError, ValueError):
        return _place(one) == _place(other)


def _is_at(path: Path, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), found)
    except (OSError, ValueError):
        return False


def _is_part_of(path: Path, folder: Path) -> bool:
    """Whether a file that is there is one of those that a folder is read for."""
    if path.suffix not in _ENDINGS_OF_PARTS or not os.path.isdir(folder):  # noqa: PTH112
        return False
    return os.path.exists(path) and _real(folder) in _real(path).parents  # noqa: PTH110


def _real(path: Path) -> Path:
    """Where a path leads, whether or not something is there."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):
        return path


def _place(path: Path) -> Path:
    """Where a path leads, the same for all spellings of it."""
    real = _real(path)
    if _ignores_case(real.parent):
        return real.with_name(unicodedata.normalize("NFC", real.name).casefold())
    return real


def _ignores_case(folder: Path) -> bool:
    """Whether a folder's file system takes capital and small letters for the same."""
    if not folder.name or folder.name.swapcase() == folder.name:
        return False
    try:
        return folder.samefile(folder.with_name(folder.name.swapcase()))
    except OSError:
        return False


def _is_there(path: Path) -> bool:
    """Whether something is at a path.

    Raises:
        OSError: The path cannot be: it is too long, or its links lead in a circle.
    """
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}{ending}") if path.name else path


def _without(path: Path, ending: str) -> Path:
    return path.with_name(path.name.removesuffix(ending) or path.name)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
