"""The experiment's page and plots, from its results."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from benchmarks.plotting import saved_figure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Measured = Mapping[str, Any]
    Figure = Callable[[Measured], str]
    Number = Callable[[Measured], float]

PAGE = Path(__file__).with_name("page.md")
PAPER_WIN_RATES = (0.566, 0.619, 0.622, 0.653, 0.659)
"""Win rates of ChatGPT's answers after rounds 1 to 5 (arXiv 2311.14543)."""
PLOTS = "experiment"
MAIN = "two passes, greedy"


def write_page(results: Measured, forms: Measured, winners: Measured, *, docs: Path) -> None:
    """Write `experiment.md` and its plots into the folder of the docs."""
    shipped, by_records = results["shipped"], results["by_records"]
    strengths = {name: shipped[name] for name in shipped if "fault" in name}
    ways = {name: shipped[name] for name in shipped if "fault" not in name}
    critics = {f"{count} records": measured for count, measured in by_records.items()}
    plots = docs / PLOTS
    plots.mkdir(exist_ok=True)
    _plot_rounds({"shipped critic (ours, exact judge)": shipped[MAIN]}, plots / "rounds.png", True)
    _plot_rounds(critics, plots / "records.png")
    _plot_rounds(strengths, plots / "strength.png")
    _plot_rounds(ways, plots / "ways.png")
    text = Template(PAGE.read_text(encoding="utf-8")).substitute(
        date=results["date"],
        machine=results["machine"],
        versions=", ".join(f"{name} {number}" for name, number in results["versions"].items()),
        drafts=shipped[MAIN]["drafts"],
        rounds=_rounds_table(shipped[MAIN]),
        records=_conditions_table(critics),
        strength=_conditions_table(strengths),
        ways=_conditions_table(ways),
        forms_date=forms["date"],
        forms=_forms_table(forms["forms"]),
        winners_date=winners["date"],
        winners_rounds=winners["rounds"],
        winners=_conditions_table(winners["critics"]),
    )
    (docs / "experiment.md").write_text(text, encoding="utf-8")


def _rounds_table(measured: Measured) -> str:
    head = ("after round", "won / tied / lost", "win rate (95% interval)", "paper")
    lines = _head(*head, "without a fault", "faults a draft")
    for row in measured["rounds"]:
        number = row["round"]
        compared = "| | |"
        if number:
            compared = (
                f"{row['wins']} / {row['ties']} / {row['losses']} | {_win_rate(row)} "
                f"| {PAPER_WIN_RATES[number - 1]:.1%}"
            )
        lines.append(
            f"| {number} | {compared} | {row['fault_free']:.0%} | {row['mean_faults']:.2f} |"
        )
    return "\n".join(lines)


def _conditions_table(conditions: Mapping[str, Measured]) -> str:
    head = ("", "drafts", "after 1 round", "after 3", "after 5")
    lines = _head(*head, "harmed", "true statements", "unusable")
    for name, measured in conditions.items():
        first, third, last = (measured["rounds"][number] for number in (1, 3, 5))
        made = measured["statements"]
        true = f"{measured['true_statements'] / made:.1%}" if made else "none"
        unusable = f"{measured['useless_requests']} of {measured['requests']}"
        lines.append(
            f"| {name} | {measured['drafts']} | {first['win_rate']:.1%} | {third['win_rate']:.1%} "
            f"| {_win_rate(last)} | {last['losses']} | {true} | {unusable} |"
        )
    return "\n".join(lines)


def _forms_table(forms: Mapping[str, Measured]) -> str:
    """Two critics side by side: a row for each figure, with edits over rewrites where it helps."""
    rewrite, edits = forms["cnr"], forms["cnr-edits"]
    lines = _head("", "rewrites (`cnr`)", "edits (`cnr-edits`)", "edits / rewrites")
    for title, condition, figure in _FORM_ROWS:
        first, second = figure(rewrite[condition]), figure(edits[condition])
        lines.append(f"| {title} | {first} | {second} | |")
    for title, condition, number in _FORM_NUMBERS:
        ours, theirs = number(edits[condition]), number(rewrite[condition])
        lines.append(f"| {title} | {theirs:.1f} | {ours:.1f} | {ours / theirs:.2f} |")
    return "\n".join(lines)


def _unusable(measured: Measured) -> str:
    share = measured["useless_requests"] / measured["requests"]
    return f"{measured['useless_requests']} of {measured['requests']} ({share:.1%})"


def _outcomes(measured: Measured) -> str:
    return ", ".join(f"{count} {name}" for name, count in measured["edits"].items() if count)


_FORM_ROWS: tuple[tuple[str, str, Figure], ...] = (
    ("win rate after 5 rounds", "default", lambda measured: _win_rate(measured["rounds"][5])),
    ("in one pass", "one pass", lambda measured: _win_rate(measured["rounds"][5])),
    ("without a fault", "default", lambda measured: f"{measured['rounds'][5]['fault_free']:.1%}"),
    (
        "good responses unharmed",
        "no fault",
        lambda measured: f"{measured['rounds'][5]['unharmed']:.1%}",
    ),
    ("unusable replies", "default", _unusable),
    ("edits", "default", _outcomes),
)
_FORM_NUMBERS: tuple[tuple[str, str, Number], ...] = (
    (
        "generated tokens of a critique, all rounds made",
        "all rounds",
        lambda measured: measured["tokens_a_version"]["critique"],
    ),
    (
        "of a revision",
        "all rounds",
        lambda measured: (
            sum(measured["tokens_a_version"].values()) - measured["tokens_a_version"]["critique"]
        ),
    ),
    (
        "of a version",
        "all rounds",
        lambda measured: sum(measured["tokens_a_version"].values()),
    ),
    ("versions a second", "all rounds", lambda measured: measured["versions_per_s"]),
)


def _head(*columns: str) -> list[str]:
    return [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]


def _win_rate(row: Measured) -> str:
    low, high = row["interval"]
    return f"{row['win_rate']:.1%} ({low * 100:.1f} to {high * 100:.1f})"


def _plot_rounds(conditions: Mapping[str, Measured], path: Path, paper: bool = False) -> None:
    """Win rate by round, with its interval."""
    with saved_figure(path, 6.4, 3.8) as figure:
        axes = figure.subplots()
        for name, measured in conditions.items():
            rows = measured["rounds"][1:]
            numbers = [row["round"] for row in rows]
            axes.plot(numbers, [row["win_rate"] * 100 for row in rows], marker="o", label=name)
            low, high = zip(*(row["interval"] for row in rows), strict=True)
            axes.fill_between(numbers, [x * 100 for x in low], [x * 100 for x in high], alpha=0.2)
        if paper:
            axes.plot(
                range(1, 6),
                [rate * 100 for rate in PAPER_WIN_RATES],
                *("s--",),
                color="grey",
                label="arXiv 2311.14543: ChatGPT's answers, open questions",
            )
        axes.axhline(50, color="black", linewidth=0.8)
        axes.set(xlabel="rounds", ylabel="win rate against the original, %", xticks=range(1, 6))
        axes.legend(frameon=False, fontsize="small")
