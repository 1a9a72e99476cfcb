"""Output files: written completely or not at all, and never over an existing one unasked."""

from __future__ import annotations

import io
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from revloop.cli.config_file import read_config
from revloop.demo import CRITIC_FOLDER
from revloop.engines.factory import DEMO
from revloop.errors import InputError
from revloop.files.atomic import atomic_file, translate_write_errors
from revloop.files.descriptors import descriptor, is_special
from revloop.files.paths import check_free
from revloop.rows import STANDARD_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from revloop.options import Options

Force = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]


@contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[TextIO]:
    """A text file to write; it appears under its name when the block ends without an error.

    Raises:
        InputError: The file exists and ``force`` is not set, or it cannot be written.
        ReaderGoneError: It is a pipe whose reader has gone.
    """
    with translate_write_errors(path):
        if not force and not is_special(path):
            check_free(path)
    with atomic_file(path) as file, translate_write_errors(path):
        text = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
        try:
            yield text
            text.flush()
        finally:
            with suppress(OSError):  # a failed write was reported before
                text.detach()


def make_folder(folder: Path) -> None:
    """Create a folder with its parents, if it is not there.

    Raises:
        InputError: It cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InputError(f"The folder {folder} cannot be created: {exc.strerror}.") from exc


def named_output(path: Path) -> Path:
    """The output path; ``/dev/stdout`` is the same as ``-``."""
    return STANDARD_OUTPUT if descriptor(path) == 1 else path


def paths_read(*models: Options, judges: Iterable[str | None] = ()) -> dict[str, str | Path | None]:
    """What the options of a command name to be read, by what people call it."""
    paths: dict[str, str | Path | None] = {"the options file": read_config().path}
    for model in models:
        paths |= model.paths_read()
    return {**paths, **judges_read(judges)}


def judges_read(specs: Iterable[str | None]) -> dict[str, Path]:
    """The model folder or module file of each judge, by the name that messages use."""
    return {
        f"the files of the judge '{spec}'": Path(rest)
        if kind in {"model", "reward"}
        else Path(f"{kind.replace('.', '/')}.py")
        for spec in specs
        if spec is not None
        for kind, colon, rest in [spec.partition(":")]
        if colon and not rest.startswith(("http://", "https://"))
    }


def model_folder(name: str) -> str:
    """The model that a name stands for: ``demo`` is the toy critic that ships with revloop."""
    return str(CRITIC_FOLDER) if name == DEMO else name
