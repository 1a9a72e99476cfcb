"""Weight and margin of the gate, chosen on sentences that the critic has not seen.

    python -m benchmarks.jfleg.choosing REVISED.jsonl --critic FOLDER --model FOLDER [--data FOLDER]

Reads the trajectories of a run without a gate, asks the judges of `benchmarks.jfleg.confidence`
about each round, and prints what the gate would have kept: a refused version ends a trajectory,
since its round, done again at temperature 0, gives the same text. Sentences of a critic's records
are left out. With several critics, the mean of what they say counts. A margin of --refuse needs no
references. Writes `benchmarks/results/jfleg-gate.json`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.jfleg import confidence, fluency
from benchmarks.jfleg.figures import text_after
from benchmarks.jfleg.gleu import corpus_gleu, sentence_gleu
from benchmarks.jfleg.judging import TIE_MARGIN
from benchmarks.jfleg.results import add_gate_result, gate_table, share_table
from benchmarks.jfleg.sentences import PEOPLE, Sentence, read_sentences
from benchmarks.product import numbered_trajectories

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.trajectory import Trajectory

WEIGHTS = (0.0, 2.0, 5.0, 10.0, 20.0)
MARGINS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)


class Step(NamedTuple):
    """One round.

    Attributes:
        text: The version after it.
        gain: By how many nats the critic prefers it to the version before.
        likelier: By how much its tokens are likelier under the untrained model.
    """

    text: str
    gain: float
    likelier: float

    def worth(self, weight: float) -> float:
        """What must exceed the margin."""
        return self.gain + weight * self.likelier


def steps_of(trajectory: Trajectory) -> list[Step]:
    """The rounds that changed something, up to the first that did not."""
    found = []
    before = text_after(trajectory, 0)
    for number in range(1, trajectory.rounds + 1):
        text = text_after(trajectory, number)
        if text == before:
            break
        likelier = fluency.score(text) - fluency.score(before)
        found.append(Step(text, confidence.gain(before, text), likelier))
        before = text
    return found


def kept(source: str, steps: Sequence[Step], weight: float, margin: float) -> str:
    """What the gate keeps."""
    text = source
    for step in steps:
        if step.worth(weight) <= margin:
            break
        text = step.text
    return text


def refusing(steps: Sequence[Sequence[Step]], weight: float, share: float) -> float:
    """The margin that refuses this share of the first changes."""
    return float(np.quantile(_first_worths(steps, weight), share))


def _first_worths(steps: Sequence[Sequence[Step]], weight: float) -> list[float]:
    return [its[0].worth(weight) for its in steps if its]


def row(
    sentences: Sequence[Sentence], steps: Sequence[Sequence[Step]], weight: float, margin: float
) -> dict[str, Any]:
    """The figures of one weight and margin."""
    pairs = zip(sentences, steps, strict=True)
    texts = [kept(one.source, its, weight, margin) for one, its in pairs]
    pairs_after = list(zip(sentences, texts, strict=True))
    losses = [
        sentence_gleu(one, one.source) - sentence_gleu(one, text) for one, text in pairs_after
    ]
    harmed = [one for one, text in pairs_after if text not in (one.source, *one.references)]
    return {
        "weight": weight,
        "margin": round(margin, 2),
        "refused": sum(worth <= margin for worth in _first_worths(steps, weight)),
        "gleu": round(corpus_gleu(sentences, texts).value, 2),
        "lost": sum(loss > TIE_MARGIN for loss in losses),
        "good_sentences_changed": sum(one.is_good for one in harmed),
        "mostly_good_sentences_changed": sum(one.unchanged >= PEOPLE - 1 for one in harmed),
    }


def responses(critic: Path) -> set[str]:
    """The sentences that a critic was trained to revise."""
    lines = (critic.resolve().parents[1] / "records.jsonl").read_text("utf-8").splitlines()
    return {json.loads(line)["response"] for line in lines}


def main() -> None:
    """Compare weights and margins."""
    parser = command_parser(__doc__)
    add_data_option(parser, "the folder jfleg")
    parser.add_argument("revised", type=Path, help="trajectories of a run without a gate")
    parser.add_argument(
        "--critic", type=Path, nargs="+", required=True, help="folder of the critic, or of several"
    )
    parser.add_argument("--model", type=Path, required=True, help="folder of the base model")
    parser.add_argument(
        "--refuse",
        type=float,
        nargs=2,
        action="append",
        default=[],
        metavar=("WEIGHT", "SHARE"),
        help="also the margin that refuses this share of the first changes; may be repeated",
    )
    arguments = parser.parse_args()
    os.environ[fluency.FOLDER] = str(arguments.model)
    os.environ[confidence.FOLDER] = os.pathsep.join(map(str, arguments.critic))
    folder = arguments.data / "jfleg"
    known = {one.source: one for part in ("dev", "test") for one in read_sentences(folder, part)}
    taught = set().union(*map(responses, arguments.critic))
    trajectories = [
        one for one in numbered_trajectories(arguments.revised) if text_after(one, 0) not in taught
    ]
    sentences = [known[text_after(one, 0)] for one in trajectories]
    steps = [steps_of(one) for one in trajectories]
    grid = [row(sentences, steps, weight, margin) for weight in WEIGHTS for margin in MARGINS]
    for weight, share in arguments.refuse:
        margin = refusing(steps, weight, share)
        grid.append(row(sentences, steps, weight, margin) | {"share": share})
    content = {
        "critic": " and ".join(one.resolve().parents[1].name for one in arguments.critic),
        "part": "dev" if arguments.revised.stem.endswith("-dev") else "test",
        "sentences": len(sentences),
        "good_sentences": sum(one.is_good for one in sentences),
        "mostly_good_sentences": sum(one.unchanged >= PEOPLE - 1 for one in sentences),
        "without_gate": row(sentences, steps, 0.0, float("-inf")) | {"margin": None},
        "changed": sum(map(bool, steps)),
        "grid": grid,
    }
    print(gate_table([content]), share_table([content]), sep="\n\n")
    add_gate_result(content)


if __name__ == "__main__":
    main()
