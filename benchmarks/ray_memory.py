"""The Ray driver's memory during a long batch, which must not grow with the input.

    python -m benchmarks.ray_memory [--drafts 200000] [--actors 2]

Each actor has an instant engine; one round in one pass. The driver's resident memory is sampled
every second. Writes `results/ray-memory.json` and `docs/scale/ray-memory.png`.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.arguments import command_parser
from benchmarks.plotting import saved_figure
from benchmarks.processes import MIB, resident_mib
from benchmarks.saving import ROOT, save
from benchmarks.stub import CRITIQUE
from revloop import PromptSet
from revloop.distributed import ActorOptions, RayInput, batch_on_ray
from revloop.engines.base import Completion
from revloop.options import RayOptions, RunOptions
from revloop.trajectory import EngineInfo, Usage

if TYPE_CHECKING:
    from revloop.engines.base import Request

PICTURE = ROOT / "docs" / "scale" / "ray-memory.png"


class InstantEngine:
    """Answers every request immediately, with a critique and a revision."""

    info = EngineInfo(kind="stub", model="instant")
    context_tokens = None

    def __init__(self) -> None:
        self._text = CRITIQUE + PromptSet.load("cnr").bridge + "A better answer."

    def count_tokens(self, text: str) -> int | None:  # noqa: ARG002 - the protocol's
        """None: it has no tokenizer."""
        return None

    async def generate(self, request: Request) -> Completion:
        """Return the fixed reply."""
        return Completion(
            text=self._text,
            finish_reason="stop",
            limit_tokens=request.max_tokens,
            usage=Usage(prompt_tokens=100, generated_tokens=100),
            latency_s=0.0,
        )

    async def aclose(self) -> None:
        """Nothing to close."""


class Sampler(threading.Thread):
    """Samples this process's resident memory every second."""

    def __init__(self, every_s: float = 1.0) -> None:
        super().__init__(daemon=True)
        self.samples: list[tuple[float, float]] = []
        self._every_s = every_s
        self._began = time.monotonic()
        self._ended = threading.Event()

    def run(self) -> None:
        """Sample until stopped."""
        while not self._ended.wait(self._every_s):
            self.samples.append((time.monotonic() - self._began, resident_mib(os.getpid())))

    def stop(self) -> None:
        """Stop, and wait for the thread."""
        self._ended.set()
        self.join()


def write_drafts(path: Path, number: int) -> None:
    """Write drafts of about 200 characters each."""
    with path.open("w", encoding="utf-8") as file:
        for index in range(number):
            response = f"Answer {index} says this and that about the matter, and no more. " * 2
            row = {"id": f"d{index}", "prompt": f"What of {index}?", "response": response}
            file.write(json.dumps(row) + "\n")


def draw(samples: list[tuple[float, float]], path: Path) -> None:
    """Plot memory over time."""
    with saved_figure(path, 7, 3, dpi=110) as figure:
        axes = figure.subplots()
        axes.plot([at for at, _ in samples], [rss for _, rss in samples])
        axes.set(xlabel="seconds", ylabel="driver, MiB resident", ylim=(0, None))


def spread(samples: list[tuple[float, float]]) -> dict[str, float]:
    """Mean memory in the second and the last quarter of the time, and peak memory."""
    if len(samples) < 8:
        return {"peak_mib": round(max(rss for _, rss in samples), 1)}
    quarter = len(samples) // 4
    second = [rss for _, rss in samples[quarter : 2 * quarter]]
    last = [rss for _, rss in samples[-quarter:]]
    means = {
        "second_quarter_mib": sum(second) / len(second),
        "last_quarter_mib": sum(last) / quarter,
    }
    means["growth_mib"] = means["last_quarter_mib"] - means["second_quarter_mib"]
    means["peak_mib"] = max(rss for _, rss in samples)
    return {name: round(value, 1) for name, value in means.items()}


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    parser.add_argument("--drafts", type=int, default=200_000)
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--rows-in-flight", type=int, default=2048)
    chosen = parser.parse_args()
    sampler = Sampler()
    sampler.start()
    with tempfile.TemporaryDirectory(prefix="revloop-ray-") as name:
        folder = Path(name)
        write_drafts(folder / "drafts.jsonl", chosen.drafts)
        outcome = batch_on_ray(
            RayInput(str(folder / "drafts.jsonl"), split_bytes=4 * MIB),
            ActorOptions(
                str(folder / "out"),
                InstantEngine(),
                RunOptions(single_pass=True, iterations=1),
            ),
            RayOptions(actors=chosen.actors, rows_in_flight=chosen.rows_in_flight, shard_rows=5000),
        )
    sampler.stop()
    every = max(1, len(sampler.samples) // 200)
    save(
        "ray-memory",
        {
            "what": "resident memory of the driver while drafts go through Ray, MiB",
            "ray": version("ray"),
            "drafts": chosen.drafts,
            "actors": chosen.actors,
            "rows_in_flight": chosen.rows_in_flight,
            "written": outcome.written,
            "elapsed_s": round(outcome.elapsed_s, 1),
            "driver": spread(sampler.samples),
            "samples": [[round(at, 1), round(rss, 1)] for at, rss in sampler.samples[::every]],
        },
    )
    draw(sampler.samples, PICTURE)


if __name__ == "__main__":
    main()
