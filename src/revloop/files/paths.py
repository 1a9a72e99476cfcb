"""Checks of everything that a command writes, against what it reads, before it does any work.

A command lists what it will write and read, and :func:`check_paths` refuses what cannot work: an
output that would overwrite a file that matters, a folder in place of a file, a name that is too
long, a full disk.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from dataclasses import dataclass
from enum import Enum, auto
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from revloop.errors import InputError, StoreError
from revloop.files.atomic import probe_write, temporary_path, translate_write_errors
from revloop.files.compression import STANDARD_INPUT, STANDARD_OUTPUT, check_standard_input
from revloop.files.descriptors import check_descriptor, check_device, descriptor, is_special
from revloop.files.endings import check_plain
from revloop.files.store_files import JOURNAL_SUFFIXES, is_store, lock_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_IN_MEMORY = ":memory:"
"""SQLite's name for a database that is not kept: here it would be a file that is found again."""
_PART_ENDINGS = {
    *(".arrow", ".bin", ".json", ".md", ".model", ".parquet", ".pt", ".py", ".safetensors"),
    *(".toml", ".txt", ".yaml", ".yml"),
}
"""Of the files in data sets, prompt sets and models."""


class Kind(Enum):
    """How something is written."""

    FILE = auto()
    """Under a temporary name, then renamed."""
    IN_PLACE = auto()
    """Directly, such as a log."""
    STORE = auto()
    FOLDER = auto()


@dataclass(frozen=True, slots=True)
class Writes:
    """Something that a command writes.

    Attributes:
        path: Where; ``-``: standard output.
        what: As in "PATH is the output".
        kind: How.
        may_replace: Whether an existing file may be replaced, as ``--force`` says; inputs and
            stores never are.
        makes_parents: Whether missing parent folders are created.
        check_ending: Raises if the name's ending promises a format that cannot be written.
    """

    path: Path
    what: str = "the output"
    kind: Kind = Kind.FILE
    may_replace: bool = True
    makes_parents: bool = False
    check_ending: Callable[[Path], None] = check_plain

    @property
    def is_file(self) -> bool:
        """Whether it is neither a store nor a folder."""
        return self.kind in {Kind.FILE, Kind.IN_PLACE}

    def files(self) -> list[Path]:
        """The files that are written for it, temporary ones included."""
        if self.kind is Kind.STORE:
            return _files_of_store(self.path)
        is_renamed = self.kind is Kind.FILE and self.path.name and descriptor(self.path) is None
        return [self.path, temporary_path(self.path)] if is_renamed else [self.path]

    def refusal(self, why: str) -> InputError | StoreError:
        """The error that says why it cannot be written."""
        kind = StoreError if self.kind is Kind.STORE else InputError
        return kind(f"{self.path} cannot be written: {why}. Name another place for {self.what}.")


def check_paths(
    writes: Sequence[Writes],
    reads: Mapping[str, str | Path | None] | None = None,
    *,
    data: str | Path | None = None,
) -> None:
    """Check everything that a command will write, before it does any work.

    Args:
        writes: What it writes.
        reads: What it reads, by its name in messages; None and other non-paths are ignored.
        data: The input, ``-`` for standard input. If it is a folder, nothing may be written
            anywhere in it: it would be read as input the next time.

    Raises:
        InputError: Something cannot be written, or would overwrite something that is read, written
            or a store.
        StoreError: A store cannot be written.
        ReaderGoneError: An output is a pipe that nothing reads any more.
    """
    read = [(Path(path), what) for what, path in (reads or {}).items() if path is not None]
    if data is not None and str(data) == STANDARD_INPUT:
        check_standard_input()
    elif data is not None:
        read.append((Path(data), "the input"))
        _check_outside(writes, Path(data))
    _check_conflicts(writes, read)
    for write in sorted(writes, key=lambda write: write.kind is Kind.STORE):
        try:
            _check_writable(write)
        except (OSError, ValueError) as exc:
            raise write.refusal(getattr(exc, "strerror", None) or str(exc)) from exc


def standard_output() -> Writes:
    """Results on standard output, for commands that write nothing else."""
    return Writes(STANDARD_OUTPUT, "standard output")


def check_free(path: Path) -> None:
    """Check that no file has this name yet.

    Raises:
        InputError: One has.
    """
    if _exists(path):
        raise InputError(f"{path} already exists. Choose another name, or add --force.")


def _check_outside(writes: Iterable[Writes], folder: Path) -> None:
    if not _is_folder(folder):
        return
    for write in writes:
        if write.path != STANDARD_OUTPUT and _real(folder) in _real(write.path).parents:
            raise InputError(
                f"{write.path} is in the input, {folder}: name a place outside of it for "
                f"{write.what}."
            )


def _check_conflicts(writes: Iterable[Writes], read: Iterable[tuple[Path, str]]) -> None:
    """Check that nothing overwrites what is read, or something else that is written."""
    taken = [
        (path, _files_of_store(path) if is_store(path) else [path], what) for path, what in read
    ]
    for write in writes:
        if write.path == STANDARD_OUTPUT:
            continue
        for path, files, what in taken:
            if _is_same(write.path, path):
                raise InputError(f"{write.path} is {what} itself: name another file to write.")
            if any(_is_same(one, other) for one, other in product(write.files(), files)):
                raise InputError(
                    f"{write.path} and {path}, {what}, would overwrite each other: name another "
                    "file."
                )
            if write.kind is Kind.FILE and _is_part_of(write.path, path):
                raise InputError(
                    f"{write.path} is in {what}, {path}, and would be replaced: name another file "
                    "to write."
                )
        taken.append((write.path, write.files(), write.what))
    for path, _, what in taken:
        if _is_redirected_to(path):
            raise InputError(f"Standard output is {path}, {what}: redirect it to another file.")


def _is_redirected_to(path: Path) -> bool:
    """Whether a shell has redirected standard output to a file."""
    try:
        out = os.fstat(1)
        is_same = stat.S_ISREG(out.st_mode) and os.path.samestat(path.stat(), out)
    except (OSError, ValueError):
        return False
    return is_same and descriptor(path) is None


def _check_writable(write: Writes) -> None:
    """Check one output by itself.

    Raises:
        OSError: Its path is invalid: too long, say, or a ring of links.
        InputError: It cannot be written.
        StoreError: It is a store, and cannot be written.
    """
    path = write.path
    number = 1 if path == STANDARD_OUTPUT else descriptor(path)
    if number is not None and write.is_file:
        check_descriptor(number, "Standard output" if path == STANDARD_OUTPUT else str(path))
        return
    for one in write.files():
        _exists(one)
    mode = path.stat().st_mode if _exists(path) else None
    if write.kind is Kind.FOLDER:
        if mode is not None and not stat.S_ISDIR(mode):
            raise InputError(f"{path} is a file, not a folder.")
        _probe_folder(path, write)
    elif mode is not None and is_special(path):
        if write.kind is Kind.STORE:
            raise write.refusal("it is a device or a pipe")
        check_device(path.stat(), str(path))
    elif mode is not None and stat.S_ISDIR(mode):
        raise InputError(f"{path} is a folder, not a file.")
    else:
        _check_file(write, exists=mode is not None)
        _probe_folder(_real(path).parent, write)


def _check_file(write: Writes, *, exists: bool) -> None:
    path = write.path
    if write.kind is Kind.STORE:
        if path.name == _IN_MEMORY:
            raise write.refusal("a store is a file; without a store, nothing is kept")
        if exists and not os.access(path, os.W_OK):
            raise write.refusal("Permission denied")
        return
    _check_no_store(path)
    write.check_ending(path)
    if not write.may_replace:
        check_free(path)


def _check_no_store(path: Path) -> None:
    """Check that a file is not a store, and not the log or the lock of one."""
    if is_store(path):
        raise InputError(
            f"{path} is a store, and stores are never overwritten: name another file to write."
        )
    name = path.name
    owners = {name.removesuffix(suffix) for suffix in JOURNAL_SUFFIXES}
    if name.startswith(".") and name.endswith(".lock"):
        owners.add(name[1:].removesuffix(".lock"))
    for owner in map(path.with_name, owners - {name, ""}):
        if is_store(owner):
            raise InputError(f"{path} belongs to the store {owner}: name another file to write.")


def _probe_folder(folder: Path, write: Writes) -> None:
    """Try to write in a folder, or in its nearest parent if it is still to be created."""
    while (write.makes_parents or write.kind is Kind.FOLDER) and not _exists(folder):
        folder = folder.parent
    if not _is_folder(folder):
        missing = f"No such file or directory, there is no folder {folder}"
        raise write.refusal(f"{folder} is a file" if _exists(folder) else missing)
    try:
        with translate_write_errors(write.path):
            probe_write(folder)
    except InputError as exc:
        raise (StoreError(str(exc)) if write.kind is Kind.STORE else exc) from exc


def _files_of_store(path: Path) -> list[Path]:
    """A store, and what SQLite and a batch keep beside it."""
    real = _real(path)
    beside = [real.with_name(f"{real.name}{suffix}") for suffix in JOURNAL_SUFFIXES]
    return [path, *beside, lock_file(real)] if real.name else [path]


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths name the same file, or would if it existed; devices may be shared."""
    if (descriptor(one), descriptor(other)) != (None, None):
        return False
    try:
        found = one.stat()
        return not stat.S_ISCHR(found.st_mode) and os.path.samestat(found, other.stat())
    except (OSError, ValueError):
        return _comparable(one) == _comparable(other)


def _is_part_of(path: Path, folder: Path) -> bool:
    """Whether an existing file is one of those that are read from a folder."""
    if path.suffix not in _PART_ENDINGS or not _is_folder(folder):
        return False
    return os.path.exists(path) and _real(folder) in _real(path).parents  # noqa: PTH110


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - unlike Path.is_dir, it accepts any name


def _exists(path: Path) -> bool:
    """Whether something is at a path.

    Raises:
        OSError: The path is invalid: too long, say, or a ring of links.
    """
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def _real(path: Path) -> Path:
    """Where a path leads, whether or not something is there."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):
        return path


def _comparable(path: Path) -> Path:
    """Where a path leads, the same for all spellings of it."""
    real = _real(path)
    if _ignores_case(real.parent):
        return real.with_name(unicodedata.normalize("NFC", real.name).casefold())
    return real


def _ignores_case(folder: Path) -> bool:
    """Whether a folder's file system ignores the case of names."""
    if not folder.name or folder.name.swapcase() == folder.name:
        return False
    try:
        return folder.samefile(folder.with_name(folder.name.swapcase()))
    except OSError:
        return False
