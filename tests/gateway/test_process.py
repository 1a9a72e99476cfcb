"""The command `revloop gateway` as a process: started, asked, stopped, killed."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp

from revloop.store import Store
from tests.helpers.command_line import start
from tests.helpers.gateways import DRAFT, MODEL, QUESTION, reviewing
from tests.helpers.stub_server import CHAT, COMPLETIONS, StubServer, chat_completion

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiohttp import web

ASKED = {"model": MODEL, "messages": QUESTION}


@asynccontextmanager
async def started(
    folder: Path, critic: StubServer, upstream: StubServer
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The command, and the address that it prints."""
    upstream.on(CHAT, chat_completion(DRAFT))
    process = await start(
        *("gateway", "--upstream", upstream.base_url, "--critic", critic.base_url),
        *("--port", "0", "--store", "answers.sqlite", "--quiet", "--iterations", "2"),
        folder=folder,
    )
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        assert line.startswith("The gateway is at http://127.0.0.1:"), line
        yield process, line.split()[-1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_it_serves_and_a_signal_lets_what_is_under_way_finish(tmp_path: Path) -> None:
    async with StubServer(models=(MODEL,)) as upstream, StubServer() as critic:
        held = asyncio.Event()

        async def behave(request: web.Request) -> web.StreamResponse:
            await held.wait()
            return await reviewing()(request)

        critic.on(COMPLETIONS, behave)
        async with started(tmp_path, critic, upstream) as (process, address):
            async with aiohttp.ClientSession() as client:
                sent = asyncio.create_task(client.post(f"{address}/chat/completions", json=ASKED))
                await critic.until_asked(COMPLETIONS)
                process.send_signal(signal.SIGTERM)
                held.set()
                reply = await (await sent).json()
            assert reply["choices"][0]["message"]["content"] == "Better ++"
            assert await process.wait() == 0
            assert process.stderr is not None
            assert (await process.stderr.read()).decode() == ""


async def test_killed_at_any_moment_it_leaves_a_whole_store(tmp_path: Path) -> None:
    async with StubServer(models=(MODEL,)) as upstream, StubServer() as critic:
        critic.on(COMPLETIONS, reviewing())
        async with (
            started(tmp_path, critic, upstream) as (process, address),
            aiohttp.ClientSession() as client,
        ):
            asked = [
                asyncio.create_task(client.post(f"{address}/chat/completions", json=ASKED))
                for _ in range(16)
            ]
            await critic.until_asked(COMPLETIONS, 24)  # in the middle of their rounds
            os.kill(process.pid, signal.SIGKILL)
            await asyncio.wait(asked)
        with Store.open(tmp_path / "answers.sqlite") as store:
            stored = list(store.trajectories())
        assert stored
        for one in stored:
            texts = [DRAFT, "Better +", "Better ++"]
            assert [version.text for version in one.versions] == texts[: one.rounds + 1]
