"""Show the figures as a table and as a plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.plotting import saved_figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PLOTTED_K = "8"


def rows(results: Mapping[str, Any]) -> Iterator[list[str]]:
    """A row for each set of requests and method: tokens a step and accepted share, by k."""
    sets = {f"demo {kind}s": table for kind, table in results["demo"].items()}
    sets |= {f"texts {size}": table for size, table in results["texts"]["revisions"].items()}
    for name, table in sets.items():
        for method, by_k in table.items():
            if method == "requests":
                continue
            cells = [f"{f['tokens_a_step']:.2f} ({_percent(f)})" for f in by_k.values()]
            yield [name, method, *cells]


def _percent(figures: Mapping[str, Any]) -> str:
    share = figures["accepted_share"]
    return "-" if share is None else f"{share:.0%}"


def print_table(results: Mapping[str, Any]) -> None:
    """Print tokens a step and, in brackets, the share of drafted tokens accepted."""
    ks = list(results["demo"]["revision"]["ngram 2-4"])
    for row in [["requests", "method", *(f"k={k}" for k in ks)], *rows(results)]:
        print(f"{row[0]:22}{row[1]:12}" + "".join(f"{cell:>14}" for cell in row[2:]))
    if "served" in results:
        print(results["served"])


def plot(results: Mapping[str, Any], path: Path) -> None:
    """Plot tokens a step over the share of words edited, one line for each method."""
    by_size = results["texts"]["revisions"]
    names = [name for name in next(iter(by_size.values())) if name != "requests"]
    with saved_figure(path, 7, 4.5, dpi=120) as figure:
        axes = figure.subplots()
        for name in names:
            heights = [table[name][PLOTTED_K]["tokens_a_step"] for table in by_size.values()]
            axes.plot(range(len(heights)), heights, marker="o", label=name)
        axes.set_xticks(range(len(by_size)), list(by_size))
        axes.set_xlabel("share of the previous version's words edited")
        axes.set_ylabel(f"tokens a step, at most {PLOTTED_K} drafted")
        axes.set_ylim(bottom=1)
        axes.grid(alpha=0.3)
        axes.legend()
