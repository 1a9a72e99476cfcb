r"""A proofreader for anyone's English: what a small model learns from records without people.

    python -m benchmarks.proofreading --model FOLDER --keep FOLDER [--form kinds|walk]

Makes records of texts into which a program put mistakes, fine-tunes the model on them, shrinks the
adapter to what ships, and lets it proofread texts in one round: texts from other passages, whose
mistakes are known; JFLEG's test sentences, by GLEU; and answers of assistants, in which little
should change. Counted are the trained model with all of its changes, with the small ones, and with
those of them that make a text more likely under the model before its training; and the model
`english`, which corrects misspelt words first. The changes of answers are listed with the verdicts
of `verdicts.toml`.

In the form `walk` the critique is a copy of the text with each mistake in brackets, and the
revision is edits; in the form `kinds` the critique names the kinds of mistakes, and the revision is
the whole text. The figures go to `benchmarks/results/proofreading.json`, with the version of the
adapter and whether it is the one that ships; those of another seed than 0 stand by themselves, and
so do those of `--shipped`. A stage whose output is there is skipped.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.proofreading.examples import CRITIQUES
from benchmarks.proofreading.reading import read_figures, verdicts
from benchmarks.proofreading.stages import Measurement
from benchmarks.proofreading.versions import Versions
from benchmarks.saving import FOLDER, save
from revloop.engines.english.installed import adapter_version

NAME = "proofreading"
RESULTS = FOLDER / f"{NAME}.json"
TRAINING = (
    "--method lora --lora-rank 16 --lora-alpha 32 --lora-dropout 0 --epochs 1 --learning-rate 5e-4"
    " --batch-size 4 --micro-batch-size 4 --no-gradient-checkpointing --validation-share 0"
    " --max-grad-norm 1"
)


def table(ways: dict[str, dict[str, Any]]) -> str:
    """The figures as a Markdown table."""
    columns = [_rows(found) for found in ways.values()]
    head = [f"| | {' | '.join(ways)} |", "| --- |" + " ---: |" * len(ways)]
    rows = [f"| {name} | {' | '.join(one[name] for one in columns)} |" for name in columns[0]]
    return "\n".join([*head, *rows])


def _rows(found: dict[str, Any]) -> dict[str, str]:
    generated, jfleg = found["generated"], found["jfleg"]
    shares = {
        "mistakes fixed": generated["fixed"],
        **{f"- {kind}": one for kind, one in generated["fixed_by_kind"].items()},
        "texts with something introduced": generated["texts_with_something_introduced"],
        "good texts changed": generated["good_texts_changed"],
        "JFLEG: good sentences changed": jfleg["good_sentences_changed"],
        "answers changed": found["answers"]["answers_changed"],
    }
    rows = {
        name: f"{one['share']:.1%} of {one['of']} ({one['low']:.1%} to {one['high']:.1%})"
        for name, one in shares.items()
    }
    return {**rows, "JFLEG: GLEU": f"{jfleg['gleu']} ({jfleg['low']} to {jfleg['high']})"}


def main() -> None:
    """Train, proofread and count."""
    parser = command_parser(__doc__)
    add_data_option(parser, "the folders jfleg and fastchat80")
    parser.add_argument("--model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--keep", type=Path, required=True, help="folder for the files")
    parser.add_argument("--form", default="kinds", choices=CRITIQUES)
    parser.add_argument(
        "--shipped", action="store_true", help="measure the adapter that ships; train none"
    )
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--texts", type=int, default=200, help="texts with known mistakes")
    parser.add_argument("--every", type=int, default=1, help="read one of so many answers")
    parser.add_argument("--sentences", type=int, help="only the first so many of JFLEG")
    parser.add_argument("--training", default=TRAINING, help="options of revloop finetune")
    parser.add_argument("--variant", default="", help="name for another way of revising")
    parser.add_argument("--revising", default="", help="its further options of revloop batch")
    given = parser.parse_args()
    seed, shipped = f"seed {given.seed}" if given.seed else "", "shipped" if given.shipped else ""
    name = ", ".join(filter(None, (given.form, seed, shipped)))
    measurement = Measurement(
        folder=(given.keep / name).resolve(),
        data=given.data.resolve(),
        base=given.model.resolve(),
        form=given.form,
        records=given.records,
        seed=given.seed,
        texts=given.texts,
        every=given.every,
        training=tuple(shlex.split(given.training)),
        revising=tuple(shlex.split(given.revising)),
        variant=given.variant,
        most_sentences=given.sentences,
        is_shipped=given.shipped,
    )
    measurement.do()
    versions = Versions(measurement)
    ways = versions.ways()
    reasons = Counter(
        one.end.reason.value for one in measurement.trajectories("jfleg") if one.end is not None
    )
    names = ("records", "seed", "texts", "every", "sentences", "training", "revising")
    settings = {name: getattr(given, name) for name in names}
    known = json.loads(RESULTS.read_bytes())["forms"] if RESULTS.exists() else {}
    found = {
        **settings,
        "adapter": measurement.adapter_version,
        "ships": measurement.adapter_version == adapter_version(),
        "ways": ways,
        "by_margin": versions.by_margin(),
        "answers_read": read_figures(versions.changes(), len(measurement.answers), verdicts()),
        "ends_on_jfleg": dict(reasons),
    }
    save(NAME, {"forms": {**known, ", ".join(filter(None, (name, given.variant))): found}})
    print(table(ways))


if __name__ == "__main__":
    main()
