"""Shards: files of trajectories written by Ray's tasks; incomplete ones are removed."""

from __future__ import annotations

import posixpath
import tempfile
from collections import Counter
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import from_json

from revloop.distributed.folder import REJECTED
from revloop.rows.writing import trajectory_writer
from revloop.trajectory import StopReason, Trajectory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from revloop.options import ShardFormat


class ShardsWritten(NamedTuple):
    """What a task wrote.

    Attributes:
        counts: Of trajectories, failed ones, versions and rejected rows.
        not_run: On how many texts each check could not be run, by its name.
        reasons: Why it could not be run the first time, by its name.
    """

    counts: Counter[str]
    not_run: Counter[str]
    reasons: dict[str, str]

    def with_more(self, more: ShardsWritten) -> ShardsWritten:
        """This and what another task wrote."""
        return ShardsWritten(
            self.counts + more.counts,
            self.not_run + more.not_run,
            {**more.reasons, **self.reasons},
        )


_NOTHING = ShardsWritten(Counter(), Counter(), {})


def shard_sink(output: str, form: ShardFormat, *, final_only: bool, rows: int) -> Any:
    """A Ray Data sink that writes shards.

    As one of Ray's file sinks, it works with Ray's checkpoint of finished rows: keys are recorded
    before a shard is written and confirmed afterwards, and a shard with unconfirmed keys is deleted
    on resume.

    Args:
        output: The folder.
        form: Format of the shards.
        final_only: Write only the kept version, not the whole trajectory.
        rows: Fewest rows of a shard, except for the last ones.
    """
    from ray.data.block import BlockAccessor
    from ray.data.datasource import BlockBasedFileDatasink

    class Shards(BlockBasedFileDatasink):  # type: ignore[misc]  # Ray's types are not read
        """Writes trajectories, and rejected rows beside them."""

        def __init__(self) -> None:
            super().__init__(output, file_format=form, min_rows_per_file=rows)
            self.written = _NOTHING

        def write(self, blocks: Any, ctx: Any) -> ShardsWritten:
            import pyarrow as pa

            table = pa.concat_tables([BlockAccessor.for_block(b).to_arrow() for b in blocks])
            name = self.filename_provider.get_filename_for_task(
                ctx.kwargs["write_uuid"], ctx.task_idx
            )
            path = posixpath.join(self.path, name)
            lines = [line for line in table["line"].to_pylist() if line is not None]
            rejects = [line for line in table["reject"].to_pylist() if line is not None]
            if lines:
                with self.open_output_stream(path) as file:
                    file.write(encoded(lines, form, final_only=final_only))
            if rejects:
                with self.open_output_stream(f"{posixpath.splitext(path)[0]}{REJECTED}") as file:
                    file.write("".join(f"{line}\n" for line in rejects).encode())
            return counted(lines, rejects)

        def on_write_complete(self, write_result: Any) -> None:
            self.written = reduce(ShardsWritten.with_more, write_result.write_returns, _NOTHING)

    return Shards()


def encoded(lines: list[str], form: ShardFormat, *, final_only: bool) -> bytes:
    """The bytes of a shard.

    Args:
        lines: Trajectories as JSON.
        form: Format of the shard.
        final_only: See :func:`shard_sink`.
    """
    if form == "jsonl" and not final_only:
        return "".join(f"{line}\n" for line in lines).encode()
    with tempfile.TemporaryFile() as file:
        with trajectory_writer(file, Path(f"shard.{form}"), final_only=final_only) as writer:
            for line in lines:
                writer.write(Trajectory.from_json(line))
        file.seek(0)
        return file.read()


def counted(lines: list[str], rejects: list[str]) -> ShardsWritten:
    """Count the trajectories of a shard."""
    counts = Counter(rejected=len(rejects), written=len(lines))
    not_run = [
        (name, reason)
        for trajectory in map(from_json, lines)
        for name, reason in _count(trajectory, counts)
    ]
    return ShardsWritten(counts, Counter(name for name, _ in not_run), dict(reversed(not_run)))


def _count(trajectory: Mapping[str, Any], counts: Counter[str]) -> Iterator[tuple[str, str]]:
    """Count one; gives the name of each check that could not be run on a text, and the reason."""
    counts["versions"] += len(trajectory["versions"]) - 1
    counts["failed"] += StopReason(trajectory["end"]["reason"]).is_failure
    seen = set()
    for version in trajectory["versions"]:
        for text in (version, *(version.get("selection") or {}).get("others", ())):
            for check in text.get("checks", ()):
                if check.get("passed") is None and (text["text"], check["name"]) not in seen:
                    seen.add((text["text"], check["name"]))
                    yield check["name"], check.get("message", "")
