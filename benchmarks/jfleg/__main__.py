r"""A critic of few human revisions, round by round, on JFLEG.

    python -m benchmarks.jfleg --model FOLDER --keep FOLDER [--data FOLDER] [--records 0 100 ...]

Makes records of the dev set, fine-tunes the model on them (`revloop finetune`), serves the critic,
lets it revise the test sentences (`revloop batch`), and writes GLEU, win rate, harm and edits by
round to `benchmarks/results/jfleg.json`, with a plot. A run is one form, number of records and
seed. Its files are in a folder of --keep, and a stage whose output is there is skipped; --stages
does some of them only. The model was SmolLM2-135M-Instruct. No data of JFLEG gets into the results,
and critics trained on it must not be shipped (CC BY-NC-SA 4.0).
"""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.jfleg.feedback import CRITIQUES
from benchmarks.jfleg.figures import figures
from benchmarks.jfleg.judging import TIE_MARGIN
from benchmarks.jfleg.plot import plot
from benchmarks.jfleg.stages import STAGES, Run
from benchmarks.saving import FOLDER
from revloop.bench.machine import machine

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

RESULTS = FOLDER / "jfleg.json"
FORMS = ("rewrite", "edits")
RECORDS = (0, 100, 300, 700, 1000)
TRAINING = (
    "--epochs 2 --learning-rate 7e-4 --lora-rank 32 --lora-alpha 32 --lora-dropout 0 --batch-size 8"
    " --micro-batch-size 8 --no-gradient-checkpointing --validation-share 0 --max-grad-norm 1"
)
LIBRARIES = ("trl", "peft")


def runs(arguments: argparse.Namespace) -> Iterator[Run]:
    """The runs that the command line names."""
    chosen = product(arguments.forms, arguments.seeds, arguments.records)
    for form, seed, records in chosen:
        name = f"{form}-{records}-{seed}"
        yield Run(
            folder=(arguments.keep / name).resolve(),
            data=(arguments.data / "jfleg").resolve(),
            base=arguments.model.resolve(),
            form=form,
            records=records,
            seed=seed,
            rounds=arguments.rounds,
            sentences=arguments.sentences,
            critique=arguments.critique,
            variant=arguments.variant,
            training=tuple(shlex.split(arguments.training)),
            revising=tuple(shlex.split(arguments.revising)),
        )


def result_of(run: Run) -> dict[str, Any]:
    """A run's figures, with what they depend on."""
    trained = {"critique": run.critique, "options": shlex.join(run.training)}
    return {
        "form": run.form,
        "records": run.records,
        "seed": run.seed if run.records else None,
        "date": datetime.now(UTC).date().isoformat(),
        "prompts": Path(run.prompts).name,
        "training": {**trained, **run.read("finetune")} if run.records else None,
        "variant": run.variant,
        "revising": shlex.join(run.revising),
        **figures(run.test, run.trajectories(), run.rounds),
        "evaluation": evaluated(run.read(f"evaluation{run.suffix}")),
    }


def evaluated(evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    """What `revloop evaluate` says of each round against the sentences as they were."""
    names = ("round", "win_rate", "win_rate_low", "win_rate_high", "length_controlled_win_rate")
    judges = evaluation.get("judges", [])
    return [{name: row[name] for name in names} for one in judges for row in one["rounds"]]


def add_result(result: dict[str, Any]) -> None:
    """Put a run's figures in the file with the results, in place of earlier ones."""
    known = json.loads(RESULTS.read_bytes())["runs"] if RESULTS.exists() else []
    keys = ("records", "form", "seed", "variant")
    key = [result[name] for name in keys]
    rest = [one for one in known if [one[name] for name in keys] != key]
    content = {
        "machine": machine(),
        "versions": {name: version(name) for name in LIBRARIES},
        "tie_margin": TIE_MARGIN,
        "runs": sorted([*rest, result], key=lambda one: [str(one[name]).zfill(4) for name in keys]),
    }
    RESULTS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def table(results: list[dict[str, Any]]) -> str:
    """GLEU by round as a Markdown table."""
    rounds = max(len(one["rounds"]) for one in results)
    head = ["form", "records", "seed", *(f"round {number}" for number in range(1, rounds))]
    lines = [f"| {' | '.join(head)} |", "| --- |" + " ---: |" * (len(head) - 1)]
    for one in results:
        cells = [f"{row['gleu']} ({row['low']} to {row['high']})" for row in one["rounds"][1:]]
        lines.append(f"| {one['form']} | {one['records']} | {one['seed']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Do the stages of the runs that the command line names."""
    parser = command_parser(__doc__)
    add_data_option(parser, "the folder jfleg")
    parser.add_argument("--model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--keep", type=Path, required=True, help="folder for the runs' files")
    parser.add_argument("--forms", nargs="+", default=FORMS, choices=FORMS)
    parser.add_argument("--records", nargs="+", type=int, default=RECORDS)
    parser.add_argument("--seeds", nargs="+", type=int, default=(0, 1))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sentences", type=int, help="only the first so many test sentences")
    parser.add_argument("--critique", choices=CRITIQUES, default="kinds")
    parser.add_argument("--training", default=TRAINING, help="options of revloop finetune")
    parser.add_argument("--variant", default="", help="name of a way to revise")
    parser.add_argument("--revising", default="", help="options of revloop batch for it")
    parser.add_argument("--stages", nargs="+", default=STAGES, choices=STAGES)
    arguments = parser.parse_args()
    for run in runs(arguments):
        run.do(arguments.stages)
        if run.output("revised.jsonl").exists():
            result = result_of(run)
            print(table([result]), flush=True)
            if arguments.sentences is None:
                add_result(result)
    if RESULTS.exists():
        plot(json.loads(RESULTS.read_bytes())["runs"], RESULTS.with_suffix(".png"))


if __name__ == "__main__":
    main()
