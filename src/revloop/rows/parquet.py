"""Rows as Parquet; trajectories have the same columns for all inputs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from revloop.files.atomic import duplicate_handle, translate_write_errors
from revloop.files.compression import import_pyarrow
from revloop.trajectory import PanelComparison, results_of
from revloop.values import json_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from revloop.trajectory import Comparison, Draft, Trajectory, Verdict, Version

TURN_FIELDS = "turn_fields"
"""Where ``extra`` has the turns' fields besides role and content: a list, null for a turn without
any."""

_ORDERS = ("old first", "new first")
_GROUP_ROWS = 1000
_GROUP_CHARACTERS = 16 * 2**20


class ParquetWriter:
    """Collects rows, and writes a row group per thousand rows or 16 million characters."""

    def __init__(self, writer: Any, path: Path) -> None:
        self._writer, self._path = writer, path
        self._rows: list[Mapping[str, Any]] = []
        self._characters = 0

    @classmethod
    @contextmanager
    def on(cls, file: BinaryIO, path: Path, schema: Any) -> Iterator[Self]:
        """A writer to a file, which is complete when the block ends.

        Args:
            file: One with a file descriptor.
            path: Its name.
            schema: An Arrow schema.

        Raises:
            InputError: It cannot be written.
            MissingExtraError: pyarrow is not installed.
        """
        pa = import_pyarrow("Parquet")
        with duplicate_handle(file, path) as handle:
            with translate_write_errors(path):
                inner = pa.parquet.ParquetWriter(handle, schema, compression="zstd")
            writer = cls(inner, path)
            try:
                yield writer
                writer.flush()
            finally:
                with translate_write_errors(path):
                    inner.close()

    def write(self, row: Mapping[str, Any], characters: int) -> None:
        """Write one row with about so many characters."""
        self._rows.append(row)
        self._characters += characters
        if len(self._rows) == _GROUP_ROWS or self._characters >= _GROUP_CHARACTERS:
            self.flush()

    def flush(self) -> None:
        """Write the rows collected so far as a row group."""
        if not self._rows:
            return
        table = import_pyarrow("Parquet").Table.from_pylist(self._rows, schema=self._writer.schema)
        with translate_write_errors(self._path):
            self._writer.write_table(table)
        self._rows, self._characters = [], 0


def table_of_trajectories(trajectories: Iterable[Trajectory]) -> Any:
    """Trajectories as an Arrow table.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    pa = import_pyarrow("A table")
    rows = [columns(trajectory, final_only=False) for trajectory in trajectories]
    return pa.Table.from_pylist(rows, schema=schema_of_trajectories(final_only=False))


def columns(trajectory: Trajectory, *, final_only: bool) -> dict[str, Any]:
    """A trajectory with all versions but no requests, or the row with the version that is kept."""
    asked, extra = _asked(trajectory.draft), {"extra": _extra(trajectory.draft)}
    if final_only:
        kept = {"response": trajectory.kept_text, "original_response": trajectory.original}
        return {**asked, **kept, **extra}
    return {
        **asked,
        "response": trajectory.original,
        "final": trajectory.final,
        "versions": [_version(version) for version in trajectory.versions],
        "end": None if trajectory.end is None else trajectory.end.reason.value,
        "trajectory_id": trajectory.id,
        **extra,
    }


def _asked(draft: Draft) -> dict[str, Any]:
    turns = draft.messages and [
        {"role": turn.role, "content": turn.content} for turn in draft.messages
    ]
    return {"id": draft.name, "prompt": draft.prompt, "messages": turns}


def _version(version: Version) -> dict[str, Any]:
    critique = version.critique
    return {
        "round": version.round,
        "text": version.text,
        "critique": critique and critique.raw,
        "score": critique and critique.score,
        "checks": [
            {"name": check.name, "passed": check.passed, "message": check.message}
            for check in version.checks
        ],
        "verdicts": list(_verdicts(version.comparison)),
    }


def _verdicts(found: Comparison | PanelComparison | None) -> Iterator[dict[str, Any]]:
    """The verdicts that decided whether a version is kept; only those of panels name the judge."""
    given: list[tuple[str | None, str | None, tuple[Verdict, Verdict]]] = []
    if isinstance(found, PanelComparison):
        given += [(vote.judge, vote.digest, vote.verdicts) for vote in found.votes]
    elif found is not None:
        given.append((None, None, found.verdicts))
    for judge, digest, verdicts in given:
        for verdict, order, result in zip(verdicts, _ORDERS, results_of(verdicts), strict=True):
            yield {
                "judge": judge,
                "digest": digest,
                "against": found and found.incumbent,
                "order": order,
                "result": result,
                "reason": verdict.reason,
            }


def _extra(draft: Draft) -> str:
    extra = dict(draft.extra)
    turns = [turn.other_fields or None for turn in draft.messages or ()]
    if any(turns):
        extra[TURN_FIELDS] = turns
    return json_text(extra)


def schema_of_trajectories(*, final_only: bool) -> Any:
    """The Arrow schema of the rows that :func:`columns` makes.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    pa = import_pyarrow("Parquet")
    text = pa.string()
    turn = pa.struct([("role", text), ("content", text)])
    check = pa.struct([("name", text), ("passed", pa.bool_()), ("message", text)])
    verdict = pa.struct(
        [
            *(("judge", text), ("digest", text), ("against", pa.int32())),
            *(("order", text), ("result", text), ("reason", text)),
        ]
    )
    version = pa.struct(
        [
            ("round", pa.int32()),
            ("text", text),
            ("critique", text),
            ("score", pa.float64()),
            ("checks", pa.list_(check)),
            ("verdicts", pa.list_(verdict)),
        ]
    )
    asked = [("id", text), ("prompt", text), ("messages", pa.list_(turn)), ("response", text)]
    if final_only:
        return pa.schema([*asked, ("original_response", text), ("extra", text)])
    versions = [("final", text), ("versions", pa.list_(version)), ("end", text)]
    return pa.schema([*asked, *versions, ("trajectory_id", text), ("extra", text)])
