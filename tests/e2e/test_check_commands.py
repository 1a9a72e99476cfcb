"""Code that fails its unit test is fixed by what the test said, in a sandbox or under limits."""

from __future__ import annotations

import json
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from revloop import StopReason, Store
from tests.helpers.check_commands import need_bwrap
from tests.helpers.command_line import revloop
from tests.helpers.stub_server import CHAT, StubServer, chat_completion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from aiohttp import web

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's process limits")

RUN_TEST = """
import json, sys
draft = json.load(open(sys.argv[2]))
names = {}
exec(compile(open(sys.argv[1]).read(), "answer.py", "exec"), names)
exec(compile(draft["extra"]["test"], "test.py", "exec"), names)
"""
GOOD = "def double(x):\n    return x + x\n"
TEST = "assert double(4) == 8, 'double(4) should be 8'"
FAULTY = {
    "wrong": ("def double(x):\n    return x + 2\n", "AssertionError: double(4) should be 8"),
    "broken": ("def double(x)\n    return x + x\n", "SyntaxError: expected ':'"),
    "endless": ("while True: pass\n", " took longer than 3 s."),
    "noisy": ("while True: print('x' * 1000)\n", " wrote more than 1024 KiB."),
    "bomb": (
        "import os\nfor _ in range(10): os.fork()\nimport time; time.sleep(600)\n",
        " started more than 64 processes.",
    ),
}
"""Programs, and what the critic is told of them."""
THIEVES = {
    "reader": ("open('../secret')\n", "No such file or directory: '../secret'"),
    "writer": ("open('run_test.py', 'w')\n", "Read-only file system: 'run_test.py'"),
    "caller": (
        "import socket; socket.create_connection(('127.0.0.1', PORT))\n",
        "Connection refused",
    ),
}
"""Programs that would succeed without a sandbox."""


async def fix(request: web.Request) -> web.StreamResponse:
    """A critic that knows how to fix a program once it is told what is wrong."""
    asked = json.dumps((await request.json())["messages"])
    is_told = any(
        json.dumps(message)[1:-1] in asked for _, message in {**FAULTY, **THIEVES}.values()
    )
    text = GOOD if is_told else "I do not know what is wrong."
    return await chat_completion(f"<revised_response>\n{text}</revised_response>")(request)


@pytest.fixture
def port() -> Iterator[int]:
    """A port of this machine that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def prepare(folder: Path, programs: Mapping[str, str]) -> Path:
    """A folder with drafts, and a program that tests one; anyone may read it."""
    (folder / "secret").write_text("secret")
    work = folder / "work"
    work.mkdir()
    (work / "run_test.py").write_text(RUN_TEST)
    rows = [
        {"id": name, "prompt": "Double a number.", "response": code, "test": TEST}
        for name, code in programs.items()
    ]
    (work / "drafts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return work


async def batch(folder: Path, *options: str) -> tuple[dict[str, Any], int]:
    """The trajectories of a batch of programs by their ids, and the requests it took."""
    async with StubServer() as server:
        server.on(CHAT, fix)
        finished = await revloop(
            *("batch", "drafts.jsonl", "out.jsonl", "--base-url", server.base_url),
            *("--prompts", "chat", "--critique", "checks", "--iterations", "2"),
            *("--check-cmd", f"{sys.executable} run_test.py {{file}} {{draft}}"),
            *("--check-timeout", "3", *options),
            folder=folder,
        )
        asked = len(server.asked(CHAT))
    assert finished.code == 0, finished.err
    with Store.open(folder / "out.jsonl.sqlite") as store:
        return {str(one.draft.id): one for one in store.trajectories()}, asked


@pytest.mark.parametrize("sandbox", ["none", "bwrap"])
async def test_code_is_fixed_by_what_its_unit_test_says(
    sandbox: str, tmp_path: Path, port: int
) -> None:
    if sandbox == "bwrap":
        need_bwrap()
    faulty = {**FAULTY, **(THIEVES if sandbox == "bwrap" else {})}
    programs = {name: code.replace("PORT", str(port)) for name, (code, _) in faulty.items()}
    work = prepare(tmp_path, {**programs, "good": GOOD})
    found, asked = await batch(work, "--sandbox", sandbox)
    assert asked == len(faulty), "one revision each; the good one costs no request"
    assert found.keys() == {*faulty, "good"}
    for name, trajectory in found.items():
        assert trajectory.final.strip() == GOOD.strip()
        assert trajectory.end.reason is StopReason.VERIFIED
        first, last = trajectory.versions[0].checks[0], trajectory.versions[-1].checks[0]
        assert (first.passed, last.passed) == (name == "good", True)
        assert name == "good" or faulty[name][1] in first.message
    again, asked = await batch(work, "--sandbox", sandbox)
    assert (again, asked) == (found, 0)


async def test_a_sandbox_that_cannot_be_made_stops_the_run_before_it_begins(
    tmp_path: Path,
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'no namespaces today' >&2; exit 1\n")
    fake.chmod(0o755)
    finished = await revloop(
        *("revise", "text", "--base-url", "http://127.0.0.1:9"),
        *("--prompts", "chat", "--check-cmd", "cat", "--sandbox", "bwrap"),
        folder=tmp_path,
        environment={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    assert finished.code == 3
    assert "no namespaces today" in " ".join(finished.err.split())
