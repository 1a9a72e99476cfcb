"""Peak memory of an export by the number of trajectories, while a batch writes to the same store.

    python -m benchmarks.exports [--few 2000] [--many 200000]

A store with one judged round a trajectory is made first, without a model. Then ``revloop export
--as dpo`` runs while ``revloop batch`` adds trajectories of another run, with an instant server in
another process (``benchmarks/stub.py``). Results go to ``benchmarks/results/exports.json``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.arguments import command_parser
from benchmarks.controller import QUESTION, RESPONSE, batch_command, stub, write_drafts
from benchmarks.processes import run_measured
from benchmarks.saving import save
from benchmarks.stub import CRITIQUE
from revloop import Critique, Draft, End, PromptSet, StopReason, Store, Trajectory, Version
from revloop.evaluation import Question, Verdicts
from revloop.options import LoopOptions, RunSettings
from revloop.rows import Position, Row
from revloop.store import InputState
from revloop.trajectory import EngineInfo, JudgeInfo, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.store import Run

_ROWS_A_COMMIT = 500
_NOW = datetime.now(UTC)
_JUDGE = JudgeInfo(kind="function", name="longer", digest="longer")
_END = End(reason=StopReason.ROUNDS_DONE, detail="All rounds are done.")


def write_store(path: Path, number: int) -> None:
    """A store of trajectories with one round, the later version preferred in both orders."""
    info = EngineInfo(kind="http", model="stub")
    with Store.open(path) as store, Verdicts.open(path) as verdicts:
        run = store.begin_run(RunSettings.resolve(LoopOptions(), PromptSet.load("cnr"), info))
        for first in range(1, number + 1, _ROWS_A_COMMIT):
            numbers = range(first, min(first + _ROWS_A_COMMIT, number + 1))
            made = [_trajectory(one) for one in numbers]
            _commit(store, run, made, numbers)
            verdicts.add(_JUDGE, [pair for one in made for pair in _verdicts(one)])


def _commit(store: Store, run: Run, made: list[Trajectory], numbers: range) -> None:
    rows = [
        Row(number, one.draft, {"topic": "x"}) for number, one in zip(numbers, made, strict=True)
    ]
    state = InputState("drafts.jsonl", None, Position(numbers[-1]))
    begun, _ = store.rows(run).begin(state, rows, name=lambda row, _: f"t{row.number}", share=True)
    store.add_finished(zip(begun, made, strict=True))


def _trajectory(number: int) -> Trajectory:
    text = f"{number}: {RESPONSE}"
    draft = Draft(id=f"old{number}", prompt=f"{number}: {QUESTION}", response=text)
    versions = (
        Version(round=0, text=text, created_at=_NOW),
        Version(round=1, text=f"{text}More.", critique=Critique(raw=CRITIQUE), created_at=_NOW),
    )
    return Trajectory(id=f"t{number}", draft=draft, versions=versions, end=_END)


def _verdicts(trajectory: Trajectory) -> Iterator[tuple[Question, Verdict]]:
    question = Question(
        trajectory.draft.prompt_text, trajectory.original, trajectory.final, {"topic": "x"}
    )
    yield question, Verdict(preference="second")
    yield question.swapped, Verdict(preference="first")


def measure(few: int, many: int) -> None:
    """The peak memory of exporting many trajectories, above that of few."""
    peaks: dict[str, Any] = {}
    for number in (few, many):
        with tempfile.TemporaryDirectory() as name:
            peaks[str(number)] = _peak(Path(name), number)
    above = peaks[str(many)]["peak_mib"] - peaks[str(few)]["peak_mib"]
    save(
        "exports",
        {
            "what": "peak memory of revloop export --as dpo by number of trajectories, while a "
            "batch writes to the same store; target: at most 50 MiB more",
            "trajectories": peaks,
            "more_mib": round(above, 1),
        },
    )


def _peak(folder: Path, number: int) -> dict[str, Any]:
    store, out = folder / "s.sqlite", folder / "pairs.jsonl"
    write_store(store, number)
    write_drafts(folder / "drafts.jsonl", number + 20_000)
    with stub() as server:
        options = ("--store", str(store), "--new-run", "--quiet", "--iterations", "1")
        with subprocess.Popen(batch_command(folder, server, *options)) as batch:
            try:
                before = _wait_until_it_writes(server)
                export = [sys.executable, "-m", "revloop", "export", str(store), str(out)]
                finished = run_measured([*export, "--as", "dpo", "--run", "1"])
                requests = server.counted()["count"] - before
                if finished.code or batch.poll() is not None:
                    sys.exit(f"the export ended with {finished.code}, the batch {batch.poll()}")
            finally:
                batch.kill()
    with out.open("rb") as file:
        rows = sum(1 for _ in file)
    return {
        "rows": rows,
        "store_mib": round(store.stat().st_size / 2**20),
        "peak_mib": round(finished.peak_mib, 1),
        "wall_s": round(finished.wall_s, 1),
        "cpu_s": round(finished.cpu_s, 1),
        "requests_of_the_batch_meanwhile": requests,
    }


def _wait_until_it_writes(server: Any) -> int:
    while not (count := int(server.counted()["count"])):
        time.sleep(0.05)
    return count


def main() -> None:
    """Run the benchmark."""
    parser = command_parser(__doc__)
    parser.add_argument("--few", type=int, default=2_000)
    parser.add_argument("--many", type=int, default=200_000)
    chosen = parser.parse_args()
    measure(chosen.few, chosen.many)


if __name__ == "__main__":
    main()
