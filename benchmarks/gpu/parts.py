"""The measurements, by part. Each figure is written to disk at once."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.gpu.model import Build, cards, choose_builds, write_model
from benchmarks.gpu.script import ScriptedVllm, drafts
from revloop import arevise_many
from revloop.concurrency import task_group
from revloop.engines import VllmEngine
from revloop.errors import RevloopError
from revloop.models.config import known_shape, read_config
from revloop.models.cpu import cpu_environment, vllm_runs_on_cpu

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from revloop.engines import Request

_SPECULATIVE_TOKENS = 8
_NGRAM = {
    "method": "ngram",
    "num_speculative_tokens": _SPECULATIVE_TOKENS,
    "prompt_lookup_max": 4,
    "prompt_lookup_min": 2,
}
_SYNTHETIC = {"rejection_sample_method": "synthetic", "synthetic_acceptance_length": 3.7}
"""3.7 tokens a step: 2.7 accepted, as for the demo's critic with n-grams, and one more."""

SPECULATIONS: dict[str, dict[str, Any] | None] = {
    "none": None,
    "ngram": _NGRAM,
    "ngram, synthetic acceptance": _NGRAM | _SYNTHETIC,
}


@dataclass(frozen=True, slots=True)
class Work:
    """The size of the measurements.

    Attributes:
        drafts: Drafts of a run.
        rounds: Rounds for each draft.
        scale: Factor for the lengths of all texts.
        repeats: Runs of each side, in turn.
        concurrencies: Concurrent requests, for speculation.
    """

    drafts: int
    rounds: int
    scale: float
    repeats: int
    concurrencies: tuple[int, ...]


WORK = {
    "falcon-40b": Work(256, 2, 1.0, 2, (1, 16, 128)),
    "tiny": Work(6, 1, 0.2, 1, (1, 4)),
}


class Bench:
    """One part: its model, and its figures in a file."""

    def __init__(self, shape: str, folder: Path, result: Path) -> None:
        self.work = WORK[shape]
        self.folder = folder
        self.figures: dict[str, Any] = {"work": asdict(self.work)}
        self._result = result
        self._builds: list[Build] = choose_builds(shape, cards())
        self._eager = shape == "tiny"

    def note(self, name: str, figures: object) -> None:
        """Record a figure."""
        self.figures[name] = figures
        self._result.write_text(json.dumps(self.figures, indent=2) + "\n", encoding="utf-8")

    def settings(self) -> dict[str, Any]:
        """The options of vLLM for the current build."""
        found: dict[str, Any] = {"load_format": "dummy", "enforce_eager": self._eager}
        if self._builds[0].quantization is not None:
            found["quantization"] = self._builds[0].quantization
        return found

    @asynccontextmanager
    async def engine(
        self, options: Mapping[str, Any] | None = None, *, workers: int = 1
    ) -> AsyncIterator[VllmEngine]:
        """A warm engine with dummy weights; if a build does not fit, the next one."""
        started = time.perf_counter()
        engine = self._started(workers, options or {})
        try:
            self.note("build", self._builds[0].record())
            await warm_up(engine, self.work)
            self.note("latest_start_s", round(time.perf_counter() - started, 1))
            yield engine
        finally:
            await engine.aclose()

    def _started(self, workers: int, options: Mapping[str, Any]) -> VllmEngine:
        while True:
            write_model(self.folder, self._builds[0])
            try:
                return VllmEngine.from_model(
                    str(self.folder),
                    tensor_parallel_size=workers,
                    options=self.settings() | dict(options),
                )
            except RevloopError as exc:
                if len(self._builds) == 1:
                    raise
                failed = self._builds.pop(0)
                self.note("build_that_failed", failed.record() | {"error": str(exc)[:500]})


async def throughput(bench: Bench) -> None:
    """The loop and its oracle in turn, then vLLM's own benchmark."""
    runs: list[dict[str, Any]] = []
    async with bench.engine() as engine:
        for _ in range(bench.work.repeats):
            looped, sent = await measure_loop(engine, bench.work)
            replayed = await measure_oracle(engine, sent)
            share = round(replayed["wall_s"] / looped["wall_s"], 3)
            runs.append({"loop": looped, "oracle": replayed, "loop_over_oracle": share})
            bench.note("runs", runs)
    requests = runs[-1]["loop"]["requests"]
    counted = runs[-1]["oracle"]["counters"]
    bench.note(
        "vllm_bench_throughput",
        _own_benchmark(
            bench,
            prompts=requests,
            input_tokens=counted["prompt_tokens"] // requests,
            output_tokens=counted["generated_tokens"] // requests,
        ),
    )


async def prefix(bench: Bench) -> None:
    """The same rounds with and without the prefix cache."""
    for is_on in (True, False):
        async with bench.engine({"enable_prefix_caching": is_on}) as engine:
            figures, _ = await measure_loop(engine, bench.work)
        counted = figures["counters"]
        computed = counted["prompt_tokens"] - counted["prefix_cache_hits"]
        bench.note("on" if is_on else "off", figures | {"prompt_tokens_computed": computed})


async def speculation(bench: Bench) -> None:
    """Revision requests, whose prompts contain the text to copy, with each kind in turn."""
    sent: list[Request] = []
    for name, method in SPECULATIONS.items():
        options = None if method is None else {"speculative_config": method}
        try:
            async with bench.engine(options) as engine:
                if not sent:
                    _, recorded = await measure_loop(engine, bench.work)
                    sent = [request for request in recorded if request.prefix is not None]
                bench.note(name, await _at_each_concurrency(engine, bench.work, sent))
        except (RevloopError, ExceptionGroup) as exc:
            # not every version of vLLM supports every kind on every device
            cause: BaseException = exc
            while isinstance(cause, BaseExceptionGroup):
                cause = cause.exceptions[0]
            bench.note(name, {"not_measured": str(cause)[:500]})


async def tp(bench: Bench) -> None:
    """Loop and oracle on one card, two, and so on."""
    most = max(len(cards()), 1) if bench.work is not WORK["tiny"] else 2
    if most == 1:
        bench.note("not_measured", "There is only one card.")
        return
    for workers in (size for size in (1, 2, 4, 8) if size <= most):
        async with bench.engine(workers=workers) as engine:
            figures, sent = await measure_loop(engine, bench.work)
            bench.note(
                str(workers), {"loop": figures, "oracle": await measure_oracle(engine, sent)}
            )


PARTS = {"throughput": throughput, "prefix": prefix, "speculation": speculation, "tp": tp}


async def warm_up(engine: VllmEngine, work: Work) -> None:
    """Send a few requests, so that compilation and capture happen before measuring."""
    await measure_loop(engine, Work(4, 1, work.scale, 1, ()))


async def measure_loop(engine: VllmEngine, work: Work) -> tuple[dict[str, Any], list[Request]]:
    """Run all drafts through the loop with an empty prefix cache; also its requests."""
    scripted = ScriptedVllm(engine, work.scale)
    await engine.reset_prefix_cache()
    before, started = await engine.counters(), time.perf_counter()
    versions = 0
    async for done in arevise_many(
        drafts(work.drafts, work.scale), iterations=work.rounds, engine=scripted, early_stop=False
    ):
        versions += len(done.versions) - 1
    wall_s = time.perf_counter() - started
    counted = (await engine.counters()).since(before)
    figures = {
        "wall_s": round(wall_s, 3),
        "requests": len(scripted.sent),
        "versions": versions,
        "versions_per_s": round(versions / wall_s, 3),
        "tokens_per_s": round(counted.generated_tokens / wall_s, 1),
        "counters": asdict(counted),
    }
    return figures, scripted.sent


async def measure_oracle(
    engine: VllmEngine, sent: Sequence[Request], at_once: int | None = None
) -> dict[str, Any]:
    """The same requests all at once, in no order, with an empty prefix cache."""
    await engine.reset_prefix_cache()
    limiter = asyncio.Semaphore(at_once or len(sent))

    async def one(request: Request) -> None:
        async with limiter:
            await engine.generate(request)

    before, started = await engine.counters(), time.perf_counter()
    async with task_group() as group:
        for request in sent:
            group.start_soon(one, request)
    wall_s = time.perf_counter() - started
    counted = (await engine.counters()).since(before)
    return {
        "wall_s": round(wall_s, 3),
        "tokens_per_s": round(counted.generated_tokens / wall_s, 1),
        "counters": asdict(counted),
    }


async def _at_each_concurrency(
    engine: VllmEngine, work: Work, sent: Sequence[Request]
) -> dict[str, Any]:
    found = {}
    for at_once in work.concurrencies:
        some = sent[: max(4 * at_once, 4)]
        found[str(at_once)] = await measure_oracle(engine, some, at_once)
    return found


def _own_benchmark(
    bench: Bench, *, prompts: int, input_tokens: int, output_tokens: int
) -> dict[str, Any]:
    report = bench.folder / "vllm-bench.json"
    options = bench.settings()
    command = [
        *(sys.executable, "-m", "benchmarks.gpu.vllm_bench", "--model", str(bench.folder)),
        *("--dataset-name", "random", "--num-prompts", str(prompts)),
        *("--random-input-len", str(input_tokens), "--random-output-len", str(output_tokens)),
        *("--load-format", "dummy", "--output-json", str(report)),
    ]
    if options["enforce_eager"]:
        command.append("--enforce-eager")
    if "quantization" in options:
        command += ["--quantization", options["quantization"]]
    finished = subprocess.run(
        command, capture_output=True, text=True, check=False, env=_environment(bench.folder)
    )
    if finished.returncode != 0 or not report.is_file():
        lines = finished.stderr.strip().splitlines() or ["no output"]
        return {"not_measured": lines[-1][:500]}
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return {"input_tokens": input_tokens, "output_tokens": output_tokens, **found}


def _environment(model: Path) -> dict[str, str]:
    """The environment of vLLM's own benchmark, with a bounded KV cache on a CPU.

    By default it takes nearly all memory, and the previous engine has not freed all of its own.
    """
    environment = dict(os.environ)
    if vllm_runs_on_cpu():
        shape = known_shape(read_config(str(model)), str(model))
        environment |= cpu_environment(shape, 1, environment)
    return environment
