"""Measure on a GPU, unattended, each part in less than ten minutes.

    python -m benchmarks.gpu --part all --output results

Parts: ``throughput``, ``prefix``, ``speculation``, ``tp``. ``--shape tiny`` runs everything on a
CPU with a tiny model. See README.md in this folder.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.arguments import command_parser
from benchmarks.gpu.model import cards
from benchmarks.gpu.parts import PARTS, WORK, Bench
from revloop.bench.machine import machine
from revloop.errors import RevloopError

_BUDGET_S = 570.0
_LAST_LINES = 15


def main() -> None:
    """The command line."""
    options = _parser().parse_args()
    if options.inside is not None:
        _run_inside(options)
        return
    options.output.mkdir(parents=True, exist_ok=True)
    names = list(PARTS) if options.part == "all" else [options.part]
    endings = {name: _run_part(name, options) for name in names}
    print(json.dumps(endings))
    sys.exit(any(ending != "done" for ending in endings.values()))


def _run_part(name: str, options: argparse.Namespace) -> str:
    """Run one part in its own process group, which is killed when its time is up."""
    result = options.output / f"{name}.json"
    result.write_text("{}\n", encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks.gpu", "--part", name, "--shape", options.shape]
    log = options.output / f"{name}.log"
    with tempfile.TemporaryDirectory() as folder, log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--output", str(options.output), "--inside", folder],
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            code = process.wait(options.budget_s)
            ending = "done" if code == 0 else f"failed with exit code {code}"
        except subprocess.TimeoutExpired:
            ending = f"stopped after {options.budget_s:g} s"
        finally:
            _end_group(process)
    figures = json.loads(result.read_text(encoding="utf-8"))
    complete = about(options.shape) | {"part": name, "ended": ending} | figures
    if ending != "done":
        complete["last_lines"] = log.read_text("utf-8", "replace").splitlines()[-_LAST_LINES:]
    result.write_text(json.dumps(complete, indent=2) + "\n", encoding="utf-8")
    print(f"{name}: {ending}", file=sys.stderr)
    return ending


def about(shape: str) -> dict[str, Any]:
    """Date, versions, cards and driver."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "shape": shape,
        "machine": machine(),
        "cards": [{"name": c.name, "gib": c.memory_gib, "driver": c.driver} for c in cards()],
    }


def _run_inside(options: argparse.Namespace) -> None:
    os.environ |= {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    bench = Bench(options.shape, options.inside, options.output / f"{options.part}.json")
    bench.figures = about(options.shape) | {"part": options.part} | bench.figures
    try:
        asyncio.run(PARTS[options.part](bench))
    except RevloopError as exc:
        sys.exit(str(exc))


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):  # already ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(__doc__)
    parser.prog = "python -m benchmarks.gpu"
    parser.add_argument("--part", choices=[*PARTS, "all"], default="all")
    parser.add_argument("--output", type=Path, required=True, help="folder for the results")
    parser.add_argument("--shape", choices=list(WORK), default="falcon-40b")
    parser.add_argument("--budget-s", type=float, default=_BUDGET_S, help="for each part")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
