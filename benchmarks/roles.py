r"""Two servers in two roles: are both kept as full as one server that does everything?

    python -m benchmarks.roles

A stand-in server has a number of places and takes the same time for each reply, so that it cannot
be faster than places / seconds. One revises a batch alone; then one criticises and another edits.
The occupancy of a server is the share of its places that are busy, over the whole run and over its
middle, between the first and the last tenth of its replies. Writes `benchmarks/results/roles.json`.
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
from typing import TYPE_CHECKING, Any

from aiohttp import web

from benchmarks.arguments import command_parser
from benchmarks.saving import save
from benchmarks.stub import CRITIQUE

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "roles"


class Places:
    """A server whose requests wait for one of its places.

    Args:
        places: Requests at a time.
        seconds: How long each takes.
    """

    def __init__(self, places: int, seconds: float) -> None:
        self._places = places
        self._free = asyncio.Semaphore(places)
        self._seconds = seconds
        self._numbers = itertools.count()
        self._spans: list[tuple[float, float]] = []

    async def complete(self, request: web.Request) -> web.Response:
        """Reply after a place was free, and the time has passed."""
        asked = await request.json()
        async with self._free:
            begun = time.monotonic()
            await asyncio.sleep(self._seconds)
            self._spans.append((begun, time.monotonic()))
        text = CRITIQUE if "stop" in asked else f"Revision {next(self._numbers)} of the answer."
        choice = {"index": 0, "text": text, "finish_reason": "stop", "stop_reason": None}
        usage = {"prompt_tokens": 700, "completion_tokens": 100, "total_tokens": 800}
        return web.json_response({"choices": [choice], "usage": usage})

    async def occupancy(self, _: web.Request) -> web.Response:
        """The share of the places that was busy: of the whole run, and of its middle."""
        ends = sorted(end for _, end in self._spans)
        tenth = len(ends) // 10
        whole = (min(begin for begin, _ in self._spans), ends[-1])
        middle = (ends[tenth], ends[-1 - tenth])
        found = {"replies": len(ends), "whole": self._busy(*whole), "middle": self._busy(*middle)}
        return web.json_response(found)

    def _busy(self, start: float, end: float) -> float:
        busy_s = sum(max(0.0, min(e, end) - max(b, start)) for b, e in self._spans)
        return round(busy_s / (self._places * (end - start)), 4)


async def models(_: web.Request) -> web.Response:
    """What the server serves."""
    return web.json_response({"data": [{"id": "stand-in", "max_model_len": 8192}]})


async def serve(places: int, seconds: float) -> None:
    """Serve until killed; the port is printed."""
    server = Places(places, seconds)
    app = web.Application()
    app.router.add_post("/v1/completions", server.complete)
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


def measure(servers: int, drafts: int, rounds: int, places: int, seconds: float) -> dict[str, Any]:
    """Revise a batch with one server, or with a critic and an editor."""
    with ExitStack() as opened:
        urls = [opened.enter_context(server(places, seconds)) for _ in range(servers)]
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        lines = [json.dumps({"id": n, "prompt": "?", "response": f"{n}."}) for n in range(drafts)]
        (folder / "in.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "revloop", "batch", "in.jsonl", "out.jsonl", "--quiet"]
        command += ["--base-url", urls[0], "--iterations", str(rounds), "--no-early-stop"]
        command += ["--editor", urls[1]] if servers == 2 else []
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True)
        wall_s = time.perf_counter() - started
        found = []
        for url in urls:
            with urllib.request.urlopen(f"{url}/occupancy") as reply:
                found.append(json.load(reply))
    return {"wall_s": round(wall_s, 2), "servers": found}


def main() -> None:
    """Measure one role and two, or be a server."""
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
    work = (chosen.drafts, chosen.rounds, chosen.places, chosen.seconds)
    found = {
        "drafts": chosen.drafts,
        "rounds": chosen.rounds,
        "places": chosen.places,
        "seconds_a_reply": chosen.seconds,
        "one server": measure(1, *work),
        "critic and editor": measure(2, *work),
    }
    save(NAME, found)


if __name__ == "__main__":
    main()
