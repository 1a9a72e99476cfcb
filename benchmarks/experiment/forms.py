r"""Rewrites and edits side by side: two critics of the same records revise the same drafts.

    python -m benchmarks.experiment.forms [--critic FOLDER]

fine-tunes the shipped critic once more on the same records with the prompt set `cnr-edits` (or
takes such a critic), and measures both in turn: win rate, harm, unusable replies, generated tokens,
and versions a second with all rounds made. Writes `benchmarks/results/experiment-forms.json` and
the table in `docs/experiment.md`.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from benchmarks.arguments import command_parser
from benchmarks.experiment.__main__ import RECORDS, critic_of, write_docs
from benchmarks.experiment.measure import ROUNDS, Condition, figures_of, revise_all, served
from benchmarks.saving import save
from revloop.demo import CRITIC_FOLDER
from revloop.edits import apply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.options import EngineOptions
    from revloop.trajectory import Trajectory

NAME = "experiment-forms"


def edits_critic(folder: Path) -> Path:
    """The shipped critic, fine-tuned once more on its records, to write edits."""
    more = ("--prompts", "cnr-edits", "--epochs", "10")
    return critic_of(RECORDS[-1], folder, *more, base=CRITIC_FOLDER)


def conditions(prompts: str, drafts: int) -> dict[str, Condition]:
    """What each critic does."""
    options: dict[str, Any] = {"prompts": prompts}
    return {
        "default": Condition("default", drafts, options=options),
        "no fault": Condition("no fault", drafts // 2, faults=(0, 0), options=options),
        "one pass": Condition("one pass", drafts, options=options | {"single_pass": True}),
        "all rounds": Condition("all rounds", drafts, options=options | {"early_stop": False}),
    }


def measure_form(prompts: str, drafts: int, engine: EngineOptions) -> dict[str, Any]:
    """The figures of a critic in each condition."""
    measured = {}
    for name, condition in conditions(prompts, drafts).items():
        started = time.perf_counter()
        trajectories = anyio.run(revise_all, condition, engine)
        wall_s = time.perf_counter() - started
        versions = sum(trajectory.rounds for trajectory in trajectories)
        measured[name] = {
            **figures_of(condition, trajectories),
            "versions_per_s": versions / wall_s,
            "tokens_a_version": _tokens_a_version(trajectories, versions),
            "edits": edit_outcomes(trajectories),
        }
    return measured


def _tokens_a_version(trajectories: Sequence[Trajectory], versions: int) -> dict[str, float]:
    """Generated tokens by kind of request, unusable replies included, for each version."""
    tokens: Counter[str] = Counter()
    for trajectory in trajectories:
        for step in trajectory.steps:
            tokens[step.kind] += step.usage.generated_tokens
    return {kind: count / versions for kind, count in tokens.items()}


def edit_outcomes(trajectories: Sequence[Trajectory]) -> dict[str, int]:
    """Edits by outcome; also whole rewrites, and versions with a change that no edit made."""
    counts: Counter[str] = Counter()
    for trajectory in trajectories:
        for version in trajectory.versions[1:]:
            if version.edits is None:
                counts["rewrites"] += 1
                continue
            counts.update(edit.outcome.value for edit in version.edits)
            base = trajectory.base_of(version).text
            counts["changed elsewhere"] += version.text != apply(base, version.edits).text
    return dict(counts)


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    parser.add_argument("--drafts", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--critic", type=Path, help="a critic of edits; otherwise one is trained")
    options = parser.parse_args()
    runs: dict[str, list[dict[str, Any]]] = {"cnr": [], "cnr-edits": []}
    with tempfile.TemporaryDirectory(prefix="revloop-forms-") as temporary:
        folder = Path(temporary)
        critics = {
            "cnr": CRITIC_FOLDER,
            "cnr-edits": options.critic or edits_critic(folder),
        }
        for _ in range(options.repeats):
            for prompts, critic in critics.items():
                with served(critic, folder / "server.log") as engine:
                    runs[prompts].append(measure_form(prompts, options.drafts, engine))
    save(NAME, {"rounds": ROUNDS, "forms": {name: _joined(found) for name, found in runs.items()}})
    write_docs()


def _joined(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The first run's figures, with the speeds of all; greedy texts are nearly the same."""
    return {
        name: figures
        | {"versions_per_s": statistics.median(run[name]["versions_per_s"] for run in runs)}
        | {"versions_per_s_runs": [run[name]["versions_per_s"] for run in runs]}
        for name, figures in runs[0].items()
    }


if __name__ == "__main__":
    main()
