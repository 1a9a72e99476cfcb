"""The file with the results, and the tables of docs/evidence.md that are made of it.

python -m benchmarks.jfleg.results
"""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from benchmarks.jfleg.judging import TIE_MARGIN
from benchmarks.saving import FOLDER
from revloop.bench.machine import machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RESULTS = FOLDER / "jfleg.json"
GATE_RESULTS = FOLDER / "jfleg-gate.json"
LIBRARIES = ("trl", "peft")
KEYS = ("records", "form", "seed", "recipe", "variant")
"""What tells runs apart."""

SHOWN = [1000, "rewrite", 0, "", ""]
"""The run whose trajectories docs/evidence.md shows."""

_MARGINS = (0.0, 1.0, 2.0, 2.5, 3.0)
"""Those that docs/evidence.md shows."""

_HEADS = ("form", "way", "records", "seed")

WAYS = {
    "": "last version",
    "gate-0": "gate: likelihood",
    "gate": "gate: likelihood, two candidates",
    "sure": "gate: sure and likely",
    "careful": "gate: careful",
    "good": "records of good texts",
    "good careful": "records of good texts, gate: careful",
}
"""What docs/evidence.md calls recipes and variants."""


def known_runs() -> list[dict[str, Any]]:
    """The figures of all runs so far."""
    runs: list[dict[str, Any]] = json.loads(RESULTS.read_bytes())["runs"]
    return runs


def add_result(result: dict[str, Any]) -> None:
    """Put a run's figures in the file, in place of earlier ones."""
    known = known_runs() if RESULTS.exists() else []
    key = [result[name] for name in KEYS]
    rest = [one for one in known if [one[name] for name in KEYS] != key]
    content = {
        "machine": machine(),
        "versions": {name: version(name) for name in LIBRARIES},
        "tie_margin": TIE_MARGIN,
        "runs": sorted([*rest, result], key=lambda one: [str(one[name]).zfill(4) for name in KEYS]),
    }
    RESULTS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def known_grids() -> list[dict[str, Any]]:
    """What weights and margins of the gate gave, for each critic and part of JFLEG so far."""
    grids: list[dict[str, Any]] = json.loads(GATE_RESULTS.read_bytes())["grids"]
    return grids


def add_gate_result(content: dict[str, Any]) -> None:
    """Put what weights and margins gave in the file, in place of an earlier result."""
    known = known_grids() if GATE_RESULTS.exists() else []
    key = (content["critic"], content["part"])
    rest = [one for one in known if (one["critic"], one["part"]) != key]
    grids = sorted([*rest, content], key=lambda one: (one["part"], one["critic"]))
    GATE_RESULTS.write_text(json.dumps({"grids": grids}, indent=1) + "\n", encoding="utf-8")


def gleu_table(runs: Iterable[dict[str, Any]]) -> str:
    """GLEU by round, win rate, losses and edits as a Markdown table."""
    rows = []
    for one in runs:
        last, judged = one["rounds"][-1], one["evaluation"][-1]
        low, high = (f"{judged[f'win_rate_{end}']:.1%}" for end in ("low", "high"))
        gleu = (_gleu(one["rounds"][number]) for number in (1, 2, 5))
        win_rate = f"{judged['win_rate']:.1%} ({low} to {high})"
        edits = f"{last['edits_a_sentence']:.1f}"
        rows.append((*_named(one), *gleu, win_rate, str(last["lost"]), edits))
    heads = ("round 1", "round 2", "round 5", "win rate", "lost", "edits")
    return _markdown((*_HEADS, *heads), rows)


def harm_table(runs: Iterable[dict[str, Any]]) -> str:
    """Good sentences that were changed, as a Markdown table."""
    rows = []
    for one in runs:
        last = one["rounds"][-1]
        cells = []
        for name in ("good_sentences", "mostly_good_sentences"):
            count, low, high = (last[f"{name}_changed{end}"] for end in ("", "_low", "_high"))
            share = f"{count / last[name]:.0%} ({low:.0f}% to {high:.0f}%)"
            cells.append(f"{count} of {last[name]}: {share}")
        rows.append((*_named(one), *cells))
    return _markdown((*_HEADS, "four of four left alone", "three or four"), rows)


def gate_table(grids: Iterable[dict[str, Any]]) -> str:
    """What weights and margins of the gate give, as a Markdown table: GLEU, lost, harm."""
    rows = []
    for one in grids:
        good = one["mostly_good_sentences"]
        cells = {
            (row["weight"], row["margin"]): f"{row['gleu']:.1f}, {row['lost']},"
            f" {row['mostly_good_sentences_changed']} of {good}"
            for row in (one["without_gate"] | {"weight": None}, *one["grid"])
        }
        for weight in sorted({row["weight"] for row in one["grid"]}):
            by_margin = (cells[weight, margin] for margin in _MARGINS)
            name = f"{one['critic']}, {one['part']}"
            rows.append((name, f"{weight:g}", cells[None, None], *by_margin))
    heads = ("critic, part", "weight", "no gate", *(f"margin {one:g}" for one in _MARGINS))
    return _markdown(heads, rows, texts=1)


def share_table(grids: Iterable[dict[str, Any]]) -> str:
    """What margins that refuse a share of the first changes give, as a Markdown table."""
    rows = []
    for one in grids:
        for row in (row for row in one["grid"] if "share" in row):
            harmed = (
                f"{row[f'{name}_changed']} of {one[name]}"
                for name in ("good_sentences", "mostly_good_sentences")
            )
            share, margin = f"{row['share']:.1%}", f"{row['margin']:.1f}"
            weight, gleu = f"{row['weight']:g}", f"{row['gleu']:.2f}"
            rows.append((one["critic"], weight, share, margin, gleu, str(row["lost"]), *harmed))
    heads = ("weight", "refused", "margin", "GLEU", "lost", "four of four", "three or four")
    return _markdown(("critic", *heads), rows, texts=1)


def sample_table(run: dict[str, Any]) -> str:
    """Some trajectories of a run, one by one, as a Markdown table."""
    rows = []
    for one in run["sample"]:
        gleu = [f"{one['gleu'][number]:.0f}" for number in (0, 1, 2, 5)]
        verdict = {"first": "won", "second": "lost"}.get(one["verdict"], "tied")
        unchanged = f"{one['people_that_changed_nothing']} of 4"
        rows.append((str(one["line"]), unchanged, *gleu, str(one["edits"]), verdict))
    heads = ("left alone by", "GLEU", "round 1", "round 2", "round 5", "edits", "verdict")
    return _markdown(("line", *heads), rows, texts=0)


def way_of(run: dict[str, Any]) -> str:
    """What is unusual about a run's records or about how it revises, in words."""
    name = " ".join(filter(None, (run["recipe"], run["variant"])))
    return WAYS.get(name, name)


def _named(run: dict[str, Any]) -> tuple[str, str, str, str]:
    seed = "" if run["seed"] is None else str(run["seed"])
    return run["form"], way_of(run), str(run["records"]), seed


def _gleu(row: dict[str, Any]) -> str:
    return f"{row['gleu']:.1f} ({row['low']:.1f} to {row['high']:.1f})"


def _markdown(heads: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 2) -> str:
    """A table whose first columns are texts, and the others figures."""
    marks = ["---" if number < texts else "---:" for number in range(len(heads))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, marks, *rows])


def tables() -> list[str]:
    """The tables of docs/evidence.md."""
    runs, grids = known_runs(), known_grids()
    (shown,) = (one for one in runs if [one[name] for name in KEYS] == SHOWN)
    chosen_by = [one for one in grids if one["part"] == "dev"]
    return [
        *(gleu_table(runs), harm_table(runs), sample_table(shown)),
        *(gate_table(chosen_by), share_table(grids)),
    ]


def main() -> None:
    """Print the tables."""
    print("\n\n".join(tables()))


if __name__ == "__main__":
    main()
