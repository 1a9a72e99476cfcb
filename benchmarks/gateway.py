"""The CPU time that the gateway adds to a request, and what it keeps over minutes.

    python -m benchmarks.gateway
    python -m benchmarks.gateway --soak [--minutes 5]

The server behind it is the stub (`benchmarks/stub.py`), upstream and critic in one. The load comes
from another process: 64 clients, of which each sends its next request when it has the last answer.
First the loop alone revises as many drafts with as many at a time, one round and a store; then the
gateway answers as many requests. The difference in CPU time of this process is what the gateway
adds: HTTP to the clients, the draft's request, and the reply. The two take turns.

The soak samples the gateway's process every second; `benchmarks/soak.py` says what counts as
growth. Figures go to `benchmarks/results/gateway.json` and `gateway-soak.json`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from benchmarks.controller import QUESTION, RESPONSE, stub
from benchmarks.processes import resident_mib
from benchmarks.saving import save, spread
from benchmarks.soak import TOLERANCES, Sample, judge
from revloop.concurrency import task_group
from revloop.gateway import open_gateway
from revloop.options import GatewayOptions, RunOptions, StoreOptions
from revloop.reviser import AsyncReviser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from revloop.gateway import Gateway

CLIENTS = 64
TARGET_MS = 5.0


@asynccontextmanager
async def gateway_before(base_url: str, store: Path) -> AsyncIterator[Gateway]:
    """A gateway whose upstream and critic are the stub."""
    options = {"upstream": base_url, "critic": base_url, "port": 0}
    opened = open_gateway(
        GatewayOptions.model_validate(options), RunOptions(iterations=1), StoreOptions(store=store)
    )
    async with opened as gateway:
        yield gateway


async def loop_alone(base_url: str, store: Path, number: int) -> float:
    """CPU seconds of revising drafts without a gateway."""
    left = iter(range(number))
    async with AsyncReviser(base_url=base_url, store=store) as reviser:

        async def work() -> None:
            for one in left:
                draft = {
                    "id": one,
                    "prompt": f"{one}: {QUESTION}",
                    "response": f"{one}: {RESPONSE}",
                }
                await reviser.revise(draft, iterations=1)

        began = time.process_time()
        async with task_group() as tasks:
            for _ in range(CLIENTS):
                tasks.start_soon(work)
        return time.process_time() - began


async def answered(base_url: str, store: Path, number: int) -> float:
    """CPU seconds of answering requests, those of the clients' process left out."""
    async with gateway_before(base_url, store) as gateway:
        began = time.process_time()
        await clients(gateway.address, number)
        return time.process_time() - began


async def clients(address: str, number: int) -> None:
    """Send requests from another process, and wait for its end."""
    command = (sys.executable, "-m", "benchmarks.gateway", "--ask", address, str(number))
    process = await asyncio.create_subprocess_exec(*command)
    if await process.wait():
        raise SystemExit("A request was not answered.")


async def ask(address: str, number: int) -> None:
    """Be the clients: each sends its next request when it has the last answer."""
    left = iter(range(number))
    connector = aiohttp.TCPConnector(limit=CLIENTS)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def work() -> None:
            for one in left:
                body = {"model": "stub", "prompt": f"{one}: {QUESTION}", "max_tokens": 400}
                async with session.post(f"{address}/v1/completions", json=body) as response:
                    reply = await response.json()
                    if response.status != 200 or reply["revloop"]["choices"][0]["version"] != 1:
                        raise SystemExit(json.dumps(reply))

        async with task_group() as tasks:
            for _ in range(CLIENTS):
                tasks.start_soon(work)


def measure(number: int, repeats: int) -> bool:
    """Save the CPU time that the gateway adds; whether it is within the target."""
    alone, whole = list[float](), list[float]()
    with stub() as server, tempfile.TemporaryDirectory() as folder:
        for repeat in range(repeats + 1):
            stores = [Path(folder) / f"{side}{repeat}.sqlite" for side in ("loop", "gateway")]
            loop_s = asyncio.run(loop_alone(server.base_url, stores[0], number))
            gateway_s = asyncio.run(answered(server.base_url, stores[1], number))
            if repeat:  # the first of each warms up
                alone.append(1000 * loop_s / number)
                whole.append(1000 * gateway_s / number)
    added = spread([both - one for one, both in zip(alone, whole, strict=True)], 2)
    figures = {
        "requests": number,
        "clients": CLIENTS,
        "load_average_1_min": round(os.getloadavg()[0], 1),
        "loop_ms": spread(alone, 2),
        "gateway_ms": spread(whole, 2),
        "added_ms": added,
        "target_ms": TARGET_MS,
    }
    save("gateway", figures)
    return added["median"] <= TARGET_MS


async def soak(seconds: float) -> list[Sample]:
    """Sample the gateway while clients ask."""
    samples, done = list[Sample](), 0
    with stub() as server, tempfile.TemporaryDirectory() as folder:
        async with gateway_before(server.base_url, Path(folder) / "soak.sqlite") as gateway:
            began = time.monotonic()

            async def load() -> None:
                nonlocal done
                while time.monotonic() - began < seconds:
                    await clients(gateway.address, 10 * CLIENTS)
                    done += 10 * CLIENTS

            async def look() -> None:
                while time.monotonic() - began < seconds:
                    samples.append(_sample(time.monotonic() - began, done, server.pid))
                    await asyncio.sleep(1.0)

            async with task_group() as tasks:
                tasks.start_soon(load)
                tasks.start_soon(look)
    return samples


def _sample(at_s: float, done: int, server_pid: int) -> Sample:
    return Sample(
        at_s=round(at_s, 2),
        trajectories=done,
        files=len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - only counted
        threads=len(os.listdir("/proc/self/task")),  # noqa: PTH208
        tasks=len(asyncio.all_tasks()),
        memory_mib=round(resident_mib(os.getpid()), 2),
        server_memory_mib=round(resident_mib(server_pid), 2),
    )


def report(samples: list[Sample]) -> bool:
    """Save what the soak found; whether nothing of the gateway's own grew."""
    # files, threads and tasks follow the clients, which come and go
    verdicts = {name: judge(samples, name) for name in TOLERANCES if name != "server_memory_mib"}
    figures = {
        "seconds": samples[-1].at_s,
        "requests": samples[-1].trajectories,
        "load_average_1_min": round(os.getloadavg()[0], 1),
        "verdicts": {name: asdict(verdict) for name, verdict in verdicts.items()},
    }
    save("gateway-soak", figures)
    return not verdicts["memory_mib"].grew and not verdicts["threads"].grew


def main() -> int:
    """The command line; exit code 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--ask", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.ask:
        asyncio.run(ask(chosen.ask[0], int(chosen.ask[1])))
        return 0
    if chosen.soak:
        return 0 if report(asyncio.run(soak(60 * chosen.minutes))) else 1
    return 0 if measure(chosen.requests, chosen.repeats) else 1


if __name__ == "__main__":
    sys.exit(main())
