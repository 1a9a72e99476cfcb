"""A parent process for a vLLM server, which stops the server when revloop ends in any way.

This file is a program (`python -P guard.py PARENT_PID GRACE_S COMMAND...`) that needs only the
standard library and exits once all its descendants have. It stops the server on a signal (SIGTERM,
SIGINT, SIGHUP), or when its own parent is gone, be it by SIGKILL.

``PR_SET_PDEATHSIG`` on the server would not do: that signal reaches the API server alone, not
vLLM's engine and workers; it fires when the *thread* that started the child ends; and setting it
needs ``preexec_fn``, which is unsafe with threads.

On Linux the guard adopts the server's orphans (``PR_SET_CHILD_SUBREAPER``, see prctl(2)), and so
finds workers that left its process group. Elsewhere it knows only the group.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_PR_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.1
_LINGER_S = 1.0
"""Time for processes to end after the server: workers notice by themselves, and Python's resource
tracker removes shared memory."""
_AFTER_SIGTERM_S = 4.0
"""Time to end after SIGTERM: an engine ends its workers first."""


class Process(NamedTuple):
    """One line of the process table."""

    pid: int
    parent: int
    session: int
    is_zombie: bool


def processes() -> list[Process]:
    """The process table, from /proc (Linux; empty elsewhere)."""
    table = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it has just ended
        # the command in parentheses may contain spaces and parentheses
        state, parent, _group, session, *_ = stat.rpartition(")")[2].split()
        table.append(Process(int(folder.name), int(parent), int(session), state == "Z"))
    return table


def descendants(pid: int) -> list[int]:
    """The living descendants of a process."""
    children: dict[int, list[Process]] = {}
    for process in processes():
        children.setdefault(process.parent, []).append(process)
    found, parents = [], [pid]
    while parents:
        below = children.get(parents.pop(), [])
        found += [process.pid for process in below if not process.is_zombie]
        parents += [process.pid for process in below]
    return found


def send(signal_number: int, *pids: int) -> None:
    """Send a signal to processes, ignoring those that have ended."""
    for pid in pids:
        try:
            os.kill(pid, signal_number)
        except ProcessLookupError:
            continue


class _Guard:
    """One server, from its start to the end of its last process."""

    def __init__(self, parent_pid: int, grace_s: float) -> None:
        self._parent_pid = parent_pid
        self._grace_s = grace_s
        self._told_to_stop = False

    def run(self, command: list[str]) -> int:
        """Run a server until it ends or must stop; its exit status."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        _adopt_orphans()
        # vLLM leaves sockets and rendezvous files in its temporary folder
        scratch = Path(tempfile.mkdtemp(prefix="vllm-"))
        try:
            return self._run_in(scratch, command)
        finally:
            _remove_leftovers(scratch)

    def _run_in(self, scratch: Path, command: list[str]) -> int:
        server = subprocess.Popen(  # noqa: S603 (the caller's own command, no shell)
            command,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": str(scratch)},
            process_group=0,
        )
        while server.poll() is None and not self._must_stop():
            time.sleep(_POLL_S)
        if server.poll() is None:
            server.terminate()
            if not _wait(lambda: server.poll() is not None, self._grace_s):
                server.kill()
        exit_status = server.wait()
        _end_the_rest(server.pid)
        return exit_status

    def _must_stop(self) -> bool:
        return self._told_to_stop or os.getppid() != self._parent_pid

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._told_to_stop = True


def _adopt_orphans() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_the_rest(group: int) -> None:
    """End what a server leaves behind: wait, then SIGTERM, then SIGKILL."""

    def all_ended() -> bool:
        return _childless() and not _group_lives(group)

    if _wait(all_ended, _LINGER_S):
        return
    send(signal.SIGTERM, *descendants(os.getpid()))
    _wait(all_ended, _AFTER_SIGTERM_S)
    while not all_ended():
        send(signal.SIGKILL, *descendants(os.getpid()))
        if _group_lives(group):
            os.killpg(group, signal.SIGKILL)
        time.sleep(_POLL_S)


def _childless() -> bool:
    """Reap ended children; whether none, own or adopted, remains."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return True
    return False


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        # EPERM: only zombies remain, on macOS
        return False
    return True


def _wait(condition: Callable[[], bool], limit_s: float) -> bool:
    """Wait until a condition holds; False if it does not in time."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _remove_leftovers(scratch: Path) -> None:
    """Remove a server's temporary folder, and the shared memory that vLLM's CPU workers leak.

    Their segments are named after the rendezvous file in the folder.
    """
    for rendezvous in scratch.glob("vllm_dist_*"):
        for segment in Path("/dev/shm").glob(f"{rendezvous.name}-*"):  # noqa: S108
            segment.unlink(missing_ok=True)
    shutil.rmtree(scratch, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Run a command under guard; its exit status, or 128 + N if signal N ended it."""
    parent_pid, grace_s, *command = arguments
    status = _Guard(int(parent_pid), float(grace_s)).run(command)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
