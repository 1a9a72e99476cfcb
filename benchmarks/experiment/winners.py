"""Does it help to train a critic on those of its rounds that won?

    python -m benchmarks.experiment.winners

fine-tunes a weak critic on few records, lets it revise drafts for one round, and judges each
revision. From the base, two critics are then fine-tuned on its rounds: one on those whose revision
won (``revloop export --as critic``), one on as many drawn at random (``revloop records import
store``). Both revise the same held-out drafts. Writes `benchmarks/results/experiment-winners.json`
and the table in `docs/experiment.md`.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.arguments import command_parser
from benchmarks.experiment.__main__ import critic_of, fine_tuned, write_docs
from benchmarks.experiment.measure import Condition, measure, served
from benchmarks.product import revloop
from benchmarks.saving import save
from revloop.demo import demo_drafts

NAME = "experiment-winners"
DRAFTS_SEED = 2
"""Neither the records nor the held-out drafts have this seed."""


def judged_run(critic: Path, drafts: int, folder: Path) -> Path:
    """The store of a run of one round, each revision judged."""
    source, store = folder / "drafts.jsonl", folder / "revised.jsonl.sqlite"
    rows = (draft.model_dump_json() for draft in demo_drafts(drafts, seed=DRAFTS_SEED))
    source.write_text("\n".join(rows) + "\n", encoding="utf-8")
    with served(critic, folder / "teacher.log") as engine:
        server = ("--base-url", str(engine.base_url), "--tokenizer", str(critic))
        revloop("batch", str(source), str(folder / "revised.jsonl"), "-n", "1", *server)
    revloop("evaluate", str(store), "--judge", "demo")
    return store


def record_files(store: Path, folder: Path, seed: int) -> dict[str, Path]:
    """The rounds that won as records, and as many of all rounds, drawn at random."""
    won, every, drawn = (folder / f"{name}.jsonl" for name in ("won", "every", "drawn"))
    revloop("export", str(store), str(won), "--as", "critic")
    revloop("records", "import", "store", str(store), "--output", str(every))
    rows = every.read_text(encoding="utf-8").splitlines()
    count = len(won.read_text(encoding="utf-8").splitlines())
    sample = random.Random(seed).sample(rows, count)
    drawn.write_text("\n".join(sample) + "\n", encoding="utf-8")
    return {"that won": won, "drawn at random": drawn}


def run(teacher_records: int, drafts: int, held_out: int, seeds: int) -> dict[str, Any]:
    """The figures of the teacher and, for each seed of the fine-tuning, of both critics."""
    condition = Condition("held-out drafts", held_out)
    with tempfile.TemporaryDirectory(prefix="revloop-winners-") as temporary:
        folder = Path(temporary)
        teacher = critic_of(teacher_records, folder)
        store = judged_run(teacher, drafts, folder)
        files = record_files(store, folder, seed=0)
        with served(teacher, folder / "server.log") as engine:
            critics = {f"the weak critic, {teacher_records} records": measure(condition, engine)}
        for seed in range(seeds):
            for name, file in files.items():
                critic = fine_tuned(file, folder / f"{file.stem}-{seed}", "--seed", str(seed))
                title = f"{_lines(file)} rounds, {name}, seed {seed}"
                with served(critic, folder / "server.log") as engine:
                    critics[title] = measure(condition, engine)
        return {"rounds": drafts, "critics": critics}


def _lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    parser.add_argument("--teacher-records", type=int, default=100)
    parser.add_argument("--drafts", type=int, default=600, help="drafts that the weak critic gets")
    parser.add_argument("--held-out", type=int, default=400, help="drafts to measure with")
    parser.add_argument("--seeds", type=int, default=2, help="fine-tunings of each critic")
    options = parser.parse_args()
    results = run(options.teacher_records, options.drafts, options.held_out, options.seeds)
    save(NAME, results)
    write_docs()


if __name__ == "__main__":
    main()
