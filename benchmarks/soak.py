"""Check for leaks: sample a running batch every second for minutes.

    python -m benchmarks.soak [--minutes 6]

Half of the time, the batch uses the stub (`benchmarks/stub.py`: thousands of trajectories), and
half a vLLM server with the tiny critic (hundreds). The samples are the batch process's file
descriptors, threads, asyncio tasks and resident memory, and the resident memory of the server's
processes. Concurrency is fixed, so that nothing grows for a good reason.

A quantity has grown if its median in the last quarter exceeds that in the second by more than its
tolerance; the first quarter is for warming up. The medians and verdicts go to
`benchmarks/results/soak.json`, the curves to `docs/reliability-soak.png`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.controller import stub
from benchmarks.plotting import saved_figure
from benchmarks.processes import resident_mib
from benchmarks.saving import ROOT, save
from revloop.batch import Batch, InputSource, Progress
from revloop.concurrency import task_group
from revloop.options import BatchOptions
from revloop.reviser import AsyncReviser
from revloop.serving import ServerOptions, VllmServer
from revloop.serving.guard import descendants

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PICTURE = ROOT / "docs" / "reliability-soak.png"
CRITIC = ROOT / "tests" / "tiny_critic"
EVERY_S = 1.0
WIDTH = 32
ROUNDS = 3
FEWEST_SAMPLES = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a batch.

    Attributes:
        at_s: Seconds since the batch began.
        trajectories: Finished trajectories.
        files: Open file descriptors of the batch's process.
        threads: Its threads.
        tasks: Its asyncio tasks, including those of the sampling.
        memory_mib: Its resident memory.
        server_memory_mib: The resident memory of the server's processes.
    """

    at_s: float
    trajectories: int
    files: int
    threads: int
    tasks: int
    memory_mib: float
    server_memory_mib: float


TOLERANCES = {
    "files": (4.0, 0.0),
    "threads": (4.0, 0.0),
    "tasks": (8.0, 0.0),
    "memory_mib": (4.0, 0.05),
    "server_memory_mib": (8.0, 0.05),
}
"""Growth allowed for each quantity: a number, and a share of its earlier median."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a quantity has grown.

    Attributes:
        second_quarter: Its median in that quarter.
        last_quarter: Its median in that quarter.
        allowed: Largest allowed difference.
        grew: Whether the difference is larger.
    """

    second_quarter: float
    last_quarter: float
    allowed: float
    grew: bool


def judge(samples: Sequence[Sample], quantity: str) -> Verdict:
    """Compare the last quarter of the time with the second.

    Raises:
        ValueError: There are too few samples.
    """
    if len(samples) < FEWEST_SAMPLES:
        raise ValueError(
            f"{len(samples)} samples are too few; at least {FEWEST_SAMPLES} are needed."
        )
    start_s, end_s = samples[0].at_s, samples[-1].at_s
    quarter_s = (end_s - start_s) / 4

    def median_from(quarter: int) -> float:
        begin_s = start_s + quarter * quarter_s
        within = [s for s in samples if begin_s <= s.at_s <= begin_s + quarter_s]
        return float(statistics.median(getattr(sample, quantity) for sample in within))

    second, last = median_from(1), median_from(3)
    number, share = TOLERANCES[quantity]
    allowed = number + share * second
    return Verdict(second, last, allowed, last - second > allowed)


def look(progress: Progress, started: float, server_pid: int) -> Sample:
    """Sample this process and a server."""
    return Sample(
        at_s=round(time.monotonic() - started, 2),
        trajectories=progress.done,
        files=len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - only counted
        threads=len(os.listdir("/proc/self/task")),  # noqa: PTH208
        tasks=len(asyncio.all_tasks()),
        memory_mib=round(resident_mib(os.getpid()), 2),
        server_memory_mib=round(resident_mib(server_pid, *descendants(server_pid)), 2),
    )


async def work(base_url: str, folder: Path, seconds: float, server_pid: int) -> list[Sample]:
    """Run a batch in this process for a time, and sample it."""
    progress, samples, started = Progress(), list[Sample](), time.monotonic()
    options = BatchOptions(min_concurrency=WIDTH, max_concurrency=WIDTH)
    store = folder / "soak.sqlite"
    async with AsyncReviser(base_url=base_url, store=store) as reviser:
        source = InputSource(str(folder / "drafts.jsonl"))
        batch = Batch(source, folder / "out.jsonl", reviser, options, progress, iterations=ROUNDS)

        async def sample() -> None:
            while time.monotonic() - started < seconds:
                samples.append(look(progress, started, server_pid))
                await asyncio.sleep(EVERY_S)
            batch.interrupt()

        async with task_group() as tasks:
            tasks.start_soon(sample)
            await batch.run()
    return samples


def write_drafts(path: Path, number: int) -> None:
    """Write different drafts of about equal length."""
    with path.open("w", encoding="utf-8") as file:
        for n in range(number):
            draft = {"id": f"d{n}", "prompt": f"Say {n}.", "response": f"This is number {n}. " * 5}
            file.write(json.dumps(draft) + "\n")


def soak(base_url: str, server_pid: int, seconds: float, drafts: int) -> list[Sample]:
    """Sample a batch in its own process, with a running server."""
    with tempfile.TemporaryDirectory() as folder:
        write_drafts(Path(folder) / "drafts.jsonl", drafts)
        arguments = (base_url, folder, str(seconds), str(server_pid))
        child = (sys.executable, "-m", "benchmarks.soak", "--work", *arguments)
        printed = subprocess.run(child, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [Sample(**one) for one in json.loads(printed)]


@contextmanager
def real_server() -> Iterator[tuple[str, int]]:
    """A vLLM server; its address and the process id of its guard."""
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    with VllmServer(ServerOptions(model=str(CRITIC), enforce_eager=True)) as server:
        yield server.base_url, server_pid_below(os.getpid())


def server_pid_below(pid: int) -> int:
    """The guard's process id: that of the only child with children of its own."""
    (guard,) = [child for child in descendants(pid) if len(descendants(child)) > 1][:1]
    return guard


def draw(runs: dict[str, list[Sample]], path: Path) -> None:
    """Plot the curves of all quantities, one column for each server."""
    names = ["trajectories", *TOLERANCES]
    with saved_figure(path, 5 * len(runs), 1.5 * len(names), dpi=80) as figure:
        axes = figure.subplots(len(names), len(runs), sharex="col", squeeze=False)
        for column, (server, samples) in enumerate(runs.items()):
            for row, name in enumerate(names):
                axis = axes[row][column]
                values = [getattr(sample, name) for sample in samples]
                axis.plot([sample.at_s for sample in samples], values, linewidth=1)
                axis.set_ylim(0, 1.2 * max(values) or 1)
                axis.set_ylabel(name.removesuffix("_mib").replace("_", " "), fontsize=8)
            axes[0][column].set_title(server)
            axes[-1][column].set_xlabel("seconds")


def report(runs: dict[str, list[Sample]]) -> bool:
    """Save the figures and the curves; whether nothing grew."""
    verdicts = {
        server: {name: judge(samples, name) for name in TOLERANCES}
        for server, samples in runs.items()
    }
    figures: dict[str, Any] = {
        server: {
            "seconds": samples[-1].at_s,
            "trajectories": samples[-1].trajectories,
            "verdicts": {name: asdict(verdict) for name, verdict in verdicts[server].items()},
        }
        for server, samples in runs.items()
    }
    save("soak", figures)
    draw(runs, PICTURE)
    return not any(one.grew for of in verdicts.values() for one in of.values())


def main() -> int:
    """The command line; exit code 1 if anything grew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--minutes", type=float, default=6.0, help="total time, without the start of servers"
    )
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        base_url, folder, seconds, pid = chosen.work
        samples = asyncio.run(work(base_url, Path(folder), float(seconds), int(pid)))
        print(json.dumps([asdict(sample) for sample in samples]))
        return 0
    seconds, runs = 30 * chosen.minutes, dict[str, list[Sample]]()
    with stub() as server:
        runs["stub"] = soak(server.base_url, server.pid, seconds, drafts=int(2000 * seconds))
    with real_server() as (address, pid):
        runs["vLLM"] = soak(address, pid, seconds, drafts=int(200 * seconds))
    return 0 if report(runs) else 1


if __name__ == "__main__":
    sys.exit(main())
