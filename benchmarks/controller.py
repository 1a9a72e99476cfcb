"""The overhead of revloop: CPU, memory, the store, the start of a resumed run.

    python -m benchmarks.controller cpu       CPU time of a version, everything included
    python -m benchmarks.controller guards    CPU time of all guards of a version
    python -m benchmarks.controller memory    peak memory of many drafts above that of few
    python -m benchmarks.controller store     versions committed a second
    python -m benchmarks.controller resume    time from the command to the first new request

All but ``guards`` and ``store`` run ``revloop batch`` with an instant server in another process
(``benchmarks/stub.py``). Results go to ``benchmarks/results/controller-*.json``.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.processes import MIB, Finished, run_measured
from benchmarks.saving import save, spread
from benchmarks.stub import CRITIQUE, REVISION
from revloop import Critique, Draft, End, PromptSet, StopReason, Store, Version
from revloop.cli.garbage import rare_collections
from revloop.concurrency import task_group
from revloop.demo import CRITIC_FOLDER
from revloop.options import LoopOptions, RunSettings
from revloop.rows import Position, Row
from revloop.store import InputState, StoredTrajectory
from revloop.trajectory import EngineInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

RESPONSE = "This sentence stands for a sentence of the answer that came in. " * 18
QUESTION = "What is to be said about this matter, and what about the other one? " * 3
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Stub:
    """The server, in its own process."""

    base_url: str
    pid: int

    def counted(self) -> dict[str, Any]:
        """The number of completion requests, and when the first arrived."""
        with urllib.request.urlopen(self.base_url + "/count") as reply:
            found: dict[str, Any] = json.load(reply)
            return found


@contextmanager
def stub(*options: str) -> Iterator[Stub]:
    """Run the server while the block runs."""
    command = [sys.executable, "-m", "benchmarks.stub", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Stub(f"http://127.0.0.1:{process.stdout.readline().strip()}", process.pid)
        finally:
            process.kill()


def write_drafts(path: Path, number: int) -> None:
    """Write drafts as long as real chat answers: 1,200 characters on average."""
    with path.open("w", encoding="utf-8") as file:
        for index in range(number):
            row = {"id": f"d{index}", "prompt": f"{index}: {QUESTION}"}
            row["response"] = f"{index}: {RESPONSE}"
            file.write(json.dumps(row) + "\n")


def batch_command(folder: Path, server: Stub, *options: str, module: str = "revloop") -> list[str]:
    """The command that revises the drafts in a folder."""
    files = [str(folder / "drafts.jsonl"), str(folder / "out.jsonl")]
    server_options = ["--base-url", server.base_url]
    return [sys.executable, "-m", module, "batch", *files, *server_options, *options]


def batch(folder: Path, server: Stub, *options: str, module: str = "revloop") -> Finished:
    """Run ``revloop batch`` to its end."""
    finished = run_measured(batch_command(folder, server, *options, module=module))
    if finished.code != 0:
        sys.exit(f"revloop batch ended with {finished.code}")
    return finished


def measure_cpu(drafts: int, repeats: int) -> None:
    """CPU time of a version, over five rounds, start and output included."""
    kinds = {
        "two passes": ([], []),
        "one pass": (["--one-pass"], ["--single-pass"]),
        "two passes, prompts sent as token ids": (["--vllm", str(CRITIC_FOLDER)], []),
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


def measure_guards(folder: Path, repeats: int) -> None:
    """CPU time of all guards of a version, on the stub's texts and on real answers."""
    prompts = PromptSet.load("cnr")
    texts = {"the stub's": _stub_revisions(), "real answers": _revised_answers(folder)}
    found: dict[str, list[float]] = {kind: [] for kind in texts}
    for _ in range(repeats):
        for kind, revisions in texts.items():
            with rare_collections():  # as in a batch
                started = time.process_time()
                for draft, before, text in revisions:
                    prompts.accept(text, Critique(raw=CRITIQUE), before, draft, guards=())
                spent_s = time.process_time() - started
            found[kind].append(spent_s / len(revisions) * 1000)
    save(
        "controller-guards",
        {
            "what": "CPU time of all guards a version, in ms",
            "versions": {kind: len(revisions) for kind, revisions in texts.items()},
            "ms_a_version": {kind: spread(values, digits=3) for kind, values in found.items()},
        },
    )


Revision = tuple[Draft, str, str]
"""A draft, the text before, and the revision of it."""


def _stub_revisions() -> list[Revision]:
    draft = Draft(prompt=QUESTION, response=RESPONSE)
    texts = [REVISION.replace("{}", str(number)) for number in range(10**6, 10**6 + 201)]
    return [(draft, before, text) for before, text in pairwise(texts)]


def _revised_answers(folder: Path) -> list[Revision]:
    """FastChat's answers with one sentence more."""
    answers = folder / "fastchat80" / "chatgpt.jsonl"
    rows = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    return [
        (
            Draft(prompt=row["prompt"], response=row["response"]),
            row["response"],
            f"{row['response']} That is all.",
        )
        for row in rows
    ]


def measure_memory(few: int, many: int, folder: Path) -> None:
    """The peak memory of a batch of many drafts, above that of few."""
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
    """Versions committed a second by 512 concurrent trajectories, each synced to disk."""
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
    """Seconds from the command to the first new request, over a finished run of one round."""
    with (folder / "drafts.jsonl").open("rb") as file:
        drafts = sum(1 for _ in file)
    waits = []
    for iterations in range(2, 5):  # a killed run may have finished its rounds
        with stub("--one-pass") as server:
            started = time.monotonic()
            options = ("--single-pass", "--iterations", str(iterations))
            with subprocess.Popen(batch_command(folder, server, *options)) as process:
                while (first := server.counted()["first_at_s"]) is None:
                    if process.poll() is not None:
                        sys.exit("revloop batch ended without a request")
                    time.sleep(0.05)
                waits.append(first - started)
                process.kill()
    save(
        "controller-resume",
        {
            "what": "seconds from the command to the first new request; target: under 10",
            "finished_trajectories": drafts,
            "store_mib": round((folder / "out.jsonl.sqlite").stat().st_size / MIB),
            "seconds": spread(waits, digits=3),
        },
    )


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    parser.add_argument("what", choices=["cpu", "guards", "memory", "store", "resume"])
    parser.add_argument("--drafts", type=int, help="cpu: 3000; store: 5000; memory: 1000000")
    parser.add_argument("--few", type=int, default=10_000, help="memory: the smaller number")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, help="memory: an empty folder; resume: a subfolder that memory left"
    )
    add_data_option(parser, "fastchat80/*.jsonl, for guards")
    chosen = parser.parse_args()
    if chosen.what == "cpu":
        measure_cpu(chosen.drafts or 3000, chosen.repeats)
    elif chosen.what == "guards":
        measure_guards(chosen.data, chosen.repeats)
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
