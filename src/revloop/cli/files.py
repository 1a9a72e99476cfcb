"""Files that a command writes: whole or not at all, and never over one that is there unasked."""

from __future__ import annotations

import io
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from revloop.errors import InputError
from revloop.files.atomic import is_special, whole_file, writable
from revloop.files.descriptors import descriptor
from revloop.rows import STANDARD_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


@contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[TextIO]:
    """A text file to write; it gets its name when the block ends without an error.

    Raises:
        InputError: There is such a file and ``force`` is not set, or it cannot be written.
        ReaderGoneError: It is a pipe that nobody reads any more.
    """
    with writable(path):
        if not force and not is_special(path) and path.exists():
            raise InputError(
                f"{path} is already there. Name another, or add --force to replace it."
            )
    with whole_file(path) as file, writable(path):
        text = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
        try:
            yield text
            text.flush()
        finally:
            with suppress(OSError):  # what cannot be written was told before
                text.detach()


def named_output(path: Path) -> Path:
    """An output as it was named; ``/dev/stdout`` is what ``-`` is."""
    return STANDARD_OUTPUT if descriptor(path) == 1 else path


def judges_read(specs: Iterable[str | None]) -> dict[str, Path]:
    """What judges are made of, by what people call it: a model's folder, a module's file."""
    return {
        f"what the judge '{spec}' is made of": Path(rest)
        if kind in {"model", "reward"}
        else Path(f"{kind.replace('.', '/')}.py")
        for spec in specs
        if spec is not None
        for kind, colon, rest in [spec.partition(":")]
        if colon
    }
