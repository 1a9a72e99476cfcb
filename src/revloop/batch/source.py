"""The input of a batch: which rows to read, and whether it is the one that a run began with."""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from revloop.errors import InputError
from revloop.files.compression import translate_read_errors
from revloop.rows import read_rows
from revloop.rows.tables import HUB
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from revloop.rows import Position, Rejected, Row
    from revloop.store import InputState

_LOOKED_AT_BYTES = 64 * 2**10
_STDIN = "-"


@dataclass(frozen=True, slots=True)
class InputSource:
    """What to read, and how.

    Attributes:
        name: As for :func:`~revloop.rows.read_rows`, and so are the others.
    """

    name: str
    form: str = "auto"
    fields: Mapping[str, str] = field(default_factory=dict)
    questions: Path | None = None

    def rows(self, after: Position | None) -> Iterator[Row | Rejected]:
        """The rows after a position.

        Raises:
            InputError: The input cannot be read.
        """
        return read_rows(
            self.name,
            format_name=self.form,
            fields=self.fields,
            questions=self.questions,
            after=after,
        )

    def check_there(self) -> None:
        """Check, before any work, that there is something to read.

        Raises:
            InputError: There is no such input, or it may not be read.
        """
        if self.name == _STDIN or self.name.startswith(HUB):
            return
        with translate_read_errors(self.name):
            Path(self.name).stat()
            if not os.access(self.name, os.R_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def fingerprint(self) -> str | None:
        """Tells this input, read in this way, from others; None for a stream, which cannot be told.

        Of a file: its size and its first and last 64 KiB, which takes no time however large it is.
        A change in the middle that leaves the size as it was goes unseen. Of a folder: the names
        and sizes of its files. Of a data set by name: its name.

        Raises:
            InputError: The input cannot be read.
        """
        path = Path(self.name)
        is_stream = self.name == _STDIN or (path.exists() and not (path.is_file() or path.is_dir()))
        if is_stream:
            return None
        try:
            looks = _look(path) if path.exists() else [self.name]
        except OSError as exc:
            raise InputError(f"{self.name} cannot be read: {exc.strerror}.") from exc
        how = [self.form, sorted(self.fields.items())]
        return digest_of(looks, how)

    def size_bytes(self) -> int | None:
        """The size of a file; None for anything else."""
        path = Path(self.name)
        return path.stat().st_size if path.is_file() else None

    def check(self, state: InputState) -> None:
        """Make sure that this is the input that a run began with.

        Raises:
            InputError: It is another one, or is read in another way.
        """
        if self.fingerprint() == state.fingerprint:
            return
        read = 0 if state.position is None else state.position.number
        raise InputError(
            f"{self.name} is not the input that this run began with ({state.name}, {read} rows "
            "read): the size, the beginning, the end or the way to read it differs. Give that "
            "input again, or begin a new run (--new-run), or use another store."
        )


def _look(path: Path) -> list[object]:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return [[str(file.relative_to(path)), file.stat().st_size] for file in files]
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        ends = hashlib.sha256(file.read(_LOOKED_AT_BYTES))
        file.seek(max(0, size - _LOOKED_AT_BYTES))
        ends.update(file.read(_LOOKED_AT_BYTES))
    return [size, ends.hexdigest()]
