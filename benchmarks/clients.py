"""Compare HTTP clients for revloop: aiohttp, httpx and the OpenAI client, on the same requests.

    python -m benchmarks.clients stub       an instant server: the client's CPU time
    python -m benchmarks.clients server     a vLLM server with the demo's critic
    python -m benchmarks.clients server --api-servers 2    the same behind two API processes
    python -m benchmarks.clients loops      revloop batch itself, on asyncio's loop and on uvloop's

Clients run in turn, several times, each in its own process, with 256 concurrent requests. To add
a library, write one function and add it to ``CLIENTS``. Results go to
``benchmarks/results/clients-*.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.arguments import command_parser
from benchmarks.controller import ROUNDS, batch, stub, write_drafts
from benchmarks.saving import save, spread
from benchmarks.versus.server import reset_prefix_cache, served
from revloop import PromptSet
from revloop.concurrency import task_group
from revloop.demo import CRITIC_FOLDER, demo_drafts
from revloop.engines import Deadlines, RetryPolicy
from revloop.engines.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    Client = Callable[[str, list[dict[str, Any]]], Coroutine[Any, Any, None]]

CONCURRENCY = 256
GENERATED_TOKENS = 64


async def with_aiohttp(base_url: str, bodies: list[dict[str, Any]]) -> None:
    """aiohttp, with as many connections as requests."""
    import aiohttp

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def post(body: dict[str, Any]) -> None:
            async with session.post(f"{base_url}/v1/completions", json=body) as reply:
                _check(json.loads(await reply.read()))

        await _all(post, bodies)


async def with_httpx(base_url: str, bodies: list[dict[str, Any]]) -> None:
    """httpx, with as many connections as requests."""
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=600) as client:

        async def post(body: dict[str, Any]) -> None:
            _check((await client.post(f"{base_url}/v1/completions", json=body)).json())

        await _all(post, bodies)


async def with_openai(base_url: str, bodies: list[dict[str, Any]]) -> None:
    """The OpenAI client in its default settings."""
    import openai

    async with openai.AsyncOpenAI(base_url=f"{base_url}/v1", api_key="none") as client:

        async def post(body: dict[str, Any]) -> None:
            known = {name: body[name] for name in ("model", "prompt", "max_tokens", "temperature")}
            extra = {name: value for name, value in body.items() if name not in known}
            completion = await client.completions.create(**known, extra_body=extra)
            _check(completion.model_dump())

        await _all(post, bodies)


async def with_revloop(base_url: str, bodies: list[dict[str, Any]]) -> None:
    """The transport of revloop: aiohttp with deadlines and retries."""
    transport = Transport(base_url, api_key=None, deadlines=Deadlines())
    try:

        async def post(body: dict[str, Any]) -> None:
            await transport.ask(
                "POST",
                "/v1/completions",
                _check,
                RetryPolicy(),
                body=body,
                max_tokens=body["max_tokens"],
            )

        await _all(post, bodies)
    finally:
        await transport.aclose()


CLIENTS: dict[str, Client] = {
    "aiohttp": with_aiohttp,
    "revloop": with_revloop,
    "httpx": with_httpx,
    "openai": with_openai,
}
UVLOOP = " with uvloop"
"""Suffix of a client's name: the same on uvloop's event loop."""


def requests(number: int, *, is_stub: bool) -> list[dict[str, Any]]:
    """Request bodies: critique prompts of the demo's drafts as text, with exact lengths."""
    prompts = PromptSet.load("cnr")
    exact = {} if is_stub else {"ignore_eos": True, "min_tokens": GENERATED_TOKENS}
    return [
        {
            "model": "stub" if is_stub else str(CRITIC_FOLDER),
            "prompt": prompts.critique_prompt(draft, draft.response),
            "max_tokens": GENERATED_TOKENS,
            "temperature": 0.0,
        }
        | exact
        for draft in demo_drafts(number)
    ]


def run_client(name: str, base_url: str, number: int, *, is_stub: bool) -> dict[str, float]:
    """Send all requests with one client, in this process; its wall and CPU seconds."""
    bodies = requests(number, is_stub=is_stub)
    client = CLIENTS[name.removesuffix(UVLOOP)]
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if name.endswith(UVLOOP):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(client(base_url, bodies[: CONCURRENCY // 4]))  # warm up: imports
        cpu_s, started = _cpu_s(), time.perf_counter()
        runner.run(client(base_url, bodies))
        return {"wall_s": time.perf_counter() - started, "cpu_s": _cpu_s() - cpu_s}


def compare(base_url: str, number: int, repeats: int, *, is_stub: bool) -> dict[str, Any]:
    """The figures of all clients, run in turn, each in its own process."""
    names = [name + loop for name in CLIENTS for loop in ("", UVLOOP)]
    walls: dict[str, list[float]] = {name: [] for name in names}
    cpus: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            if not is_stub:
                reset_prefix_cache(base_url)
            found = _in_process(name, base_url, number, is_stub=is_stub)
            walls[name].append(found["wall_s"])
            cpus[name].append(found["cpu_s"] * 1000 / number)
            print(f"{name}: {number / found['wall_s']:.0f} requests/s", flush=True)
    figures: dict[str, Any] = {}
    for name in names:
        rates = [number / wall_s for wall_s in walls[name]]
        figures[name] = {"requests_per_s": spread(rates), "cpu_ms_per_request": spread(cpus[name])}
        if not is_stub:
            tokens = [rate * GENERATED_TOKENS for rate in rates]
            figures[name]["generated_tokens_per_s"] = spread(tokens)
    return figures


def compare_loops(drafts: int, repeats: int) -> dict[str, Any]:
    """CPU time of ``revloop batch`` for each version with the stub, on both event loops in turn."""
    modules = {"asyncio": "revloop", "uvloop": "benchmarks.on_uvloop"}
    found: dict[str, list[float]] = {name: [] for name in modules}
    for _ in range(repeats):
        for name, module in modules.items():
            with stub() as server, tempfile.TemporaryDirectory() as folder:
                write_drafts(Path(folder) / "drafts.jsonl", drafts)
                options = ("--iterations", str(ROUNDS))
                finished = batch(Path(folder), server, *options, module=module)
                found[name].append(finished.cpu_s * 1000 / (drafts * ROUNDS))
    return {name: {"cpu_ms_per_version": spread(values)} for name, values in found.items()}


def _in_process(name: str, base_url: str, number: int, *, is_stub: bool) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.clients", "one", "--client", name]
    command += ["--base-url", base_url, "--requests", str(number)]
    done = subprocess.run(
        [*command, *(["--stub"] if is_stub else [])], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


async def _all(post: Callable[[dict[str, Any]], Awaitable[None]], bodies: list[Any]) -> None:
    places = asyncio.Semaphore(CONCURRENCY)

    async def one(body: dict[str, Any]) -> None:
        async with places:
            await post(body)

    async with task_group() as tasks:
        for body in bodies:
            tasks.start_soon(one, body)


def _check(reply: Any, _: str = "") -> None:
    """Stop if a reply contains no text: a rejected request would count as a fast one."""
    if not reply["choices"][0]["text"]:
        sys.exit(f"no completion: {reply}")


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    parser.add_argument("what", choices=["stub", "server", "loops", "one"])
    parser.add_argument("--requests", type=int, help="stub: 4096; server: 1024")
    parser.add_argument("--drafts", type=int, default=3000, help="loops: drafts")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--api-servers", type=int, default=1, help="server: number of API processes"
    )
    parser.add_argument("--eager", action="store_true", help="do not compile, for a short trial")
    for internal in ("--client", "--base-url"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    parser.add_argument("--stub", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    match chosen.what:
        case "one":
            found = run_client(chosen.client, chosen.base_url, chosen.requests, is_stub=chosen.stub)
            print(json.dumps(found))
        case "loops":
            what = "CPU time of revloop batch for each version, with an instant server"
            figures = compare_loops(chosen.drafts, chosen.repeats)
            save("clients-loops", {"what": what, "drafts": chosen.drafts, "loops": figures})
        case "stub":
            measure_on_stub(chosen.requests or 4096, chosen.repeats)
        case _:
            measure_on_server(chosen)


def measure_on_stub(number: int, repeats: int) -> None:
    """All clients with the instant server."""
    with stub() as server:
        figures = compare(server.base_url, number, repeats, is_stub=True)
    what = f"an instant server, {CONCURRENCY} concurrent requests"
    save("clients-stub", {"what": what, "requests": number, "clients": figures})


def measure_on_server(chosen: argparse.Namespace) -> None:
    """All clients with a vLLM server of the demo's critic."""
    number = chosen.requests or 1024
    more = () if chosen.api_servers == 1 else ("--api-server-count", str(chosen.api_servers))
    with tempfile.TemporaryDirectory(prefix="revloop-clients-") as folder:
        log = Path(folder) / "server.log"
        with served(log, eager=chosen.eager, vllm_options=more) as base_url:
            figures = compare(base_url, number, chosen.repeats, is_stub=False)
    what = f"a vLLM server of the demo's critic, {CONCURRENCY} concurrent requests"
    name = "clients-server" if chosen.api_servers == 1 else f"clients-server-{chosen.api_servers}"
    save(
        name,
        {
            "what": what,
            "api_servers": chosen.api_servers,
            "compiled": not chosen.eager,
            "requests": number,
            "generated_tokens_per_request": GENERATED_TOKENS,
            "clients": figures,
        },
    )


if __name__ == "__main__":
    main()
