"""Measure revloop against programs that a user might write, on one server.

    python -m benchmarks.versus                      the demo critic's own, short answers
    python -m benchmarks.versus --lengths real       lengths of real chat answers
    python -m benchmarks.versus --lengths real --edits
                                                 the same, edits against rewrites
    python -m benchmarks.versus --plain-server       revloop and its server against vLLM's defaults
    python -m benchmarks.versus --plots-only         only the plots, from the results

The sides run in turn (A B C A B C), each in its own process and with an empty prefix cache.
Results go to ``benchmarks/results/versus-*.json``, with plots beside them.
"""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.arguments import command_parser
from benchmarks.lengths import drafts as drafts_of_real_lengths
from benchmarks.saving import FOLDER, save
from benchmarks.versus.figures import done_per_s, edits_over_rewrites, summary, timeline_rows
from benchmarks.versus.plots import plot_edits, plot_ratios, plot_timeline
from benchmarks.versus.server import served
from benchmarks.versus.sides import ASYNC, REVLOOP, Setting, SideRun, run_side
from revloop.demo import demo_drafts

if TYPE_CHECKING:
    import argparse

    from revloop import Draft

WHAT = (
    "versions/s of each side on one server (rounds saved by early stopping count as done), and "
    "the ratio of revloop to it, by repeat"
)
LENGTHS_SEED = 0
WARM_UP_DRAFTS = 8


def compare(
    setting: Setting, drafts: list[Draft], repeats: int, folder: Path, *, eager: bool
) -> dict[str, list[SideRun]]:
    """Run all sides in turn against one server."""
    runs: dict[str, list[SideRun]] = {side: [] for side in setting.sides()}
    with served(folder / "server.log", eager=eager) as base_url:
        warm_up(setting, drafts, base_url, folder)
        for _ in range(repeats):
            for side, of_side in runs.items():
                of_side.append(_run(side, setting, drafts, base_url, folder))
    return runs


def compare_servers(
    setting: Setting, drafts: list[Draft], repeats: int, folder: Path, *, eager: bool
) -> dict[str, list[SideRun]]:
    """Run revloop on its own server and the async client on vLLM's defaults, in turn.

    Each run has its own server, one at a time, because two would share the cores.
    """
    runs: dict[str, list[SideRun]] = {REVLOOP: [], ASYNC: []}
    for repeat in range(repeats):
        for side, of_side in runs.items():
            log = folder / f"server-{repeat}-{len(side)}.log"
            with served(log, plain=side == ASYNC, eager=eager) as base_url:
                warm_up(setting, drafts, base_url, folder)
                of_side.append(_run(side, setting, drafts, base_url, folder))
    return runs


def warm_up(setting: Setting, drafts: list[Draft], base_url: str, folder: Path) -> None:
    """Send a new server a few requests, because the first ones are slow."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        run_side(ASYNC, setting, drafts[:WARM_UP_DRAFTS], base_url, Path(name))


def _run(side: str, setting: Setting, drafts: list[Draft], base_url: str, folder: Path) -> SideRun:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        run = run_side(side, setting, drafts, base_url, Path(name))
    print(f"{side}: {done_per_s(run):.1f} versions/s in {run.wall_s:.1f} s", flush=True)
    return run


def measure(chosen: argparse.Namespace) -> None:
    """Compare the sides and save the results."""
    is_real = chosen.lengths == "real"
    setting = Setting(
        chosen.iterations,
        LENGTHS_SEED if is_real else None,
        chosen.distilabel_python,
        chosen.edits,
    )
    drafts = drafts_of_real_lengths(chosen.drafts) if is_real else demo_drafts(chosen.drafts)
    work = compare_servers if chosen.plain_server else compare
    with tempfile.TemporaryDirectory(prefix="revloop-versus-") as folder:
        runs = work(setting, drafts, chosen.repeats, Path(folder), eager=chosen.eager)
    save(
        _name(chosen),
        {
            "what": WHAT,
            "lengths": chosen.lengths,
            "server": "async client on vLLM's defaults, revloop on revloop serve's"
            if chosen.plain_server
            else "revloop serve's defaults",
            "compiled": not chosen.eager,
            "drafts": chosen.drafts,
            "iterations": chosen.iterations,
            "repeats": chosen.repeats,
            "sides": summary(runs),
            **({"edits_over_rewrites": edits_over_rewrites(runs)} if chosen.edits else {}),
        },
    )
    with _timeline_path(chosen).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ("side", "at_s", "running", "waiting"), lineterminator="\n")
        writer.writeheader()
        writer.writerows(timeline_rows(runs))


def plot(chosen: argparse.Namespace) -> None:
    """Plot existing results."""
    name = _name(chosen)
    results = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    if chosen.edits:
        plot_edits(results["edits_over_rewrites"], FOLDER / f"{name}.png")
        return
    plot_ratios(results, FOLDER / f"{name}.png")
    if not chosen.plain_server:
        with _timeline_path(chosen).open(encoding="utf-8", newline="") as file:
            plot_timeline(list(csv.DictReader(file)), FOLDER / f"{name}-timeline.png")


def _timeline_path(chosen: argparse.Namespace) -> Path:
    return FOLDER / f"{_name(chosen)}-timeline.csv"


def _name(chosen: argparse.Namespace) -> str:
    if chosen.edits:
        return "versus-edits"
    return "versus-plain-server" if chosen.plain_server else f"versus-{chosen.lengths}"


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    parser.add_argument("--drafts", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--lengths", choices=["demo", "real"], default="demo")
    parser.add_argument("--edits", action="store_true", help="compare edits with rewrites")
    parser.add_argument("--plain-server", action="store_true")
    parser.add_argument("--plots-only", action="store_true")
    parser.add_argument("--distilabel-python", help="a Python with distilabel and revloop")
    parser.add_argument("--eager", action="store_true", help="do not compile, for a short trial")
    chosen = parser.parse_args()
    if chosen.lengths == "real" and chosen.plain_server:
        parser.error("--plain-server compares the demo critic's own lengths")
    if chosen.edits and chosen.lengths != "real":
        parser.error("--edits needs --lengths real")
    if chosen.eager and chosen.plain_server:
        parser.error("--plain-server compiles on both sides, as vLLM does by default")
    if not chosen.plots_only:
        measure(chosen)
    plot(chosen)


if __name__ == "__main__":
    main()
