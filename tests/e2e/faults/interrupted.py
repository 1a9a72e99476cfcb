"""A run that Ctrl-C ends amid faults, its repetition, and what was lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from revloop import Trajectory
from tests.helpers.repository import REPOSITORY

from .kinds import Fault, Plan
from .server import FaultyServer
from .trial import (
    INPUT,
    OUTPUT,
    STORE,
    is_complete,
    lost,
    read_output,
    stored,
    texts_of,
    twice,
    versions_of,
    write_input,
)

if TYPE_CHECKING:
    from pathlib import Path

    from .ways import Way

LIMIT_S = 120.0


class Ended(StrEnum):
    """What ends a run. The values are the names in the table of the docs."""

    BATCH_ONCE = "Ctrl-C in a batch"
    BATCH_TWICE = "Ctrl-C twice in a batch"
    PYTHON = "Ctrl-C in `revise_many`"


@dataclass(frozen=True, slots=True)
class Interruption:
    """The outcome of an interrupted run and of its repetition.

    Attributes:
        code: The exit code of the first.
        said: What it wrote to standard error.
        before: Versions in the store after it.
        completed: Share of trajectories with all rounds after the second.
        wasted: Repeated requests whose reply was already complete, in both.
        lost: Versions that were stored or reported, but are missing at the end.
        twice: Versions that are stored, or were reported in one run, more than once.
        texts: All texts of each trajectory at the end, by the draft's id.
    """

    code: int
    said: str
    before: int
    completed: float
    wasted: int
    lost: int
    twice: int
    texts: dict[str, tuple[str, ...]]

    @property
    def is_orderly(self) -> bool:
        """Whether it ended with the code of an interrupted program and without a traceback."""
        return self.code == 128 + signal.SIGINT and "Traceback" not in self.said


def quick_faults(share: float, seed: int = 0) -> Plan:
    """All faults without deadlines or long waits, except on first contact.

    Real commands have deadlines and waits of minutes, and give a first contact few tries.
    """
    quick = [fault for fault in Fault if fault.is_quick]
    each = dict.fromkeys(quick, share / len(quick))
    return Plan(each, seed, spared=frozenset({"/v1/models"}))


async def interrupt(
    way: Way,
    by: Ended,
    plan: Plan,
    folder: Path,
    *,
    trajectories: int = 8,
    rounds: int = 3,
) -> Interruption:
    """Run a process, interrupt it while the server holds all requests, and run it again.

    Args:
        way: How a round is made.
        by: What ends the first run.
        plan: The faults that both meet.
        folder: Where the store is put; made where it is not there.
        trajectories: How many drafts.
        rounds: Rounds for each.
    """
    write_input(folder, trajectories)
    async with FaultyServer(plan) as server:
        arguments = _arguments(way, by, server.base_url, trajectories, rounds)
        server.hold_from(trajectories * rounds // 2)
        process = await _start(arguments, folder)
        try:
            said = await _interrupt(process, by, server)
            first = await _ended(process)
        finally:
            await _end(process)
        before = stored(folder)
        server.let_go()
        again = await _ended(await _start(arguments, folder))
        if again.code:
            raise RuntimeError(f"the second run ended with {again.code}: {again.err}")
        wasted = len(server.wasted)
    found = stored(folder)
    told = [before, _printed(first), _printed(again), read_output(folder)]
    return Interruption(
        code=first.code,
        said=said + first.err,
        before=len(versions_of(before)),
        completed=sum(map(is_complete, found)) / trajectories,
        wasted=wasted,
        lost=sum(lost(versions_of(some), found) for some in told),
        twice=sum(twice(versions_of(some)) for some in (*told, found)),
        texts=texts_of(found),
    )


@dataclass(frozen=True, slots=True)
class _Finished:
    code: int
    out: str
    err: str


def _arguments(way: Way, by: Ended, address: str, trajectories: int, rounds: int) -> list[str]:
    if by is Ended.PYTHON:
        return ["tests.e2e.faults.program", address, str(trajectories), str(rounds), way.name]
    files = [INPUT, OUTPUT, "--store", STORE]
    chosen = ["--base-url", address, "--iterations", str(rounds), *way.arguments(address)]
    return ["revloop", "batch", *files, *chosen]


async def _start(arguments: list[str], folder: Path) -> asyncio.subprocess.Process:
    path = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
    )


async def _interrupt(process: asyncio.subprocess.Process, by: Ended, server: FaultyServer) -> str:
    """Send Ctrl-C once a request is held; return its standard error."""
    ended, held = asyncio.create_task(process.wait()), asyncio.create_task(server.is_held.wait())
    await asyncio.wait({ended, held}, return_when=asyncio.FIRST_COMPLETED, timeout=LIMIT_S)
    ended.cancel()
    if not held.done():
        held.cancel()
        raise RuntimeError("no request came to be held")
    process.send_signal(signal.SIGINT)
    if by is Ended.PYTHON:
        return ""
    said = await asyncio.wait_for(_until_said(process, "Ctrl-C again"), LIMIT_S)
    if by is Ended.BATCH_TWICE:
        process.send_signal(signal.SIGINT)
    else:
        server.let_go()  # the current rounds finish
    return said


async def _until_said(process: asyncio.subprocess.Process, words: str) -> str:
    assert process.stderr is not None
    said = ""
    async for line in process.stderr:
        said += line.decode()
        if words in said:
            break
    return said


async def _ended(process: asyncio.subprocess.Process) -> _Finished:
    """Wait for its end; fail if it hangs."""
    try:
        out, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
    finally:
        await _end(process)
    assert process.returncode is not None
    return _Finished(process.returncode, out.decode(), err.decode())


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


def _printed(finished: _Finished) -> list[Trajectory]:
    lines = [line for line in finished.out.splitlines() if line.startswith("{")]
    return [Trajectory.model_validate_json(line) for line in lines]
