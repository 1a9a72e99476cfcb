"""The input of a batch, and whether it is the one that a run began with."""

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
    """What to read, and how: the arguments of :func:`~revloop.rows.read_rows`."""

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
        """Check that the input can be read, before any work starts.

        Raises:
            InputError: There is no such input, or it is not readable.
        """
        if self.name == _STDIN or self.name.startswith(HUB):
            return
        with translate_read_errors(self.name):
            Path(self.name).stat()
            if not os.access(self.name, os.R_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def fingerprint(self) -> str | None:
        """Fingerprint of input and read options; None for a stream.

        For a file: its size and its first and last 64 KiB (fast for any size, but it misses a
        change in the middle that keeps the size). For a folder: the names and sizes of its files.
        For a data set: its name.

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
        """Check that this is the input that a run began with.

        Raises:
            InputError: It is another input, or the read options differ.
        """
        if self.fingerprint() == state.fingerprint:
            return
        read = 0 if state.position is None else state.position.number
        raise InputError(
            f"{self.name} is not the input that this run began with ({state.name}, {read} rows "
            "read): its size, beginning, end or read options differ. Use that input again, begin a "
            "new run (--new-run), or use another store."
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
