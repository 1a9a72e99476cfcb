"""Writing trajectories and rejects, in complete files or not at all."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from pydantic_core import to_json

from revloop.errors import InputError
from revloop.files.atomic import atomic_file, translate_write_errors
from revloop.files.compression import STANDARD_OUTPUT, compressed
from revloop.files.descriptors import descriptor, is_device
from revloop.rows.parquet import ParquetWriter, columns, schema_of_trajectories
from revloop.values import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.rows.row import Rejected
    from revloop.trajectory import Trajectory


class TrajectoryWriter(Protocol):
    """Writes trajectories, one after another."""

    def write(self, trajectory: Trajectory) -> None:
        """Write one."""


class _JsonlWriter:
    """Writes a trajectory as one line of JSON."""

    def __init__(self, file: BinaryIO, path: Path, *, final_only: bool) -> None:
        self._file, self._path, self._final_only = file, path, final_only

    def write(self, trajectory: Trajectory) -> None:
        line = json_text(final_row(trajectory)) if self._final_only else trajectory.to_json()
        with translate_write_errors(self._path):
            self._file.write(f"{line}\n".encode())


class _ParquetTrajectories:
    """Writes a trajectory as one row of a Parquet file."""

    def __init__(self, writer: ParquetWriter, *, final_only: bool) -> None:
        self._writer, self._final_only = writer, final_only

    def write(self, trajectory: Trajectory) -> None:
        characters = sum(len(version.text) for version in trajectory.versions)
        self._writer.write(columns(trajectory, final_only=self._final_only), characters)


@contextmanager
def open_output(path: Path, *, final_only: bool = False) -> Iterator[TrajectoryWriter]:
    """A file of trajectories, which gets its name when the block ends without an error.

    Args:
        path: JSONL (plain, ``.gz`` or ``.zst``) or ``.parquet``, by its ending; ``-``: standard
            output.
        final_only: Write each row as it came in, with ``response`` replaced by the last version
            and the original under ``original_response``; else the whole trajectory.

    Raises:
        InputError: It cannot be written.
        MissingExtraError: A library that it needs is not installed.
    """
    with output_file(path) as file, trajectory_writer(file, path, final_only=final_only) as writer:
        yield writer


@contextmanager
def output_file(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when the block ends without an error; ``-``: standard output.

    Raises:
        InputError: It cannot be written.
        ReaderGoneError: It is a pipe that nothing reads any more.
    """
    if path != STANDARD_OUTPUT:
        with atomic_file(path) as file:
            yield file
        return
    if sys.stdout is None:
        raise InputError("Standard output is closed: name a file to write.")
    yield sys.stdout.buffer
    with translate_write_errors(Path("standard output")):
        sys.stdout.buffer.flush()


@contextmanager
def trajectory_writer(
    file: BinaryIO, path: Path, *, final_only: bool = False
) -> Iterator[TrajectoryWriter]:
    """Writes trajectories to an open file, in the format that its name promises.

    Args:
        file: One with a file descriptor.
        path: Its name.
        final_only: As for :func:`open_output`.

    Raises:
        InputError: It cannot be written.
        MissingExtraError: A library that it needs is not installed.
    """
    if path.suffix.lower() == ".parquet":
        schema = schema_of_trajectories(final_only=final_only)
        with ParquetWriter.on(file, path, schema) as writer:
            yield _ParquetTrajectories(writer, final_only=final_only)
    else:
        with compressed(file, path) as stream:
            yield _JsonlWriter(stream, path, final_only=final_only)


def final_row(trajectory: Trajectory) -> dict[str, Any]:
    """A row as it came in, with the version that is kept as ``response``.

    Another field of the row whose name is taken gets the prefix ``input_``.
    """
    draft = trajectory.draft
    row: dict[str, Any] = {"id": draft.id}
    if draft.prompt is not None:
        row["prompt"] = draft.prompt
    if draft.messages is not None:
        row["messages"] = [turn.model_dump() for turn in draft.messages]
    row |= {"response": trajectory.kept_text, "original_response": trajectory.original}
    taken = set(row)
    for name, value in draft.extra.items():
        free = name
        while free in taken or (free != name and free in draft.extra):
            free = f"input_{free}"
        row[free] = value
    return row


class RejectsWriter:
    """Writes the rows that cannot be used, one object per line: ``line``, ``reason``, ``raw``.

    Attributes:
        count: How many there were.
    """

    def __init__(self, path: Path | None, files: ExitStack) -> None:
        self.count = 0
        self._path, self._files = path, files
        self._file: BinaryIO | None = None

    def write(self, rejected: Rejected) -> None:
        """Write one; the first creates the file."""
        self.count += 1
        if self._path is None:
            return
        if self._file is None:
            self._file = self._files.enter_context(atomic_file(self._path))
        row = {"line": rejected.number, "reason": rejected.reason, "raw": rejected.raw}
        with translate_write_errors(self._path):
            self._file.write(to_json(row) + b"\n")


@contextmanager
def open_rejects(output: Path) -> Iterator[RejectsWriter]:
    """The file beside an output for rows that cannot be used: ``OUTPUT.rejected.jsonl``.

    It exists after the block if there was such a row; else one from an earlier run is removed.
    Beside standard output (``-``), a descriptor or a device there is no such file, and rows are
    only counted.

    Raises:
        InputError: It cannot be written.
    """
    path = rejects_path(output)
    with ExitStack() as files:
        writer = RejectsWriter(path, files)
        yield writer
    if path is not None and not writer.count:
        with translate_write_errors(path):
            path.unlink(missing_ok=True)


def rejects_path(output: Path) -> Path | None:
    """Where the rejected rows of an output go; None if no file can be beside it."""
    if output == STANDARD_OUTPUT or descriptor(output) is not None or is_device(output):
        return None
    return output.with_name(f"{output.name}.rejected.jsonl")
