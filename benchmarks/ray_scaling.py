"""Throughput of `--ray` with 1 to 8 servers that take a fixed time for each request.

    python -m benchmarks.ray_scaling [--servers 1 2 4 8]

Each server is a process with 16 slots; a request holds a slot for 2 s. So a server handles at most
8 requests a second, and the processor is not the limit. Each server has one actor. The figure is
the number of requests that all servers finish a second while all are working: from the first
request of the last one to start until the first one runs out. `elapsed_s` includes the start of
Ray's processes. Writes `results/ray-scaling.json`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aiohttp import web

from benchmarks.arguments import command_parser
from benchmarks.ray_memory import write_drafts
from benchmarks.saving import save
from benchmarks.stub import CRITIQUE
from revloop import PromptSet
from revloop.distributed import ActorOptions, RayInput, batch_on_ray
from revloop.options import EngineOptions, RayOptions, RunOptions

SLOTS, REQUEST_S = 16, 2.0


async def serve() -> None:
    """Print the port, and serve until killed."""
    slots = asyncio.Semaphore(SLOTS)
    finished_at_s: list[float] = []
    text = CRITIQUE + PromptSet.load("cnr").bridge + "A better answer."

    async def complete(request: web.Request) -> web.Response:
        await request.read()
        async with slots:
            await asyncio.sleep(REQUEST_S)
        finished_at_s.append(time.monotonic())
        choice = {"index": 0, "text": text, "finish_reason": "stop"}
        usage = {"prompt_tokens": 100, "completion_tokens": 100, "total_tokens": 200}
        return web.json_response({"choices": [choice], "usage": usage})

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "slow", "object": "model"}]})

    async def finished(_: web.Request) -> web.Response:
        return web.json_response(finished_at_s)

    app = web.Application()
    app.router.add_post("/v1/completions", complete)
    app.router.add_get("/v1/models", models)
    app.router.add_get("/finished", finished)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def measure(servers: int, rows_a_server: int) -> dict[str, Any]:
    """Revise drafts with a number of servers, and count the requests finished a second."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="revloop-ray-")))
        urls = [_start(opened) for _ in range(servers)]
        write_drafts(folder / "drafts.jsonl", rows_a_server * servers)
        outcome = batch_on_ray(
            RayInput(str(folder / "drafts.jsonl")),
            ActorOptions(
                str(folder / "out"), EngineOptions(), RunOptions(single_pass=True, iterations=1)
            ),
            RayOptions(servers=tuple(urls), rows_in_flight=16 * SLOTS),
        )
        finished = [_finished(url) for url in urls]
    begin, end = max(times[0] for times in finished), min(times[-1] for times in finished)
    inside = sum(begin < at <= end for times in finished for at in times)
    return {
        "servers": servers,
        "requests_a_second": round(inside / (end - begin), 2),
        "counted_for_s": round(end - begin, 1),
        "drafts": outcome.written,
        "elapsed_s": round(outcome.elapsed_s, 1),
    }


def _start(opened: ExitStack) -> str:
    command = [sys.executable, "-m", "benchmarks.ray_scaling", "--serve"]
    process = opened.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    opened.callback(process.kill)
    assert process.stdout is not None
    return f"http://127.0.0.1:{process.stdout.readline().strip()}"


def _finished(url: str) -> list[float]:
    with urllib.request.urlopen(url + "/finished") as reply:
        times: list[float] = json.load(reply)
        return times


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    parser.add_argument("--serve", action="store_true", help="run a server; internal")
    parser.add_argument("--servers", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--rows-a-server", type=int, default=480)
    chosen = parser.parse_args()
    if chosen.serve:
        asyncio.run(serve())
        return
    found = [measure(servers, chosen.rows_a_server) for servers in chosen.servers]
    one = found[0]["requests_a_second"] / found[0]["servers"]
    for each in found:
        each["efficiency"] = round(each["requests_a_second"] / each["servers"] / one, 3)
    save(
        "ray-scaling",
        {
            "what": "requests finished a second with --ray, one actor for each server; "
            "target: an efficiency of at least 0.95 at 8 servers",
            "ray": version("ray"),
            "slots": SLOTS,
            "request_s": REQUEST_S,
            "most_a_server": SLOTS / REQUEST_S,
            "by_servers": found,
        },
    )


if __name__ == "__main__":
    main()
