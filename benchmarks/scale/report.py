"""The page and its plots, from the planner and the measurements, if any."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from benchmarks.plotting import saved_figure
from benchmarks.scale.compare import compare
from revloop.errors import DoesNotFitError
from revloop.planning import CARDS, Assumptions, Job, TokenLengths, card_named, plan_job
from revloop.values import duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.scale.compare import Measured
    from revloop.models.shape import ModelShape
    from revloop.planning import JobPlan

PAGE = Path(__file__).with_name("page.md")
PLOTS = "scale"
ROUNDS = 5
LARGE, SMALL = 1_000_000, 10_000
GPUS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
CARDS_IN_NODES = tuple(card for card in CARDS if card.gpus_per_node > 1)
IN_TABLE = (1, 2, 8, 16, 64, 256, 1000)
AT_ONCE = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


def write_page(
    falcon: ModelShape,
    docs: Path,
    measured: Sequence[Measured] = (),
    measured_shape: ModelShape | None = None,
) -> None:
    """Write `scale.md` and its plots into the folder of the docs."""
    plots = docs / PLOTS
    plots.mkdir(exist_ok=True)
    _plot_hours(falcon, plots / "hours.png")
    _plot_shares(falcon, plots / "shares.png")
    lengths = TokenLengths()
    most, few, more = (
        predicted(falcon, n, card) for n, card in ((GPUS[-1], "h100"), (2, "l40s"), (4, "l40s"))
    )
    assert most is not None
    assert few is not None
    assert more is not None
    text = Template(PAGE.read_text(encoding="utf-8")).substitute(
        drafts=f"{LARGE:,}",
        small=f"{SMALL:,}",
        rounds=ROUNDS,
        prompt=f"{lengths.prompt_tokens:.0f}",
        critique=f"{lengths.critique_tokens:.0f}",
        revision=f"{lengths.revision_tokens:.0f}",
        # two requests a round, in the usual two passes
        requests=f"{2 * ROUNDS * LARGE / most.wall_s:,.0f}",
        few=few.sequences_at_once,
        times=f"{few.wall_s / more.wall_s:.0f}",
        hours=_hours_table(falcon),
        cards=_cards_table(falcon),
        assumptions=_assumptions_table(falcon),
        measured=_measured_table(measured, measured_shape),
    )
    (docs / "scale.md").write_text(text, encoding="utf-8")


def predicted(
    shape: ModelShape,
    gpus: int,
    card: str = "h100",
    drafts: int = LARGE,
    assumptions: Assumptions | None = None,
) -> JobPlan | None:
    """The plan of the page's job, or None if the model does not fit."""
    job = Job(drafts=drafts, iterations=ROUNDS, lengths=TokenLengths())
    try:
        return plan_job(shape, card_named(card), gpus, job, assumptions=assumptions)
    except DoesNotFitError:
        return None


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def _hours_table(shape: ModelShape) -> str:
    rows = []
    for gpus in IN_TABLE:
        large, small = predicted(shape, gpus), predicted(shape, gpus, drafts=SMALL)
        if large is None or small is None:
            rows.append([f"{gpus:,}", "does not fit", "", "", "", ""])
            continue
        layout = f"{large.layout.replicas:,} x {large.layout.tensor_parallel_size}"
        rows.append(
            [
                f"{gpus:,}",
                layout,
                duration(large.wall_s),
                f"{large.gpu_hours:,.0f}",
                large.limit.value,
                f"{duration(small.wall_s)} ({small.limit.value})",
            ]
        )
    return table(
        ("H100", "replicas x size", "time", "GPU hours", "limited by", f"{SMALL:,} drafts"), rows
    )


def _cards_table(shape: ModelShape) -> str:
    rows = []
    for card in CARDS_IN_NODES:
        planned = predicted(shape, 16, card.name)
        if planned is None:
            continue
        shares = ", ".join(f"{name} {share:.0%}" for name, share in planned.shares.items() if share)
        rows.append(
            [
                f"16 x {card.title}",
                f"{planned.layout.replicas} x {planned.layout.tensor_parallel_size}",
                duration(planned.wall_s),
                f"{planned.gpu_hours:,.0f}",
                shares,
            ]
        )
    return table(("", "replicas x size", "time", "GPU hours", "where the time goes"), rows)


def _assumptions_table(shape: ModelShape) -> str:
    """The sensitivity to each assumption."""
    default = Assumptions()
    changes: Mapping[str, tuple[float, float]] = {
        "flops_share": (0.3, 0.7),
        "bandwidth_share": (0.5, 0.9),
        "tensor_parallel_share": (0.7, 1.0),
        "max_num_seqs": (64, 1024),
    }
    rows = []
    for name, values in changes.items():
        row = [f"`--{name.replace('_', '-')}`", f"{getattr(default, name):g}"]
        for value in values:
            planned = predicted(shape, 16, assumptions=default.model_copy(update={name: value}))
            row.append("" if planned is None else f"{value:g}: {duration(planned.wall_s)}")
        rows.append(row)
    return table(("option", "assumed", "if lower", "if higher"), rows)


def _measured_table(measured: Sequence[Measured], shape: ModelShape | None) -> str:
    if not measured or shape is None:
        return "Nothing has been measured yet."
    rows = []
    for each in measured:
        found, machine = compare(shape, each), each.machine
        rows.append(
            [
                f"{machine.name}, {each.engine}",
                f"{machine.gflops:.0f} GFLOP/s, {machine.bandwidth_gb_s:.1f} GB/s",
                f"{each.drafts}, {each.at_once} at once",
                f"{found.predicted_tokens_per_s:,.0f}",
                f"{found.measured_tokens_per_s:,.0f}",
                f"{found.reached:.1%}",
                f"{each.cached_tokens / each.prompt_tokens:.0%}",
            ]
        )
    columns = ("machine", "each worker", "drafts", "roofline, tokens/s", "measured, tokens/s")
    return table((*columns, "reached", "prompt tokens cached"), rows)


def _plot_hours(shape: ModelShape, path: Path) -> None:
    """Hours against GPUs, for each card, and for a job too small for many GPUs."""
    with saved_figure(path, 6.4, 4.2) as figure:
        axes = figure.subplots()
        for card in CARDS_IN_NODES:
            points = [(n, predicted(shape, n, card.name)) for n in GPUS]
            fitting = [(n, planned.hours) for n, planned in points if planned is not None]
            axes.plot(*zip(*fitting, strict=True), marker="o", markersize=3, label=card.title)
        small = [(n, predicted(shape, n, drafts=SMALL)) for n in GPUS]
        hours = [(n, planned.hours) for n, planned in small if planned is not None]
        label = f"H100 SXM, {SMALL:,} drafts"
        axes.plot(*zip(*hours, strict=True), "k--", label=label)
        axes.set(xscale="log", yscale="log", xlabel="GPUs", ylabel="hours")
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend(frameon=False, fontsize="small")


def _plot_shares(shape: ModelShape, path: Path) -> None:
    """Where a replica's time goes, by the size of the batch."""
    with saved_figure(path, 6.4, 4.2) as figure:
        axes = figure.subplots()
        plans = [predicted(shape, 2, assumptions=Assumptions(max_num_seqs=n)) for n in AT_ONCE]
        fitting = [(n, p) for n, p in zip(AT_ONCE, plans, strict=True) if p is not None]
        ticks = [str(n) for n, _ in fitting]
        bottom = [0.0] * len(fitting)
        for name in fitting[0][1].shares:
            parts = [planned.shares[name] * 100 for _, planned in fitting]
            axes.bar(ticks, parts, bottom=bottom, label=name)
            bottom = [low + part for low, part in zip(bottom, parts, strict=True)]
        axes.set(xlabel="drafts at once on one replica (2 x H100 SXM)", ylabel="share of time, %")
        axes.legend(frameon=False, fontsize="small", loc="upper center", ncols=2)
        axes.set_ylim(0, 125)
