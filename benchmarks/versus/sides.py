"""The sides of a comparison: the program of each, and how to run it once."""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from benchmarks.processes import run_measured
from benchmarks.versus.server import counters, load, reset_prefix_cache
from revloop.bench.occupancy import Moment
from revloop.trajectory import StopReason

if TYPE_CHECKING:
    from pathlib import Path

    from revloop import Draft
    from revloop.engines.metrics import Counters

REVLOOP = "revloop"
FIXED = "revloop, no early stop"
ONE, ASYNC, BARRIER = "one at a time", "async OpenAI client", "batches of 50 with a barrier"
DISTILABEL = "distilabel"
EDITS = {share: f"revloop, edits of {share:.0%} of the words" for share in (0.02, 0.05, 0.1, 0.2)}
"""Sides that revise with edits, by the share of the words that they edit."""
REWRITTEN_SHARE = 0.05
"""The share that a rewrite edits beside them; its tokens do not depend on it."""
ONE_AT_A_TIME_SHARE = 16
"""The slowest side gets this fraction of the drafts, which does not change its rate."""

_SAMPLE_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Setting:
    """The settings of all sides.

    Attributes:
        iterations: Rounds for each draft.
        lengths_seed: Seed of the real lengths; None for the critic's own lengths.
        distilabel_python: The Python with distilabel; None to leave it out.
        edits: Compare edits with rewrites, which needs real lengths.
    """

    iterations: int
    lengths_seed: int | None = None
    distilabel_python: str | None = None
    edits: bool = False

    def sides(self) -> list[str]:
        """Names of the sides that can be run, revloop first."""
        if self.edits:
            return [REVLOOP, ASYNC, *EDITS.values()]
        # with real lengths no trajectory converges, and distilabel cannot set each length
        if self.lengths_seed is not None:
            return [REVLOOP, ONE, ASYNC, BARRIER]
        more = [] if self.distilabel_python is None else [DISTILABEL]
        return [REVLOOP, FIXED, ONE, ASYNC, BARRIER, *more]

    def command(self, side: str, drafts: Path, output: Path, base_url: str) -> list[str]:
        """The command that revises a file of drafts."""
        files = [str(drafts), str(output), "--base-url", base_url]
        files += ["--iterations", str(self.iterations)]
        if self.lengths_seed is not None:
            files += ["--lengths-seed", str(self.lengths_seed)]
        if self.edits:
            shares = {name: share for share, name in EDITS.items()}
            files += ["--edited-share", str(shares.get(side, REWRITTEN_SHARE))]
            files += ["--prompts", "cnr-edits"] if side in shares else []
        python = sys.executable
        if side == DISTILABEL:
            python = self.distilabel_python or python
        return [python, "-m", *self._program(side), *files]

    def _program(self, side: str) -> list[str]:
        if side == FIXED:
            return ["revloop", "batch", "--no-early-stop"]
        if side == REVLOOP or side in EDITS.values():
            own = self.lengths_seed is None
            return ["revloop", "batch"] if own else ["benchmarks.versus.scripted"]
        return [f"benchmarks.baselines.{_MODULES[side]}"]


_MODULES = {
    ONE: "one_at_a_time",
    ASYNC: "async_openai",
    BARRIER: "barrier",
    DISTILABEL: "distilabel_pipeline",
}


@dataclass(frozen=True, slots=True)
class Made:
    """One draft's result.

    Attributes:
        final: The last text.
        rounds: Completed rounds.
        is_failed: Whether rounds are missing for a reason other than early stopping.
    """

    final: str
    rounds: int
    is_failed: bool = False


@dataclass(frozen=True, slots=True)
class SideRun:
    """One run of one side.

    Attributes:
        side: Its name.
        drafts: Number of drafts.
        iterations: Requested rounds.
        wall_s: Seconds from the start to the end of its process.
        cpu_s: CPU seconds of its process.
        counted: The server's counters for this run.
        made: Its result for each draft.
        timeline: The server's load, twice a second.
    """

    side: str
    drafts: int
    iterations: int
    wall_s: float
    cpu_s: float
    counted: Counters
    made: dict[str, Made]
    timeline: list[Moment]

    @property
    def versions_made(self) -> int:
        """Versions made."""
        return sum(one.rounds for one in self.made.values())

    @property
    def versions_done(self) -> int:
        """Versions made or saved by early stopping, without failed rounds."""
        return sum(
            one.rounds if one.is_failed else max(one.rounds, self.iterations)
            for one in self.made.values()
        )


def write_drafts(path: Path, drafts: list[Draft]) -> None:
    """Write drafts as JSON lines."""
    lines = [draft.model_dump_json(include={"id", "prompt", "response"}) for draft in drafts]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run_side(
    side: str, setting: Setting, drafts: list[Draft], base_url: str, folder: Path
) -> SideRun:
    """Run one side once, in its own process, with an empty prefix cache.

    Args:
        side: Its name.
        setting: The settings of all sides.
        drafts: All drafts.
        base_url: The server.
        folder: An empty folder for its files.
    """
    mine = drafts[: max(1, len(drafts) // ONE_AT_A_TIME_SHARE)] if side == ONE else drafts
    source, output = folder / "drafts.jsonl", folder / "out.jsonl"
    write_drafts(source, mine)
    reset_prefix_cache(base_url)
    before = counters(base_url)
    command = setting.command(side, source, output, base_url)
    with (folder / "output.log").open("wb") as log, Sampler(base_url) as sampler:
        finished = run_measured(command, stdout=log, stderr=log)
    if finished.code not in {0, 4}:  # 4: some of revloop's trajectories failed
        tail = (folder / "output.log").read_text(encoding="utf-8", errors="replace")[-2000:]
        sys.exit(f"'{side}' ended with status {finished.code}:\n{tail}")
    return SideRun(
        side=side,
        drafts=len(mine),
        iterations=setting.iterations,
        wall_s=finished.wall_s,
        cpu_s=finished.cpu_s,
        counted=counters(base_url).since(before),
        made=read_output(output),
        timeline=sampler.samples,
    )


def read_output(path: Path) -> dict[str, Made]:
    """A side's results by draft id, from the output of a baseline or of revloop."""
    found = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if "texts" in row:
                found[row["id"]] = Made(row["texts"][-1], len(row["texts"]) - 1)
                continue
            last = row["versions"][-1]
            failed = StopReason(row["end"]["reason"]).is_failure
            found[row["draft"]["id"]] = Made(last["text"], last["round"], failed)
    return found


class Sampler:
    """Samples a server's load twice a second, in a thread, while the block runs.

    Attributes:
        samples: The samples.
    """

    def __init__(self, base_url: str) -> None:
        self.samples: list[Moment] = []
        self._base_url = base_url
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _sample(self) -> None:
        started = time.perf_counter()
        while not self._is_over.wait(_SAMPLE_EVERY_S):
            at_s = time.perf_counter() - started
            now = load(self._base_url)
            self.samples.append(Moment(round(at_s, 2), now.running or 0, now.waiting or 0))
