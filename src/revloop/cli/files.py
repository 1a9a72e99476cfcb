"""Files that a command writes: whole or not at all, and never over one that is there unasked."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from revloop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


@contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[TextIO]:
    """A text file to write; it gets its name when the block ends without an error.

    Raises:
        InputError: There is such a file and ``force`` is not set, or it cannot be written.
    """
    if path.exists() and not force:
        raise InputError(f"{path} is already there. Name another, or add --force to replace it.")
    if path.is_dir():
        raise InputError(f"{path} is a folder; a file is wanted.")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as exc:
        raise InputError(f"{path} cannot be written: {exc.strerror}.") from exc
    finally:
        unfinished.unlink(missing_ok=True)
