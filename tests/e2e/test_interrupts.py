"""Ctrl-C and SIGTERM end in order, whatever the input and the round are doing: real processes."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from revloop import Store
from tests.helpers.command_line import start
from tests.helpers.repository import REPOSITORY
from tests.helpers.scripted_engine import cnr_critique
from tests.helpers.stub_server import CHAT, COMPLETIONS, StubServer, completion, hang

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

LIMIT_S = 60.0
ZEROS = Path("/dev/zero")
DRAFT = json.dumps({"id": "d1", "prompt": "Why?", "response": "So."}).encode() + b"\n"
WAYS: dict[str, tuple[str, ...]] = {
    "two passes": (),
    "single pass": ("--prompts", "chat", "--single-pass"),
    "candidates": ("--candidates", "2", "--temperature", "0.7"),
    "single pass and candidates": (
        *("--prompts", "chat", "--single-pass"),
        *("--candidates", "2", "--temperature", "0.7"),
    ),
    "gate": ("--keep", "gate", "--judge", "rule:longer"),
}


@pytest.fixture
async def server() -> AsyncIterator[StubServer]:
    """A server that never answers a completion."""
    async with StubServer() as server:
        for path in (COMPLETIONS, CHAT):
            server.on(path, hang())
        yield server


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """The exit code and what was written to standard error; a hang fails."""
    try:
        _, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        pytest.fail("it hangs")
    return process.returncode, err.decode()


async def until_said(process: asyncio.subprocess.Process, words: bytes) -> None:
    assert process.stderr is not None
    while words not in (line := await asyncio.wait_for(process.stderr.readline(), LIMIT_S)):
        assert line, "it ended first"


def assert_in_order(code: int | None, err: str) -> None:
    assert code == 130, err
    assert "Traceback" not in err
    assert "Fatal" not in err


class TestBatch:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    async def test_once_ends_a_batch_that_waits_for_an_idle_pipe(
        self, server: StubServer, tmp_path: Path, number: signal.Signals
    ) -> None:
        process = await start(
            *("batch", "-", "out.jsonl", "--base-url", server.base_url), folder=tmp_path
        )
        assert process.stdin is not None
        process.stdin.write(b'{"response": ""}\n')  # read and rejected: so the batch is at work
        await process.stdin.drain()
        await until_there(tmp_path / "out.jsonl.sqlite")
        process.send_signal(number)
        await until_said(process, b"Ctrl-C again")
        code = await asyncio.wait_for(process.wait(), LIMIT_S)  # nobody closes the pipe
        assert process.stderr is not None
        assert_in_order(code, (await process.stderr.read()).decode())

    async def test_a_batch_that_was_told_to_stop_says_so_in_its_figures(
        self, server: StubServer, tmp_path: Path
    ) -> None:
        process = await start(
            *("batch", "-", "out.jsonl", "--base-url", server.base_url, "--log-json"),
            folder=tmp_path,
        )
        await until_there(tmp_path / "out.jsonl.sqlite")
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        lines = (await asyncio.wait_for(process.stderr.read(), LIMIT_S)).decode().splitlines()
        figures = [json.loads(line) for line in lines if "versions_per_s" in line]
        assert figures[-1]["is_stopping"] is True
        assert await process.wait() == 130

    async def test_once_ends_a_batch_that_waits_for_a_terminal(
        self, server: StubServer, tmp_path: Path
    ) -> None:
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "revloop", "batch", "-", "out.jsonl"),
            *("--base-url", server.base_url),
            stdin=theirs,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=tmp_path,
        )
        os.close(theirs)
        await until_there(tmp_path / "out.jsonl.sqlite")
        process.send_signal(signal.SIGINT)
        assert_in_order(*await ended(process))
        os.close(ours)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    async def test_once_ends_a_batch_that_reads_a_line_without_end(
        self, server: StubServer, tmp_path: Path, number: signal.Signals
    ) -> None:
        with ZEROS.open("rb") as zeros:  # noqa: ASYNC230 - it never blocks
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "revloop", "batch", "-", "out.jsonl"),
                *("--base-url", server.base_url),
                stdin=zeros,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=tmp_path,
            )
        await until_there(tmp_path / "out.jsonl.sqlite")
        process.send_signal(number)
        assert_in_order(*await ended(process))

    async def test_once_ends_a_batch_over_a_fifo_that_nobody_writes(
        self, server: StubServer, tmp_path: Path
    ) -> None:
        os.mkfifo(tmp_path / "drafts.jsonl")
        process = await start(
            *("batch", "drafts.jsonl", "out.jsonl", "--base-url", server.base_url),
            folder=tmp_path,
        )
        await until_there(tmp_path / "out.jsonl.sqlite")
        process.send_signal(signal.SIGINT)
        assert_in_order(*await ended(process))

    @pytest.mark.parametrize("way", WAYS)
    async def test_twice_ends_every_kind_of_round_at_once(
        self, server: StubServer, tmp_path: Path, way: str
    ) -> None:
        (tmp_path / "rule.py").write_text("def longer(prompt, a, b): return 'first'\n")
        (tmp_path / "drafts.jsonl").write_bytes(DRAFT)
        process = await start(
            *("batch", "drafts.jsonl", "out.jsonl", "--base-url", server.base_url, *WAYS[way]),
            folder=tmp_path,
        )
        await asked(server)
        process.send_signal(signal.SIGINT)
        await until_said(process, b"Ctrl-C again")
        process.send_signal(signal.SIGINT)
        assert_in_order(*await ended(process))

    async def test_twice_ends_a_batch_whose_judge_does_not_come_back(self, tmp_path: Path) -> None:
        (tmp_path / "rule.py").write_text(
            "import pathlib, time\n"
            "def slow(prompt, a, b):\n"
            "    pathlib.Path('judging').touch()\n"
            "    time.sleep(3600)\n"
        )
        (tmp_path / "drafts.jsonl").write_bytes(DRAFT)
        async with StubServer() as server:
            server.on(COMPLETIONS, completion(cnr_critique()), completion("It is so."))
            process = await start(
                *("batch", "drafts.jsonl", "out.jsonl", "--base-url", server.base_url),
                *("--keep", "gate", "--judge", "rule:slow"),
                folder=tmp_path,
            )
            await until_there(tmp_path / "judging")
            process.send_signal(signal.SIGINT)
            await until_said(process, b"Ctrl-C again")
            process.send_signal(signal.SIGINT)
            assert_in_order(*await ended(process))


class TestRevise:
    @pytest.mark.parametrize("way", WAYS)
    async def test_ctrl_c_ends_every_kind_of_round(
        self, server: StubServer, tmp_path: Path, way: str
    ) -> None:
        (tmp_path / "rule.py").write_text("def longer(prompt, a, b): return 'first'\n")
        process = await start(
            "revise", "So.", "--base-url", server.base_url, *WAYS[way], folder=tmp_path
        )
        await asked(server)
        process.send_signal(signal.SIGINT)
        assert_in_order(*await ended(process))

    @pytest.mark.parametrize("way", WAYS)
    async def test_a_server_that_goes_away_is_told_without_a_traceback(
        self, tmp_path: Path, way: str
    ) -> None:
        (tmp_path / "rule.py").write_text("def longer(prompt, a, b): return 'first'\n")
        (tmp_path / "drafts.jsonl").write_bytes(DRAFT)
        async with StubServer() as server:
            for path in (COMPLETIONS, CHAT):
                server.on(path, hang())
            process = await start(
                *("batch", "drafts.jsonl", "out.jsonl", "--base-url", server.base_url, *WAYS[way]),
                *("--wait-for-server", "1"),
                folder=tmp_path,
            )
            await asked(server)
        code, err = await ended(process)
        assert code == 4, err
        assert "Traceback" not in err


PYTHON = """
import json, sys, threading
sys.path.insert(0, {tests!r})
import anyio
from revloop import *
from tests.helpers.scripted_engine import ScriptedEngine, cnr_critique

class Stuck(ScriptedEngine):
    "Answers no request, and tells when it is closed."
    def __init__(self):
        super().__init__([])
    async def generate(self, request):
        print("asked", flush=True)
        await anyio.sleep(3600)
    async def aclose(self):
        print("closed", flush=True)

class Quick(ScriptedEngine):
    "Answers every request."
    def __init__(self):
        super().__init__(lambda request: cnr_critique())

def drafts():
    n = 0
    while True:
        n += 1
        yield {{"id": str(n), "response": f"Text {{n}}."}}

def at_end():
    left = [t.name for t in threading.enumerate() if t.name.startswith("revloop")]
    print("threads left:", left, flush=True)

{code}
"""


async def python(folder: Path, code: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PYTHON.format(tests=str(REPOSITORY), code=code)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
    )


async def interrupted(folder: Path, code: str, after: Sequence[bytes] = (b"asked",)) -> str:
    """Run a program, send it Ctrl-C when it has said something; what it says then."""
    process = await python(folder, code)
    assert process.stdout is not None
    for words in after:
        while words not in (line := await asyncio.wait_for(process.stdout.readline(), LIMIT_S)):
            if not line:
                pytest.fail((await process.communicate())[1].decode())
    process.send_signal(signal.SIGINT)
    try:
        out, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        pytest.fail("it hangs")
    assert process.returncode == 0, err.decode()
    return out.decode()


class TestPython:
    @pytest.mark.parametrize(
        "options", ["", ", candidates=2", ", store='v.sqlite'", ", candidates=2, store='v.sqlite'"]
    )
    async def test_ctrl_c_in_revise_is_a_keyboard_interrupt_with_everything_closed(
        self, tmp_path: Path, options: str
    ) -> None:
        out = await interrupted(
            tmp_path,
            f"""
try:
    revise("So.", engine=Stuck(){options})
except KeyboardInterrupt:
    print("interrupted")
at_end()
""",
        )
        assert_closed(out, tmp_path)

    async def test_ctrl_c_in_revise_many_is_a_keyboard_interrupt_with_everything_closed(
        self, tmp_path: Path
    ) -> None:
        out = await interrupted(
            tmp_path,
            """
try:
    for trajectory in revise_many(drafts(), engine=Stuck(), store="v.sqlite"):
        print("never")
except KeyboardInterrupt:
    print("interrupted")
at_end()
""",
        )
        assert_closed(out, tmp_path)

    async def test_ctrl_c_in_the_body_of_the_loop_closes_everything_with_the_generator(
        self, tmp_path: Path
    ) -> None:
        out = await interrupted(
            tmp_path,
            """
import time
def work():
    for trajectory in revise_many(drafts(), engine=Quick(), store="v.sqlite", tries=1):
        print("in the body", flush=True)
        time.sleep(3600)
try:
    work()
except KeyboardInterrupt:
    print("interrupted")
at_end()
""",
            [b"in the body"],
        )
        assert_closed(out, tmp_path)

    async def test_a_source_that_blocks_does_not_keep_ctrl_c_from_ending_it(
        self, tmp_path: Path
    ) -> None:
        out = await interrupted(
            tmp_path,
            """
import queue
def blocked():
    print("asked", flush=True)
    yield queue.Queue().get()
try:
    list(revise_many(blocked(), engine=Quick()))
except KeyboardInterrupt:
    print("interrupted")
""",
        )
        assert "interrupted\n" in out

    async def test_a_generator_that_is_never_closed_does_not_keep_python_from_exiting(
        self, tmp_path: Path
    ) -> None:
        process = await python(
            tmp_path,
            """
many = revise_many(drafts(), engine=Quick(), store="v.sqlite", tries=1)
print(next(many).end.reason)
reviser = Reviser(engine=Quick()).__enter__()
""",
        )
        code, err = await ended(process)
        assert (code, "Traceback" in err) == (0, False), err

    async def test_an_open_reviser_in_a_fork_says_so_and_the_parent_goes_on(
        self, tmp_path: Path
    ) -> None:
        process = await python(
            tmp_path,
            """
import os, warnings
warnings.simplefilter("ignore")
with Reviser(engine=Quick(), store="v.sqlite", tries=1) as reviser:
    reviser.revise("So.")
    child = os.fork()
    if child == 0:
        try:
            reviser.revise("Well.")
        except InputError as exc:
            os._exit(0 if "forked" in str(exc) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    print(reviser.revise("Well.").end.reason)
""",
        )
        code, err = await ended(process)
        assert code == 0, err
        with Store.open_to_read(tmp_path / "v.sqlite") as store:
            assert len(list(store.trajectories())) == 2


async def asked(server: StubServer) -> None:
    """Wait for a completion to be asked for, in either form."""
    tasks = [asyncio.create_task(server.until_asked(path)) for path in (COMPLETIONS, CHAT)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=LIMIT_S)
    for task in tasks:
        task.cancel()


async def until_there(path: Path) -> None:
    give_up = time.monotonic() + LIMIT_S
    while not await asyncio.to_thread(path.exists):
        assert time.monotonic() < give_up, f"there is no {path.name}"
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)  # it reads on: whatever it is doing then, it ends in order


def assert_closed(out: str, folder: Path) -> None:
    """A program was interrupted, and has closed everything: SQLite then removes its log."""
    assert "interrupted\n" in out
    assert "threads left: []" in out
    assert not list(folder.glob("*-wal"))
