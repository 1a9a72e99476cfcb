"""Count the tokens a step of speculative decoding on critiques and revisions.

    python -m benchmarks.speculation

replays recorded requests without an engine: those of the demo critic (from ``--store``, or made
with a server that drafts from n-grams, whose counters are then compared with the replay), and
revisions of real answers made by random edits of varying size (``--data``). It writes
`benchmarks/results/speculation.json` and `speculation.png`, in a few minutes on two cores.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.saving import FOLDER, save
from benchmarks.speculation.proposers import SuffixTrees, follow, ngram
from benchmarks.speculation.replay import replay_all
from benchmarks.speculation.report import plot, print_table
from benchmarks.speculation.served import METRICS, make_store
from benchmarks.speculation.traces import (
    Tokens,
    cross_traces,
    edited_traces,
    read_answers,
    traces_of,
    train_tokenizer,
)
from revloop import Store
from revloop.demo import CRITIC_FOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.speculation.proposers import Method
    from benchmarks.speculation.traces import Trace

DRAFTED = (4, 8, 12)
SHARES = (0.0, 0.05, 0.15, 0.3, 0.5)


def methods() -> dict[str, Method]:
    """The methods by name; suffix trees only if their library is installed."""
    found: dict[str, Method] = {
        "ngram 5-5": ngram(5, 5),  # vLLM's default
        "ngram 2-4": ngram(2, 4),
        "ngram 1-4": ngram(1, 4),
        "follow 2-4": follow(2, 4),
        "follow 1-4": follow(1, 4),
    }
    suffix = SuffixTrees.open()
    return found if suffix is None else {**found, "suffix": suffix}


def figures(traces: Sequence[Trace]) -> dict[str, Any]:
    """The figures of each method on some requests, by tokens drafted at a step."""
    table: dict[str, Any] = {"requests": len(traces)}
    for name in methods():
        table[name] = {}
        for k in DRAFTED:
            counts = replay_all(traces, methods()[name], k)  # new suffix trees each time
            table[name][str(k)] = {
                "tokens_a_step": counts.tokens_a_step,
                "accepted_share": counts.accepted_share,
                "accepted_a_draft": counts.accepted / counts.drafts if counts.drafts else None,
                "tokens": counts.tokens,
                "steps": counts.steps,
            }
    return table


def demo_traces(store: Path) -> list[Trace]:
    """The requests of the demo critic, by trajectory and round."""
    tokens = Tokens.of_model(CRITIC_FOLDER)
    with Store.open_to_read(store) as opened:
        return [trace for one in opened.trajectories() for trace in traces_of(one, tokens)]


def text_figures(data: Path) -> dict[str, Any]:
    """The figures of each method on revisions of real answers, by the kind of revision."""
    answers = read_answers(data)
    texts = [
        text
        for rows in answers.values()
        for row in rows
        for text in (row.prompt_text, row.response)
    ]
    tokenizer = train_tokenizer(texts)
    tokens = Tokens(lambda text: tokenizer.encode(text).ids, tokenizer.token_to_id("<end>"))
    everything = [row for rows in answers.values() for row in rows]
    sets = {f"{share:.0%}": edited_traces(everything, share, tokens) for share in SHARES}
    sets["another model"] = cross_traces(answers["chatgpt"], answers["bard"], tokens)
    by_size = {name: figures(traces) for name, traces in sets.items()}
    return {"vocabulary": tokenizer.get_vocab_size(), "revisions": by_size}


def run(store: Path | None, data: Path, drafts: int, rounds: int) -> dict[str, Any]:
    """All figures, ready for JSON."""
    served = None
    with tempfile.TemporaryDirectory(prefix="revloop-speculation-") as folder:
        if store is None:
            store = Path(folder) / "demo.sqlite"
            served = make_store(store, drafts, rounds)
        traces = demo_traces(store)
    kinds = ("critique", "revision")
    demo = {kind: figures([t for t in traces if t.kind == kind]) for kind in kinds}
    results: dict[str, Any] = {"demo": demo, "texts": text_figures(data)}
    if served is not None:
        # the server drafts as `revloop serve --speculate ngram` does
        counts = replay_all(traces, ngram(2, 4), 8)
        replayed = dict(zip(METRICS, (counts.drafts, counts.drafted, counts.accepted), strict=True))
        results["served"] = {"counted by the server": served, "by replay": replayed}
    return results


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    parser.add_argument("--store", type=Path, help="trajectories of the demo critic, two passes")
    add_data_option(parser, "fastchat80/*.jsonl")
    parser.add_argument("--drafts", type=int, default=200, help="for the demo critic")
    parser.add_argument("--rounds", type=int, default=3, help="for the demo critic")
    options = parser.parse_args()
    results = run(options.store, options.data, options.drafts, options.rounds)
    save("speculation", results)
    print_table(results)
    plot(results, FOLDER / "speculation.png")


if __name__ == "__main__":
    main()
