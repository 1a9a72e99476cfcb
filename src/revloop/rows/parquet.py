"""Trajectories as Parquet: one row each, the same columns whatever the rows hold."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from revloop.errors import MissingExtraError
from revloop.files.atomic import of_its_own, writable
from revloop.files.compression import HINT
from revloop.values import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from revloop.trajectory import Draft, Trajectory, Version

TURN_FIELDS = "turn_fields"
"""Where ``extra`` has the turns' fields besides role and content: a list, null for a turn that has
none."""

_GROUP_ROWS = 1000
_GROUP_LETTERS = 16 * 2**20


class ParquetWriter:
    """Gathers rows, and writes a row group of each thousand, or of each 16 million letters."""

    def __init__(self, writer: Any, path: Path, *, final_only: bool) -> None:
        self._writer, self._path, self._final_only = writer, path, final_only
        self._rows: list[dict[str, Any]] = []
        self._letters = 0

    @classmethod
    @contextmanager
    def on(cls, file: BinaryIO, path: Path, *, final_only: bool) -> Iterator[Self]:
        """A writer of a file, whole when the block ends.

        Raises:
            InputError: It cannot be written.
            MissingExtraError: pyarrow is not installed.
        """
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as exc:
            raise MissingExtraError(f"Parquet needs pyarrow: {HINT}.") from exc
        schema = _final_schema(pa) if final_only else _schema(pa)
        with of_its_own(file, path) as given:
            with writable(path):
                inner = pq.ParquetWriter(given, schema, compression="zstd")
            writer = cls(inner, path, final_only=final_only)
            try:
                yield writer
                writer.flush()
            finally:
                with writable(path):
                    inner.close()

    def write(self, trajectory: Trajectory) -> None:
        """Write one trajectory."""
        self._rows.append((final_columns if self._final_only else columns)(trajectory))
        self._letters += sum(len(version.text) for version in trajectory.versions)
        if len(self._rows) == _GROUP_ROWS or self._letters >= _GROUP_LETTERS:
            self.flush()

    def flush(self) -> None:
        """Write the rows gathered so far as a row group."""
        if not self._rows:
            return
        import pyarrow as pa

        with writable(self._path):
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._writer.schema))
        self._rows, self._letters = [], 0


def columns(trajectory: Trajectory) -> dict[str, Any]:
    """A trajectory with all versions, without the single requests: those are in JSONL."""
    return {
        **_asked(trajectory.draft),
        "response": trajectory.original,
        "final": trajectory.final,
        "versions": [_version(version) for version in trajectory.versions],
        "end": None if trajectory.end is None else trajectory.end.reason.value,
        "trajectory_id": trajectory.id,
        "extra": _extra(trajectory.draft),
    }


def final_columns(trajectory: Trajectory) -> dict[str, Any]:
    """A row as it came in, with the version that is kept as ``response``."""
    return {
        **_asked(trajectory.draft),
        "response": trajectory.kept_text,
        "original_response": trajectory.original,
        "extra": _extra(trajectory.draft),
    }


def _asked(draft: Draft) -> dict[str, Any]:
    turns = draft.messages and [
        {"role": turn.role, "content": turn.content} for turn in draft.messages
    ]
    name = draft.id if isinstance(draft.id, str) else draft.key
    return {"id": name, "prompt": draft.prompt, "messages": turns}


def _version(version: Version) -> dict[str, Any]:
    said = version.critique
    return {
        "round": version.round,
        "text": version.text,
        "critique": said and said.raw,
        "score": said and said.score,
    }


def _extra(draft: Draft) -> str:
    extra = dict(draft.extra)
    turns = [turn.other_fields or None for turn in draft.messages or ()]
    if any(turns):
        extra[TURN_FIELDS] = turns
    return json_text(extra)


def _asked_schema(pa: Any) -> list[Any]:
    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    return [("id", pa.string()), ("prompt", pa.string()), ("messages", pa.list_(turn))]


def _schema(pa: Any) -> Any:
    version = pa.struct(
        [
            ("round", pa.int32()),
            ("text", pa.string()),
            ("critique", pa.string()),
            ("score", pa.float64()),
        ]
    )
    return pa.schema(
        [
            *_asked_schema(pa),
            ("response", pa.string()),
            ("final", pa.string()),
            ("versions", pa.list_(version)),
            ("end", pa.string()),
            ("trajectory_id", pa.string()),
            ("extra", pa.string()),
        ]
    )


def _final_schema(pa: Any) -> Any:
    return pa.schema(
        [
            *_asked_schema(pa),
            ("response", pa.string()),
            ("original_response", pa.string()),
            ("extra", pa.string()),
        ]
    )
