"""Tables and the plot of IFEval's figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.plotting import saved_figure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Seeds = Mapping[str, Mapping[str, Any]]

_COLUMNS = (
    "way",
    "seed",
    "prompts followed (95%)",
    "fixed, broken",
    "p",
    "instructions followed (95%)",
    "tokens",
    "a solved prompt",
)
_LEFT_OUT = "best of N, verifiers"


def table(seeds: Seeds) -> str:
    """The last round of every way, for each seed, as a Markdown table."""
    lines = [f"| {' | '.join(_COLUMNS)} |", "| --- |" + " --- |" * (len(_COLUMNS) - 1)]
    names = sorted({name for ways in seeds.values() for name in ways})
    for name in names:
        lines += [_row(name, seed, ways[name]) for seed, ways in seeds.items() if name in ways]
    return "\n".join(lines)


def _row(name: str, seed: str, found: Mapping[str, Any]) -> str:
    last = found["rounds"][-1]
    each = found["tokens_a_solved_prompt"]
    cells = [
        name,
        seed,
        interval(last["prompts"]),
        f"{last['fixed']}, {last['broken']}",
        f"{last['mcnemar_p']:.2g}",
        interval(last["instructions"]),
        f"{found['generated_tokens']:,}",
        "" if each is None else f"{each:,}",
    ]
    return f"| {' | '.join(cells)} |"


def interval(share: Mapping[str, float]) -> str:
    """A share and its interval in words."""
    return f"{share['share']:.1%} ({share['low']:.1%} to {share['high']:.1%})"


def rounds_table(ways: Mapping[str, Any]) -> str:
    """Prompts followed by round, for one seed, as a Markdown table."""
    lines = [f"| round | {' | '.join(ways)} |", "| ---: |" + " ---: |" * len(ways)]
    for rows in zip(*(one["rounds"] for one in ways.values()), strict=True):
        cells = [f"{row['prompts']['share']:.1%}" for row in rows]
        lines.append(f"| {rows[0]['round']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(seeds: Seeds, path: Path) -> None:
    """Prompts followed against tokens, one panel for each seed."""
    with saved_figure(path, 5.2 * len(seeds), 4.6) as figure:
        panels = figure.subplots(1, len(seeds), sharey=True, squeeze=False)[0]
        for panel, (seed, ways) in zip(panels, seeds.items(), strict=True):
            for name, found in ways.items():
                if name == _LEFT_OUT:
                    continue
                rows = found["rounds"]
                panel.plot(
                    [row["generated_tokens"] / 1000 for row in rows],
                    [100 * row["prompts"]["share"] for row in rows],
                    linestyle="--" if name.startswith("best of N") else "-",
                    marker="o",
                    markersize=3,
                    label=name,
                )
            panel.set(title=f"seed {seed}", xlabel="generated tokens (thousands)")
            panel.grid(alpha=0.3)
        panels[0].set_ylabel("prompts followed (%)")
        panels[-1].legend(fontsize=7)
