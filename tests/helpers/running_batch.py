"""A batch and its server in separate processes, and what the batch leaves behind."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohttp

from revloop import Store
from tests.helpers.command_line import Finished, revloop, start
from tests.helpers.deterministic_server import text_after

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from tests.helpers.batch_api_server import BatchApiServer
    from tests.helpers.stub_server import StubServer

    AnyServer: TypeAlias = "Server | BatchApiServer | StubServer"

ITERATIONS = 5
_SERVER = Path(__file__).with_name("deterministic_server.py")
_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Server:
    """A process of ``deterministic_server.py``."""

    process: asyncio.subprocess.Process
    base_url: str
    session: aiohttp.ClientSession

    async def tell(self, path: str, **order: Any) -> None:
        async with self.session.post(self.base_url + path, json=order) as reply:
            assert reply.status == 200

    async def asked(self) -> list[tuple[str, int, str]]:
        async with self.session.get(self.base_url + "/asked") as reply:
            return [(name, version, kind) for name, version, kind in await reply.json()]

    async def until_asked(self, number: int) -> None:
        async with self.session.get(f"{self.base_url}/until/{number}") as reply:
            assert reply.status == 200

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def kill_at(self, number: int) -> None:
        """Let it kill itself when it has been asked a number of times from now on."""
        await self.tell("/session", signal=int(signal.SIGKILL), after=number)
        await self.tell("/victim", pid=self.process.pid)


@asynccontextmanager
async def answering_server(port: int = 0) -> AsyncIterator[Server]:
    """Start the server, and kill it at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(_SERVER), str(port)), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        taken = int(await asyncio.wait_for(process.stdout.readline(), _LIMIT_S))
        async with aiohttp.ClientSession() as session:
            yield Server(process, f"http://127.0.0.1:{taken}", session)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@dataclass(frozen=True, slots=True)
class Work:
    """A folder with ``drafts.jsonl``, where a batch writes ``out.jsonl``."""

    folder: Path

    @property
    def output(self) -> Path:
        return self.folder / "out.jsonl"

    @property
    def store(self) -> Path:
        return self.folder / "out.jsonl.sqlite"

    async def begin(
        self,
        server: AnyServer,
        *options: str,
        environment: Mapping[str, str] | None = None,
    ) -> asyncio.subprocess.Process:
        arguments = self._arguments(server, options)
        return await start(*arguments, folder=self.folder, environment=environment)

    async def run(self, server: AnyServer, *options: str) -> Finished:
        return await revloop(*self._arguments(server, options), folder=self.folder)

    def _arguments(self, server: AnyServer, options: Iterable[str]) -> tuple[str, ...]:
        return ("batch", "drafts.jsonl", "out.jsonl", "--base-url", server.base_url, *options)

    async def run_until_signal(
        self, server: Server, number: signal.Signals, *, after: int, options: Iterable[str] = ()
    ) -> Finished:
        """Run it, and signal it after a number of requests."""
        await server.tell("/session", signal=int(number), after=after)
        process = await self.begin(server, *options)
        await server.tell("/victim", pid=process.pid)
        return await ended(process)

    def stored_rounds(self) -> dict[str, int]:
        """The stored rounds by the draft's text; checks that none is missing."""
        if not self.store.exists():
            return {}
        found = {}
        with Store.open_to_read(self.store) as store:
            for trajectory in store.trajectories():
                rounds = [version.round for version in trajectory.versions]
                assert rounds == list(range(len(rounds)))
                found[trajectory.original] = trajectory.rounds
        return found

    def rows(self) -> list[dict[str, Any]]:
        """The output without times."""
        lines = self.output.read_text(encoding="utf-8").splitlines()
        return [timeless(json.loads(line)) for line in lines]


async def ended(process: asyncio.subprocess.Process) -> Finished:
    """Wait until a process ends."""
    try:
        out, err = await asyncio.wait_for(process.communicate(), _LIMIT_S)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


def work_in(folder: Path, drafts: int) -> Work:
    """A folder with a number of drafts."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"id": f"d{n}", "prompt": "Add.", "response": f"Draft {n}"} for n in range(drafts)]
    write_rows(folder / "drafts.jsonl", rows)
    return Work(folder)


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a JSONL file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def timeless(value: Any) -> Any:
    """A trajectory's JSON without times, which no two runs share."""
    if isinstance(value, dict):
        times = {"created_at", "latency_s", "retries"}
        return {key: timeless(item) for key, item in value.items() if key not in times}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def assert_right(work: Work, drafts: int) -> None:
    """The output has every draft, in order, with every text of the server."""
    rows = work.rows()
    assert [row["draft"]["id"] for row in rows] == [f"d{number}" for number in range(drafts)]
    for number, row in enumerate(rows):
        texts = [version["text"] for version in row["versions"]]
        assert texts == [text_after(f"Draft {number}", rounds) for rounds in range(len(texts))]
        assert row["end"]["reason"] in {"converged", "rounds_done"}
