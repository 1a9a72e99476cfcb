"""Commands in processes of their own, of which few run at the same time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
from anyio.lowlevel import RunVar

from revloop.errors import InputError

if TYPE_CHECKING:
    from anyio.abc import Process

_LAUNCH = Path(__file__).with_name("launch.py")
_GRACE_S = 20.0
_STOP_S = 5.0
_limiter: RunVar[anyio.CapacityLimiter] = RunVar("revloop_commands")


class Ended(NamedTuple):
    """How a command ended.

    Attributes:
        output: The last part of what it wrote.
        limit: ``time``, ``memory``, ``output`` or ``processes`` if it was ended for that.
        exit_code: Negative if a signal ended it; None if a limit did.
    """

    output: str
    limit: str | None
    exit_code: int | None


async def run_command(task: dict[str, Any]) -> Ended:
    """Run a command under limits; nothing that it started is left afterwards.

    At most as many commands run as there are CPUs; the others wait, and their time does not run.

    Args:
        task: See :class:`~revloop.checks.launch.Launch`.

    Raises:
        InputError: The command could not be started, or not be ended.
    """
    async with _commands_at_once():
        said = await _report(task)
    try:
        report = json.loads(said)
        ended = Ended(report["output"], report["limit"], report["exit_code"])
        problem = report["problem"]
    except (ValueError, LookupError, TypeError):
        raise InputError(
            f"The command ended the process that watches it: {said[-500:].decode(errors='replace')}"
        ) from None
    if problem:
        raise InputError(f"The command could not be started: {problem}.")
    if ended.limit == "stopped":
        raise InputError("The command was stopped from outside.")
    return ended


async def _report(task: dict[str, Any]) -> bytes:
    line = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), json.dumps(task)]
    with anyio.CancelScope(shield=True):  # else it might run, and nobody knows it
        process = await anyio.open_process(
            line,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            env={},
            start_new_session=True,  # Ctrl-C is revloop's
        )
    limit_s = task["timeout_s"] + _GRACE_S
    try:
        with anyio.fail_after(limit_s):
            return await _all_of(process)
    except TimeoutError:
        raise InputError(
            f"The command could not be ended after {task['timeout_s']:g} s: it may run as another "
            "user."
        ) from None
    finally:
        await _stop(process)


async def _all_of(process: Process) -> bytes:
    said = b""
    if process.stdout is not None:
        async for part in process.stdout:
            said += part
    await process.wait()
    return said


async def _stop(process: Process) -> None:
    """Stop a command early, with all that it started; nothing to do if it has ended."""
    with anyio.CancelScope(shield=True):
        if process.returncode is None:
            process.terminate()
            with anyio.move_on_after(_STOP_S):
                await process.wait()
            if process.returncode is None:
                process.kill()
        await process.aclose()


def _commands_at_once() -> anyio.CapacityLimiter:
    """The event loop's limiter of commands."""
    try:
        return _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(cpus())
        _limiter.set(limiter)
        return limiter


def cpus() -> int:
    """The CPUs that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
