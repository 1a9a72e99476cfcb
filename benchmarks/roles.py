r"""Servers in several roles: is each kept as full as one server that does everything?

    python -m benchmarks.roles

A stand-in server has a number of places and takes the same time for each reply, so that it cannot
be faster than places / seconds. One revises a batch alone; then one criticises and another edits.
Then one writes two revisions a round and scores both as a reward model; three servers share the
same requests: a critic, an editor and a selector, with places in proportion to their work.

The occupancy of a server is the share of its places that are busy, over the whole run and over its
middle, between the first and the last tenth of its replies. Trials before the run take no place.
Writes `benchmarks/results/roles.json`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import web

from benchmarks.arguments import command_parser
from benchmarks.saving import save
from benchmarks.stub import CRITIQUE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAME = "roles"


class Work(NamedTuple):
    """What is measured.

    Attributes:
        drafts: Number of drafts.
        rounds: Rounds of each.
        seconds: Seconds of a reply.
    """

    drafts: int
    rounds: int
    seconds: float


class Places:
    """A server whose requests wait for one of its places.

    Args:
        places: Requests at a time.
        seconds: How long each takes.

    Attributes:
        spans: When each place was taken and left, by a clock in seconds.
    """

    def __init__(self, places: int, seconds: float) -> None:
        self._places = places
        self._free = asyncio.Semaphore(places)
        self._seconds = seconds
        self._numbers = itertools.count()
        self.spans: list[tuple[float, float]] = []

    async def _work(self) -> None:
        """Wait until a place is free, and hold it for the time of a reply."""
        async with self._free:
            begun = time.monotonic()
            await asyncio.sleep(self._seconds)
            self.spans.append((begun, time.monotonic()))

    async def score(self, request: web.Request) -> web.Response:
        """The reward of one text: its number."""
        text = (await request.json())["messages"][-1]["content"]
        numbers = [word for word in text.split() if word.isdecimal()]
        if numbers:
            await self._work()
        entry = {"index": 0, "probs": [float(numbers[0]) if numbers else 0.0]}
        return web.json_response({"data": [entry]})

    async def complete(self, request: web.Request) -> web.Response:
        """A critique or a revision."""
        asked = await request.json()
        if asked["max_tokens"] > 1:
            await self._work()
        text = CRITIQUE if "stop" in asked else f"Revision {next(self._numbers)} of the answer."
        choice = {"index": 0, "text": text, "finish_reason": "stop", "stop_reason": None}
        usage = {"prompt_tokens": 700, "completion_tokens": 100, "total_tokens": 800}
        return web.json_response({"choices": [choice], "usage": usage})

    async def occupancy(self, _: web.Request) -> web.Response:
        """The share of the places that was busy: of the whole run, and of its middle."""
        ends = sorted(end for _, end in self.spans)
        tenth = len(ends) // 10
        whole = (min(begin for begin, _ in self.spans), ends[-1])
        middle = (ends[tenth], ends[-1 - tenth])
        found = {"replies": len(ends), "whole": self._busy(*whole), "middle": self._busy(*middle)}
        return web.json_response({"places": self._places, **found})

    def _busy(self, start: float, end: float) -> float:
        busy_s = sum(max(0.0, min(e, end) - max(b, start)) for b, e in self.spans)
        return round(busy_s / (self._places * (end - start)), 4)


async def models(_: web.Request) -> web.Response:
    """What the server serves."""
    return web.json_response({"data": [{"id": "stand-in", "max_model_len": 8192}]})


async def serve(places: int, seconds: float) -> None:
    """Serve until killed; the port is printed."""
    server = Places(places, seconds)
    app = web.Application()
    app.router.add_post("/v1/completions", server.complete)
    app.router.add_post("/classify", server.score)
    app.router.add_get("/v1/models", models)
    app.router.add_get("/occupancy", server.occupancy)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


@contextmanager
def server(places: int, seconds: float) -> Iterator[str]:
    """The address of a server in its own process."""
    command = [sys.executable, "-m", "benchmarks.roles", "--serve", str(places), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def measure(servers: Mapping[str, int], work: Work, *options: str) -> dict[str, Any]:
    """Revise a batch with servers that have a number of places, by role.

    The first is asked for everything that has no server of its own.
    """
    with ExitStack() as opened:
        urls = {
            role: opened.enter_context(server(places, work.seconds))
            for role, places in servers.items()
        }
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        rows = ({"id": n, "prompt": "?", "response": f"{n}."} for n in range(work.drafts))
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "in.jsonl").write_text(lines, encoding="utf-8")
        first = next(iter(urls.values()))
        command = [sys.executable, "-m", "revloop", "batch", "in.jsonl", "out.jsonl", "--quiet"]
        command += ["--base-url", first, "--iterations", str(work.rounds), "--no-early-stop"]
        command += ["--editor", urls["editor"]] if "editor" in urls else []
        if options:
            command += [*options, "--selector", f"reward:{urls.get('selector', first)}"]
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True)
        wall_s = time.perf_counter() - started
        found = {}
        for role, url in urls.items():
            with urllib.request.urlopen(f"{url}/occupancy") as reply:
                found[role] = json.load(reply)
    return {"wall_s": round(wall_s, 2), "servers": found}


def main() -> None:
    """Measure one role, two and three, or be a server."""
    parser = command_parser(__doc__)
    parser.add_argument("--serve", nargs=2, metavar=("PLACES", "SECONDS"))
    parser.add_argument("--drafts", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--places", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=0.25)
    chosen = parser.parse_args()
    if chosen.serve:
        asyncio.run(serve(int(chosen.serve[0]), float(chosen.serve[1])))
        return
    work, places = Work(chosen.drafts, chosen.rounds, chosen.seconds), chosen.places
    choose = ("--candidates", "2")
    three = {"critic": places // 2, "editor": places, "selector": places}
    found = {
        "drafts": chosen.drafts,
        "rounds": chosen.rounds,
        "seconds_a_reply": chosen.seconds,
        "one server": measure({"all": places}, work),
        "critic and editor": measure({"critic": places, "editor": places}, work),
        "one server, candidates": measure({"all": places}, work, *choose),
        "critic, editor and selector": measure(three, work, *choose),
    }
    save(NAME, found)


if __name__ == "__main__":
    main()
