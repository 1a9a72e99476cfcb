"""Tables and the plot of IFEval's figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.plotting import saved_figure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Seeds = Mapping[str, Mapping[str, Any]]

_LEFT_OUT = "best of N, verifiers"
_GAINS = ("over_draft", "over_best_of_n", "over_best_of_n_uncut")
_COLUMNS = (
    "way",
    "prompts",
    "followed (95%)",
    "fixed, broken",
    "instructions followed",
    "tokens",
    "a solved prompt",
)


def table(seeds: Seeds) -> str:
    """The last round of every way, all seeds in one row, as a Markdown table."""
    lines = [f"| {' | '.join(_COLUMNS)} |", "| --- |" + " --- |" * (len(_COLUMNS) - 1)]
    for name in dict.fromkeys(name for ways in seeds.values() for name in ways):
        rows = [_cells(ways[name]) for ways in seeds.values() if name in ways]
        cells = ["; ".join(dict.fromkeys(some)) for some in zip(*rows, strict=True)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(found: Mapping[str, Any]) -> list[str]:
    last, each = found["rounds"][-1], found["tokens_a_solved_prompt"]
    return [
        str(found["prompts"]),
        interval(last["prompts"]),
        f"{last['fixed']}, {last['broken']}",
        f"{last['instructions']['share']:.1%}",
        f"{found['generated_tokens']:,}",
        "none" if each is None else f"{each:,}",
    ]


def gains_table(gains: Mapping[str, Any]) -> str:
    """Points gained over the drafts and over the best of N, all seeds together."""
    lines = [
        "| way | points over its drafts | over the best of N | over it, cut drafts refused |",
        "| --- | ---: | ---: | ---: |",
    ]
    for way, found in gains.items():
        cells = [_points(found[name]) for name in _GAINS]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _points(found: Mapping[str, float]) -> str:
    return f"{found['points']:+.1f} ({found['low']:+.1f} to {found['high']:+.1f})"


def interval(share: Mapping[str, float]) -> str:
    """A share and its interval in words."""
    return f"{share['share']:.1%} ({share['low']:.1%} to {share['high']:.1%})"


def rounds_table(seeds: Seeds) -> str:
    """Prompts that every way follows after each round, with every seed, as a Markdown table."""
    names = dict.fromkeys(name for ways in seeds.values() for name in ways)
    lines = list[str]()
    for name in names:
        by_seed = [ways[name]["rounds"] for ways in seeds.values() if name in ways]
        cells = [
            ", ".join(f"{row['prompts']['share']:.1%}" for row in rows)
            for rows in zip(*by_seed, strict=True)
        ]
        if not lines:
            lines += [f"| way | {' | '.join(f'round {number}' for number in range(len(cells)))} |"]
            lines += ["| --- |" + " --- |" * len(cells)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(seeds: Seeds, path: Path) -> None:
    """Prompts followed against tokens a prompt, one panel for each seed."""
    with saved_figure(path, 5.2 * len(seeds), 5.0) as figure:
        panels = figure.subplots(1, len(seeds), sharey=True, squeeze=False)[0]
        for panel, (seed, ways) in zip(panels, seeds.items(), strict=True):
            for name, found in ways.items():
                if name == _LEFT_OUT:
                    continue
                rows = found["rounds"]
                panel.plot(
                    [row["generated_tokens"] / found["prompts"] for row in rows],
                    [100 * row["prompts"]["share"] for row in rows],
                    linestyle="--" if name.startswith("best of N") else "-",
                    marker="o",
                    markersize=3,
                    label=name,
                )
            panel.set(title=f"seed {seed}", xlabel="generated tokens a prompt")
            panel.grid(alpha=0.3)
        panels[0].set_ylabel("prompts followed (%)")
        handles = panels[0].get_legend_handles_labels()
        figure.legend(*handles, fontsize=7, loc="outside lower center", ncols=4)
