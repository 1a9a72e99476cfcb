"""Stand between revloop and a vLLM server, so that the server never outlives its purpose.

This file runs as a program of its own (`python -P guard.py PARENT_PID GRACE_S COMMAND...`), needs
nothing but the standard library, and ends only when every process below it has ended. It stops
the server when it is told to (SIGTERM, SIGINT, SIGHUP) and when the process that started it is
gone, however that ended: even SIGKILL leaves no server behind.

Why a process rather than ``PR_SET_PDEATHSIG`` on the server: that signal reaches only the API
server and not vLLM's engine and workers; it fires when the *thread* that started the child ends;
and setting it needs ``preexec_fn``, which is not safe beside threads.

On Linux the guard adopts whatever the server orphans (``PR_SET_CHILD_SUBREAPER``, see prctl(2)),
so it also finds the workers that left the server's process group. Elsewhere it knows the group
only.
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
"""How long processes may go on after the server has ended: workers notice by themselves, and
Python's resource tracker still has shared memory to remove."""
_AFTER_SIGTERM_S = 4.0
"""How long they may take once they were told: an engine ends its workers first."""


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
            # it ended while we looked
            continue
        # the command in parentheses may hold spaces and parentheses of its own
        state, parent, _group, session, *_ = stat.rpartition(")")[2].split()
        table.append(Process(int(folder.name), int(parent), int(session), state == "Z"))
    return table


def descendants(pid: int) -> list[int]:
    """The living processes below one, at any depth."""
    children: dict[int, list[Process]] = {}
    for process in processes():
        children.setdefault(process.parent, []).append(process)
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += [process.pid for process in below if not process.is_zombie]
        todo += [process.pid for process in below]
    return found


def send(signal_number: int, *pids: int) -> None:
    """Send a signal to processes that may have ended already."""
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
        """Run a server until it ends or is no longer wanted; its exit status."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        _adopt_orphans()
        # vLLM leaves sockets and rendezvous files in the temporary folder: give it one of its own
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
        while server.poll() is None and not self._unwanted():
            time.sleep(_POLL_S)
        if server.poll() is None:
            server.terminate()
            if not _wait(lambda: server.poll() is not None, self._grace_s):
                server.kill()
        exit_status = server.wait()
        _end_the_rest(server.pid)
        return exit_status

    def _unwanted(self) -> bool:
        return self._told_to_stop or os.getppid() != self._parent_pid

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._told_to_stop = True


def _adopt_orphans() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_the_rest(group: int) -> None:
    """End what a server leaves behind: by waiting, then with SIGTERM, then with SIGKILL."""

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
    """Reap what has ended, and tell whether no child, own or adopted, is left."""
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
        # macOS says EPERM where only zombies are left
        return False
    return True


def _wait(condition: Callable[[], bool], patience_s: float) -> bool:
    """Wait until a condition holds; False if it still does not when patience runs out."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _remove_leftovers(scratch: Path) -> None:
    """Remove a server's temporary folder, and the shared memory that vLLM's CPU workers leak.

    They name their segments after the rendezvous file that lies in the folder.
    """
    for rendezvous in scratch.glob("vllm_dist_*"):
        for segment in Path("/dev/shm").glob(f"{rendezvous.name}-*"):  # noqa: S108
            segment.unlink(missing_ok=True)
    shutil.rmtree(scratch, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Run a command under guard; its exit status, 128 + N where signal N ended it."""
    parent_pid, grace_s, *command = arguments
    status = _Guard(int(parent_pid), float(grace_s)).run(command)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
