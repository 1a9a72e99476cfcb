"""Gather the shards of a Ray run into a store, for all other commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from revloop.distributed.folder import ShardFolder
from revloop.errors import InputError
from revloop.files.compression import translate_read_errors
from revloop.rows import Position, Row
from revloop.rows.parquet import TURN_FIELDS
from revloop.store import InputState, Store
from revloop.trajectory import Critique, Draft, End, Trajectory, Version
from revloop.values import explain, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from revloop.store import Run

GATHERED = "versions.sqlite"
"""Name of the store in the folder of shards."""

_ROWS_AT_A_TIME = 500


def gathered(folder: Path) -> Path:
    """The store of all shards in a folder, after adding missing ones.

    Adding is one transaction. Parquet shards have no single requests and no times. Rows with the
    same id and different content count as rejected.

    Returns:
        ``versions.sqlite`` in the folder.

    Raises:
        InputError: The folder has no shards of ``--ray``, or they contain only final versions.
        StoreError: The store cannot be written.
    """
    run = ShardFolder(str(folder))
    manifest, settings = run.manifest(), run.settings()
    if manifest.final_only:
        raise InputError(f"{folder} was written with --final-only, so it contains no rounds.")
    shards = run.shards()
    if settings is None or not shards:
        raise InputError(f"{folder} contains no shards yet.")
    path = folder / GATHERED
    if path.exists():
        with Store.open_to_read(path) as store:
            if set(shards) <= set(_known(store)):
                return path
    with Store.open(path) as store, store.transaction():  # another process may do the same
        known = _known(store)
        new = [name for name in shards if name not in known]
        _add(store, store.begin_run(settings), folder, new, known)
    return path


def _known(store: Store) -> list[str]:
    """The shards in a store."""
    states = [store.rows(run).input() for run in store.runs()]
    names: list[str] = json.loads((states and states[-1] and states[-1].fingerprint) or "[]")
    return names


def _add(store: Store, run: Run, folder: Path, new: list[str], known: list[str]) -> None:
    rows = store.rows(run)
    state = rows.input()
    number = 0 if state is None or state.position is None else state.position.number
    numbered: dict[int, Trajectory] = {}

    def name(row: Row, _content: str) -> str:
        return numbered[row.number].id

    for shard in new:
        trajectories = trajectories_of(folder / shard)
        while some := list(islice(trajectories, _ROWS_AT_A_TIME)):
            numbered = dict(enumerate(some, start=number + 1))
            number += len(some)
            state = InputState(folder.name, json.dumps(known), Position(number))
            entered = [_row(place, one) for place, one in numbered.items()]
            begun, _ = rows.begin(state, entered, name=name, share=False)
            finished = {one.id: one for one in some}
            store.add_finished((one, finished[one.id]) for one in begun)
        known = [*known, shard]
    last = InputState(folder.name, json.dumps(known), Position(number), is_whole=True)
    rows.begin(last, [], name=name, share=False)


def _row(number: int, trajectory: Trajectory) -> Row:
    """A trajectory's draft as the row that a batch would have begun."""
    draft = trajectory.draft.model_copy(update={"extra": {}})
    raw = draft.model_dump(exclude={"extra"})
    return Row(number, draft, trajectory.draft.extra, raw=raw)


def trajectories_of(shard: Path) -> Iterator[Trajectory]:
    """The trajectories of a shard, read incrementally.

    Raises:
        InputError: The shard cannot be read.
    """
    try:
        with translate_read_errors(str(shard)):
            if shard.suffix == ".parquet":
                yield from _of_parquet(shard)
                return
            with shard.open("rb") as file:
                for line in file:
                    yield Trajectory.from_json(line)
    except (ValueError, KeyError, TypeError) as exc:  # truncated, or another program's
        what = explain(exc) if isinstance(exc, ValidationError) else str(exc)
        raise InputError(f"{shard} is not a shard of trajectories: {what}.") from exc


def _of_parquet(shard: Path) -> Iterator[Trajectory]:
    import pyarrow.parquet as pq

    written_at = datetime.fromtimestamp(shard.stat().st_mtime, UTC)
    with pq.ParquetFile(shard) as file:
        for batch in file.iter_batches(batch_size=_ROWS_AT_A_TIME):
            for row in batch.to_pylist():
                yield _of_columns(row, written_at)


def _of_columns(row: dict[str, Any], written_at: datetime) -> Trajectory:
    asked = {name: row[name] for name in ("id", "prompt") if row[name] is not None}
    extra = read_json(row["extra"])
    if (turns := row["messages"]) is not None:
        others = extra.pop(TURN_FIELDS, [None] * len(turns))
        asked["messages"] = [
            {**turn, **(other or {})} for turn, other in zip(turns, others, strict=True)
        ]
    draft = {**asked, "response": row["response"], "extra": extra}
    return Trajectory(
        id=row["trajectory_id"],
        draft=Draft.model_validate(draft),
        versions=tuple(_version(version, written_at) for version in row["versions"]),
        end=End(reason=row["end"], detail="Read from Parquet, without details."),
    )


def _version(columns: dict[str, Any], written_at: datetime) -> Version:
    said = columns["critique"]
    critique = None if said is None else Critique(raw=said, score=columns["score"])
    return Version(
        round=columns["round"], text=columns["text"], critique=critique, created_at=written_at
    )
