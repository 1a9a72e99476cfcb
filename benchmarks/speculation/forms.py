"""Count the engine's steps of a revision: rewrites with n-grams against edits without them.

    python -m benchmarks.speculation.forms --data FOLDER --tokenizer FOLDER

replays the revisions of ``benchmarks.edits`` in both forms. With n-grams, a step gives all drafted
tokens that were right and one more, and computes them all. It writes
``benchmarks/results/speculation-edits.json``, in a few minutes on one core.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.edits.__main__ import all_pairs
from benchmarks.saving import save
from benchmarks.speculation.proposers import ngram
from benchmarks.speculation.replay import Counts, replay_all
from benchmarks.speculation.traces import Tokens, edits_trace, rewrite_trace
from revloop.demo import CRITIC_FOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.edits.pairs import Pair
    from benchmarks.speculation.proposers import Method
    from benchmarks.speculation.traces import Trace

DRAFTED = 8
"""As ``revloop serve --speculate ngram``."""
METHODS: dict[str, Method] = {
    "none": lambda _: lambda *_: (),
    "ngram 2-4": ngram(2, 4),
    "ngram 1-4": ngram(1, 4),
}
SAMPLE = 4
"""Every fourth pair is replayed."""


def figures(pairs: Sequence[Pair], tokens: Tokens) -> dict[str, Any]:
    """Steps and computed tokens of a revision in each form, with each method."""
    rewrites = [rewrite_trace(pair, tokens) for pair in pairs]
    edits = [edits_trace(pair, tokens) for pair in pairs]
    counts = {"rewrite": _counts(rewrites), "edits": _counts(edits)}
    least = min(found.steps for found in counts["rewrite"].values())
    return {
        "revisions": len(pairs),
        **{
            form: {name: _a_revision(found, len(pairs)) for name, found in of_form.items()}
            for form, of_form in counts.items()
        },
        "edits_over_best_ngrams": round(counts["edits"]["none"].steps / least, 3),
    }


def _counts(traces: Sequence[Trace]) -> dict[str, Counts]:
    return {name: replay_all(traces, method, DRAFTED) for name, method in METHODS.items()}


def _a_revision(counts: Counts, revisions: int) -> dict[str, float]:
    return {
        "steps": round(counts.steps / revisions, 1),
        "computed_tokens": round((counts.steps + counts.drafted) / revisions, 1),
        "tokens_a_step": round(counts.tokens_a_step or 0, 3),
    }


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    add_data_option(parser, "fastchat80/*.jsonl and jfleg/")
    parser.add_argument("--tokenizer", type=Path, default=CRITIC_FOLDER, help="a model folder")
    options = parser.parse_args()
    tokens = Tokens.of_model(options.tokenizer)
    found = {
        name: figures(pairs[::SAMPLE], tokens) for name, pairs in all_pairs(options.data).items()
    }
    save(
        "speculation-edits",
        {
            "what": "engine steps and computed tokens of a revision, on average",
            "tokenizer": options.tokenizer.name,
            "drafted": DRAFTED,
            "revisions": found,
        },
    )


if __name__ == "__main__":
    main()
