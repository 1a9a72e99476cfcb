"""Count the tokens of revisions as edits and as rewrites, without an engine.

    python -m benchmarks.edits --data FOLDER --tokenizer FOLDER

Three kinds of pairs: FastChat's answers with random edits of a share of their words (replaced,
inserted and deleted in runs of up to four words, and whole sentences moved or deleted), human
corrections of learners' sentences (JFLEG; one by one, and ten in a text), and the records that the
demo's critic is trained on. Each is counted with the demo critic's tokenizer, and with one more. It
writes ``benchmarks/results/edits.json`` and ``edits.png``, in two minutes on one core.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.edits.counting import break_even, by_share, counted, figures, total_ratio
from benchmarks.edits.pairs import (
    SHARES,
    edited_answers,
    jfleg_pairs,
    other_answers,
    record_pairs,
)
from benchmarks.plotting import saved_figure
from benchmarks.saving import FOLDER, save
from benchmarks.speculation.traces import read_answers
from revloop.demo import CRITIC_FOLDER
from revloop.edits import differences
from revloop.engines.tokens import PromptTokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.edits.counting import Counted
    from benchmarks.edits.pairs import Pair

ANSWERS, SENTENCES, TEXTS = "answers", "sentences", "texts of ten sentences"
RECORDS, OTHERS = "demo records", "another model's answer"
DEMO = "demo critic"
RECORD_COUNT = 1000
CLASSES = (0.0, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
"""Bounds of the shares of words that people edited."""
GAPS = (0, 2, 3, 4, 5, 6, 7, 9, 13)
GAP_SAMPLE = 4
"""Gaps are tried on every fourth pair."""


def all_pairs(data: Path) -> dict[str, list[Pair]]:
    """The pairs of each set by name; those of answers by the share to edit."""
    answers = read_answers(data)
    everything = [one for of_model in answers.values() for one in of_model]
    return {
        **{answers_set(share): edited_answers(everything, share) for share in SHARES},
        SENTENCES: jfleg_pairs(data / "jfleg"),
        TEXTS: jfleg_pairs(data / "jfleg", sentences=10),
        RECORDS: record_pairs(RECORD_COUNT),
        OTHERS: other_answers(answers["chatgpt"], answers["bard"]),
    }


def answers_set(share: float) -> str:
    """The name of the answers with a share of their words edited."""
    return f"{ANSWERS}, {share:.0%}"


def measure(pairs: Mapping[str, Sequence[Pair]], tokenizer: PromptTokenizer) -> dict[str, Any]:
    """The figures of all sets with one tokenizer."""
    sets = {name: counted(of_set, tokenizer.count) for name, of_set in pairs.items()}
    human = [name for name in (SENTENCES, TEXTS) if name in sets]
    classes = {name: by_share(sets[name], CLASSES) for name in human}
    answers = [sets[name] for name in map(answers_set, SHARES) if name in sets]
    return {
        "sets": {name: figures(of_set) for name, of_set in sets.items()},
        "by_share": {name: _curve(classes[name]) for name in human} | {ANSWERS: _curve(answers)},
        "break_even_share": {ANSWERS: break_even(answers)}
        | {name: break_even(classes[name]) for name in human},
    }


def _curve(sets: Sequence[Sequence[Counted]]) -> list[dict[str, Any]]:
    names = ("revisions", "share_of_words_edited", "all_tokens_ratio", "ratio")
    found = [figures(one) for one in sets if len(one) > 1]
    return [{name: one[name] for name in names} for one in found]


def gap_figures(
    pairs: Mapping[str, Sequence[Pair]], tokenizer: PromptTokenizer
) -> dict[str, dict[str, float]]:
    """The ratio of all tokens by the gap over which two changes become one edit."""
    found: dict[str, dict[str, float]] = {}
    for gap in GAPS:
        with _merged_gap(gap):
            for name, of_set in pairs.items():
                ratio = total_ratio(counted(of_set[::GAP_SAMPLE], tokenizer.count))
                found.setdefault(name, {})[str(gap)] = round(ratio, 4)
    return found


@contextmanager
def _merged_gap(pieces: int) -> Iterator[None]:
    before = differences.MERGED_GAP
    differences.MERGED_GAP = pieces
    try:
        yield
    finally:
        differences.MERGED_GAP = before


def plot(measured: Mapping[str, Any], path: Path) -> None:
    """Plot the ratio of tokens over the share of words edited, with tenth and nine tenths."""
    with saved_figure(path, 7, 4.2) as figure:
        axes = figure.subplots()
        for name, points in measured["by_share"].items():
            shares = [100 * point["share_of_words_edited"] for point in points]
            (line,) = axes.plot(
                shares, [point["ratio"]["median"] for point in points], marker="o", label=name
            )
            low, high = (
                [point["ratio"][end] for point in points] for end in ("tenth", "nine_tenths")
            )
            axes.fill_between(shares, low, high, color=line.get_color(), alpha=0.15)
        axes.axhline(1, color="black", linewidth=0.8)
        axes.set_xlabel("words edited, %")
        axes.set_ylabel("tokens of edits over tokens of a rewrite")
        axes.set(xlim=(0, None), ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend()


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    add_data_option(parser, "fastchat80/*.jsonl and jfleg/")
    parser.add_argument("--tokenizer", type=Path, help="a model folder; its tokenizer counts too")
    options = parser.parse_args()
    pairs = all_pairs(options.data)
    folders = {DEMO: CRITIC_FOLDER}
    if options.tokenizer is not None:
        folders[options.tokenizer.name] = options.tokenizer
    tokenizers = {name: PromptTokenizer.from_folder(path) for name, path in folders.items()}
    measured = {name: measure(pairs, tokenizer) for name, tokenizer in tokenizers.items()}
    last = list(tokenizers)[-1]
    gaps = {name: gap_figures(pairs, tokenizer) for name, tokenizer in tokenizers.items()}
    save(
        "edits",
        {
            "what": "generated tokens of a revision as edits over those of the whole text",
            "tokenizers": measured,
            "merged_gap": {"value": differences.MERGED_GAP, "all_tokens_ratio": gaps},
        },
    )
    plot(measured[last], FOLDER / "edits.png")


if __name__ == "__main__":
    main()
