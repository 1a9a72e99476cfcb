"""A real vLLM server whose engine process is killed in the middle of a batch."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from revloop import Store
from revloop.serving import guard
from tests.helpers.command_line import Finished, start
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.running_batch import timeless, write_rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.timeout(1800)]

DRAFTS, ROUNDS = 60, 3
LIMIT_S = 900.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def served(port: int, log: Path, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of `revloop serve`, stopped with SIGTERM."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the engine process is found through /proc")
    with (log.parent / f"{log.stem}.err").open("wb") as told:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "revloop", "serve", str(TINY_CRITIC), "--eager"),
            *("--port", str(port), "--log", str(log), *options),
            stdout=asyncio.subprocess.PIPE,
            stderr=told,
            env={**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1"},
        )
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), LIMIT_S)
        yield process
    finally:
        below = guard.descendants(process.pid)
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), LIMIT_S)
        alive = {other.pid for other in guard.processes() if not other.is_zombie}
        assert alive.isdisjoint(below)


def engine_of(server: asyncio.subprocess.Process) -> int:
    """The process id of vLLM's engine."""
    (engine,) = [
        pid
        for pid in guard.descendants(server.pid)
        if "EngineCor" in Path(f"/proc/{pid}/comm").read_text(encoding="utf-8")
    ]
    return engine


def folder_of_drafts(folder: Path) -> Path:
    folder.mkdir()
    rows = [
        {"id": f"d{n}", "prompt": f"Say {n}.", "response": f"This is {n}."} for n in range(DRAFTS)
    ]
    write_rows(folder / "drafts.jsonl", rows)
    return folder


async def begin(folder: Path, port: int, *options: str) -> asyncio.subprocess.Process:
    address = f"http://127.0.0.1:{port}"
    command = ("batch", "drafts.jsonl", "out.jsonl", "--base-url", address)
    rounds = ("--iterations", str(ROUNDS), "--no-early-stop", "--max-concurrency", "4")
    return await start(*command, *rounds, *options, folder=folder)


async def end_of(process: asyncio.subprocess.Process) -> Finished:
    out, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


def stored_versions(folder: Path) -> int:
    if not (folder / "out.jsonl.sqlite").exists():
        return 0
    with Store.open_to_read(folder / "out.jsonl.sqlite") as store:
        return sum(trajectory.rounds for trajectory in store.trajectories())


async def until_in_the_middle(folder: Path, process: asyncio.subprocess.Process) -> None:
    while stored_versions(folder) < DRAFTS // 2:
        assert process.returncode is None
        await asyncio.sleep(0.2)
    assert stored_versions(folder) < DRAFTS * ROUNDS - 8


def rows(folder: Path) -> list[Any]:
    lines = (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()
    return [without_cache_counts(timeless(json.loads(line))) for line in lines]


def without_cache_counts(value: Any) -> Any:
    """How much came from the prefix cache depends on what the server was asked before."""
    if isinstance(value, dict):
        return {k: without_cache_counts(v) for k, v in value.items() if k != "cached_tokens"}
    return [without_cache_counts(item) for item in value] if isinstance(value, list) else value


async def test_with_restart_a_batch_outlives_the_servers_engine(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "vllm.log"
    calm, disturbed = folder_of_drafts(tmp_path / "calm"), folder_of_drafts(tmp_path / "disturbed")
    async with served(port, log, "--restart") as server:
        finished = await end_of(await begin(calm, port))
        assert finished.code == 0, finished.err
        batch = await begin(disturbed, port)
        await until_in_the_middle(disturbed, batch)
        os.kill(engine_of(server), signal.SIGKILL)
        finished = await end_of(batch)
        assert finished.code == 0, finished.err
    assert rows(disturbed) == rows(calm)
    told = (tmp_path / "vllm.err").read_text(encoding="utf-8")
    assert "its engine process ended without a message" in told
    assert "restart 1 of at most 5 in 60 min" in told
    assert f"is back at http://127.0.0.1:{port}" in told
    assert (tmp_path / "vllm.2.log").exists()


async def test_without_it_the_batch_ends_and_goes_on_over_another_server(tmp_path: Path) -> None:
    port, folder = free_port(), folder_of_drafts(tmp_path / "disturbed")
    async with served(port, tmp_path / "first.log") as server:
        batch = await begin(folder, port, "--wait-for-server", "5")
        await until_in_the_middle(folder, batch)
        os.kill(engine_of(server), signal.SIGKILL)
        finished = await end_of(batch)
        assert finished.code == 4
        assert "past the wait limit of 5 s" in finished.err
        assert await asyncio.wait_for(server.wait(), LIMIT_S) == 6
    before = stored_versions(folder)
    assert 0 < before < DRAFTS * ROUNDS
    calm = folder_of_drafts(tmp_path / "calm")
    async with served(port, tmp_path / "second.log"):
        finished = await end_of(await begin(folder, port))
        assert finished.code == 0, finished.err
        finished = await end_of(await begin(calm, port))
        assert finished.code == 0, finished.err
    assert rows(folder) == rows(calm)
