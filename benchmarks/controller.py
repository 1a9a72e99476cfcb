"""What revloop itself costs: CPU, memory, the store, the start of a resumed run.

    python -m benchmarks.controller cpu       CPU time of a version, everything included
    python -m benchmarks.controller memory    the peak of many drafts above that of few
    python -m benchmarks.controller store     versions committed a second
    python -m benchmarks.controller resume    from the command to the first new request

All but ``store`` run ``revloop batch`` as a user does, over a server in another process that
answers at once (``benchmarks/stub.py``). Results go to ``benchmarks/results/controller-*.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.saving import save, spread
from benchmarks.stub import CRITIQUE, REVISION
from revloop import Critique, Draft, End, PromptSet, StopReason, Store, Version
from revloop.concurrency import task_group
from revloop.options import LoopOptions, RunSettings
from revloop.rows import Position, Row
from revloop.store import InputState, StoredTrajectory
from revloop.trajectory import EngineInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

RESPONSE = "This sentence stands for a sentence of the answer that came in. " * 18
QUESTION = "What is to be said about this matter, and what about the other one? " * 3
ROUNDS = 5
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Finished:
    """How a process ended.

    Attributes:
        wall_s: Seconds it took.
        cpu_s: Seconds of CPU time, in it and in the system for it.
        peak_mib: Most memory it held (resident), in MiB.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Stub:
    """The server, in a process of its own."""

    base_url: str

    def counted(self) -> dict[str, Any]:
        """How many completions it was asked for, and when the first came in."""
        with urllib.request.urlopen(self.base_url + "/count") as reply:
            found: dict[str, Any] = json.load(reply)
            return found


@contextmanager
def stub(*options: str) -> Iterator[Stub]:
    """Start the server, and kill it in the end."""
    command = [sys.executable, "-m", "benchmarks.stub", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Stub(f"http://127.0.0.1:{process.stdout.readline().strip()}")
        finally:
            process.kill()


def write_drafts(path: Path, number: int) -> None:
    """Drafts as long as real answers of chat models are: 1,200 characters on average."""
    with path.open("w", encoding="utf-8") as file:
        for index in range(number):
            row = {"id": f"d{index}", "prompt": f"{index}: {QUESTION}"}
            row["response"] = f"{index}: {RESPONSE}"
            file.write(json.dumps(row) + "\n")


def batch(folder: Path, server: Stub, *options: str) -> Finished:
    """Run ``revloop batch`` to its end."""
    started = time.perf_counter()
    pid = start(folder, server, *options)
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"revloop batch ended with {os.waitstatus_to_exitcode(status)}")
    return Finished(
        wall_s=time.perf_counter() - started,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mib=usage.ru_maxrss * 1024 / MIB,
    )


def start(folder: Path, server: Stub, *options: str) -> int:
    """Start ``revloop batch``; returns the process's id."""
    files = [str(folder / "drafts.jsonl"), str(folder / "out.jsonl")]
    command = [sys.executable, "-m", "revloop", "batch", *files, "--base-url", server.base_url]
    return os.spawnv(os.P_NOWAIT, sys.executable, [*command, *options])


def measure_cpu(drafts: int, repeats: int) -> None:
    """CPU time of a version: five rounds each, start and output included."""
    kinds = {
        "two passes": ([], []),
        "one pass": (["--one-pass"], ["--single-pass"]),
        "two passes, prompts sent as token ids": (["--vllm", str(_critic())], []),
    }
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(repeats):
        for kind, (stub_options, options) in kinds.items():
            with stub(*stub_options) as server, tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                write_drafts(folder / "drafts.jsonl", drafts)
                finished = batch(folder, server, *options, "--iterations", str(ROUNDS))
                found[kind].append(finished.cpu_s / (drafts * ROUNDS) * 1000)
    save(
        "controller-cpu",
        {
            "what": "CPU time of revloop batch a version, in ms; target: at most 1",
            "drafts": drafts,
            "rounds": ROUNDS,
            "ms_a_version": {kind: spread(values, digits=3) for kind, values in found.items()},
        },
    )


def measure_memory(few: int, many: int, folder: Path) -> None:
    """The peak of a process that revises many drafts, above that of one that revises few."""
    peaks = {}
    with stub("--one-pass") as server:
        for number in (few, many):
            at = folder / str(number)
            at.mkdir(parents=True)
            write_drafts(at / "drafts.jsonl", number)
            finished = batch(at, server, "--single-pass", "--iterations", "1")
            peaks[str(number)] = {
                "peak_mib": round(finished.peak_mib, 1),
                "wall_s": round(finished.wall_s, 1),
                "cpu_s": round(finished.cpu_s, 1),
            }
    above = peaks[str(many)]["peak_mib"] - peaks[str(few)]["peak_mib"]
    save(
        "controller-memory",
        {
            "what": "peak memory by number of drafts, one round in one pass; "
            "target: at most 50 MiB more",
            "drafts": peaks,
            "more_mib": round(above, 1),
        },
    )


def measure_store(drafts: int, repeats: int) -> None:
    """Versions committed a second by 512 trajectories at once, each synced to disk."""
    rates = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            rates.append(asyncio.run(_commit_all(Path(folder) / "s.sqlite", drafts)))
    save(
        "controller-store",
        {
            "what": "versions committed a second, PRAGMA synchronous=FULL; target: at least 5000",
            "trajectories": drafts,
            "at_once": 512,
            "versions_a_second": spread(rates, digits=3),
        },
    )


async def _commit_all(path: Path, drafts: int) -> float:
    places = asyncio.Semaphore(512)
    now = datetime.now(UTC)
    versions = [
        Version(round=number, text=REVISION, critique=Critique(raw=CRITIQUE), created_at=now)
        for number in range(ROUNDS + 1)
    ]
    end = End(reason=StopReason.ROUNDS_DONE, detail="All rounds are done.")

    async def commit(trajectory: StoredTrajectory) -> None:
        async with places:
            for version in versions:
                await trajectory.append(version)
            await trajectory.finish(end)

    with Store.open(path) as store:
        begun = begin(store, drafts)
        started = time.perf_counter()
        async with task_group() as tasks:
            for trajectory in begun:
                tasks.start_soon(commit, trajectory)
        return drafts * len(versions) / (time.perf_counter() - started)


def begin(store: Store, drafts: int) -> list[StoredTrajectory]:
    """Begin drafts in a new store."""
    info = EngineInfo(kind="http", model="stub")
    run = store.begin_run(RunSettings.resolve(LoopOptions(), PromptSet.load("cnr"), info))
    begun: list[StoredTrajectory] = []
    for first in range(0, drafts, 100):
        rows = [
            Row(number, Draft(id=f"d{number}", response=f"{number}: {RESPONSE}"), {})
            for number in range(first + 1, min(first + 100, drafts) + 1)
        ]
        state = InputState("drafts.jsonl", None, Position(rows[-1].number))
        begun += store.rows(run).begin(
            state, rows, name=lambda row, _: f"t{row.number}", share=True
        )[0]
    return begun


def measure_resume(folder: Path) -> None:
    """From the command to the first new request, over a run that was finished with one round."""
    with (folder / "drafts.jsonl").open("rb") as file:
        drafts = sum(1 for _ in file)
    waits = []
    for iterations in range(2, 5):  # a killed run may have done all rounds that were asked for
        with stub("--one-pass") as server:
            started = time.monotonic()
            pid = start(folder, server, "--single-pass", "--iterations", str(iterations))
            while (first := server.counted()["first_at_s"]) is None:
                if os.waitpid(pid, os.WNOHANG) != (0, 0):
                    sys.exit("revloop batch ended without a request")
                time.sleep(0.05)
            waits.append(first - started)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    save(
        "controller-resume",
        {
            "what": "seconds from the command to the first new request; target: under 10",
            "finished_trajectories": drafts,
            "store_mib": round((folder / "out.jsonl.sqlite").stat().st_size / MIB),
            "seconds": spread(waits, digits=3),
        },
    )


def _critic() -> Path:
    return Path(__file__).parents[1] / "src" / "revloop" / "demo" / "critic"


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["cpu", "memory", "store", "resume"])
    parser.add_argument("--drafts", type=int, help="cpu: 3000; store: 5000; memory: 1000000")
    parser.add_argument("--few", type=int, default=10_000, help="memory: the smaller number")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, help="memory: an empty folder; resume: where memory worked"
    )
    chosen = parser.parse_args()
    if chosen.what == "cpu":
        measure_cpu(chosen.drafts or 3000, chosen.repeats)
    elif chosen.what == "store":
        measure_store(chosen.drafts or 5000, chosen.repeats)
    elif chosen.folder is None:
        parser.error(f"{chosen.what} needs --folder")
    elif chosen.what == "memory":
        measure_memory(chosen.few, chosen.drafts or 1_000_000, chosen.folder)
    else:
        measure_resume(chosen.folder)


if __name__ == "__main__":
    main()
