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
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.jfleg.feedback import CRITIQUES, MORE
from benchmarks.jfleg.figures import figures
from benchmarks.jfleg.plot import plot
from benchmarks.jfleg.results import RESULTS, add_result, gleu_table, harm_table, known_runs
from benchmarks.jfleg.stages import STAGES, USUAL, VARIANTS, Run

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

FORMS = ("rewrite", "edits")
RECORDS = (0, 100, 300, 700, 1000)
TRAINING = (
    "--epochs 2 --learning-rate 7e-4 --lora-rank 32 --lora-alpha 32 --lora-dropout 0 --batch-size 8"
    " --micro-batch-size 8 --no-gradient-checkpointing --validation-share 0 --max-grad-norm 1"
)


def runs(arguments: argparse.Namespace) -> Iterator[Run]:
    """The runs that the command line names."""
    chosen = product(arguments.forms, arguments.seeds, arguments.records, arguments.variants)
    for form, seed, records, variant in chosen:
        if not records and seed != arguments.seeds[0]:
            continue  # nothing is drawn
        yield Run(
            keep=arguments.keep.resolve(),
            data=(arguments.data / "jfleg").resolve(),
            base=arguments.model.resolve(),
            form=form,
            records=records,
            seed=seed,
            rounds=arguments.rounds,
            part=arguments.part,
            sentences=arguments.sentences,
            critique=arguments.critique,
            more=arguments.more,
            variant=variant,
            training=tuple(shlex.split(arguments.training)),
        )


def result_of(run: Run) -> dict[str, Any]:
    """A run's figures, with what they depend on."""
    trained = {"critique": run.critique, "more": run.more, "options": shlex.join(run.training)}
    return {
        "form": run.form,
        "records": run.records,
        "seed": run.seed if run.records else None,
        "recipe": run.recipe,
        "date": datetime.now(UTC).date().isoformat(),
        "prompts": Path(run.prompts).name,
        "training": {**trained, **run.read("finetune")} if run.records else None,
        "variant": run.variant,
        "revising": shlex.join(run.revising),
        **figures(run.texts, run.trajectories(), run.rounds),
        "evaluation": evaluated(run.read(f"evaluation{run.suffix}")),
    }


def evaluated(evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    """What `revloop evaluate` says of each round against the sentences as they were."""
    names = ("round", "win_rate", "win_rate_low", "win_rate_high", "length_controlled_win_rate")
    judges = evaluation.get("judges", [])
    return [{name: row[name] for name in names} for one in judges for row in one["rounds"]]


def parser_of_command() -> argparse.ArgumentParser:
    """Reads the command line."""
    parser = command_parser(__doc__)
    add_data_option(parser, "the folder jfleg")
    parser.add_argument("--model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--keep", type=Path, required=True, help="folder for the runs' files")
    parser.add_argument("--forms", nargs="+", default=FORMS, choices=FORMS)
    parser.add_argument("--records", nargs="+", type=int, default=RECORDS)
    parser.add_argument("--seeds", nargs="+", type=int, default=(0, 1))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sentences", type=int, help="only the first so many sentences")
    parser.add_argument(
        "--part", choices=("test", "dev"), default="test", help="dev: what no record has, not kept"
    )
    parser.add_argument("--critique", choices=CRITIQUES, default=USUAL[0])
    parser.add_argument(
        "--more", choices=MORE, default=USUAL[1], help="records beyond one for each sentence"
    )
    parser.add_argument("--training", default=TRAINING, help="options of revloop finetune")
    parser.add_argument(
        "--variants", nargs="+", default=("",), choices=VARIANTS, help="other ways to revise"
    )
    parser.add_argument("--stages", nargs="+", default=STAGES, choices=STAGES)
    return parser


def main() -> None:
    """Do the stages of the runs that the command line names."""
    arguments = parser_of_command().parse_args()
    for run in runs(arguments):
        run.do(arguments.stages)
        if run.output("evaluation.json").exists():
            result = result_of(run)
            if arguments.sentences is not None:  # too few for the tables' intervals
                print(json.dumps(result["rounds"], indent=1), flush=True)
                continue
            print(gleu_table([result]), harm_table([result]), sep="\n", flush=True)
            if run.part == "test":
                add_result(result)
    if RESULTS.exists():
        plot(known_runs(), RESULTS.with_suffix(".png"))


if __name__ == "__main__":
    main()
