"""Runs one command under limits, ends whatever it started, and reports how it went.

This file is a program (`python -I -S launch.py PARENT_PID TASK`) that needs only the standard
library: the task is JSON, and so is the report on its standard output. It is a process of its own
because limits must be set between fork and exec, and ``preexec_fn`` is unsafe with threads.

On Linux it adopts the command's orphans (``PR_SET_CHILD_SUBREAPER``, see prctl(2)), so a daemon
that left the process group is found too, and looks at all processes twenty times a second: what
they use together has no rlimit. It ends them all when the command ends, on a signal, and when its
own parent is gone. Elsewhere it knows only the process group.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LOOK_S = 0.05
_LONGEST_S = 1e6
_PAUSE_S = 0.005
_KEPT_BYTES = 16_384
_OPEN_FILES = 256
_SPARE_TASKS = 512
"""What the user's other programs may start meanwhile: RLIMIT_NPROC counts all tasks of a user."""
_PAGE_BYTES = resource.getpagesize()
_SANDBOX_PROCESSES = 3
"""bubblewrap, the first process of its namespace, and for root another bubblewrap."""


class Launch:
    """One run of a command.

    Args:
        task: ``argv``; ``folder``; ``scratch``; ``environment``; ``stdin``, a path;
            ``timeout_s``; ``memory_bytes``, ``output_bytes``, ``file_bytes``, ``processes``;
            ``user``, who runs it; and ``status_fd``, where bubblewrap reports if it runs the
            command, else None.
        parent_pid: The process that waits for the report.
    """

    def __init__(self, task: dict[str, Any], parent_pid: int) -> None:
        self._task = task
        self._parent_pid = parent_pid
        self._limit_hit: str | None = None
        self._child = 0
        self._exit_status: int | None = None
        self._output = bytearray()
        self._output_bytes = 0

    def run(self) -> dict[str, Any]:
        """Run the command; how it ended.

        Returns:
            ``output``, the last part; ``limit``, which one ended it, if any; ``exit_code``,
            negative for a signal; and ``problem``, why it could not be started, if so.
        """
        _control(_PR_SET_CHILD_SUBREAPER, 1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        wake, wakened = os.pipe()
        os.set_blocking(wakened, False)
        signal.set_wakeup_fd(wakened)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        output, output_end = os.pipe()
        status, status_end = os.pipe()
        problem, problem_end = os.pipe()
        self._child = os.fork()
        if not self._child:
            self._become_the_command(output_end, status_end, problem_end)
        for end in (output_end, status_end, problem_end):
            os.close(end)
        try:
            self._watch(output, wake)
        finally:
            self._end_all()
        if os.getppid() != self._parent_pid:  # which would have done it
            shutil.rmtree(self._task["scratch"], ignore_errors=True)
        self._read(output)
        why = _all_of(problem).decode() or self._sandbox_problem(_all_of(status))
        return {
            "output": self._output.decode("utf-8", "replace"),
            "limit": self._limit_hit,
            "exit_code": self._exit_status,
            "problem": why,
        }

    def _become_the_command(self, output: int, status: int, problem: int) -> None:
        """Replace this process, the fork, with the command."""
        task = self._task
        try:
            os.setsid()
            _control(_PR_SET_PDEATHSIG, signal.SIGKILL)
            for number in (signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)  # Python ignores them, and exec keeps that
            os.dup2(os.open(task["stdin"], os.O_RDONLY), 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            if task["status_fd"]:
                os.dup2(status, task["status_fd"])
            set_limits(task)
            os.chdir(task["folder"])
            os.execvpe(task["argv"][0], task["argv"], task["environment"])  # noqa: S606
        except Exception as exc:  # noqa: BLE001 - reported, and raised by revloop
            os.write(problem, str(exc).encode("utf-8", "backslashreplace"))
        finally:
            os._exit(127)

    def _watch(self, output: int, wake: int) -> None:
        """Wait until the command ends or must end."""
        os.set_blocking(output, False)
        deadline = time.monotonic() + self._task["timeout_s"]
        look_at = time.monotonic()
        poll = select.poll()
        poll.register(output, select.POLLIN)
        poll.register(wake, select.POLLIN)
        while self._limit_hit is None and not self._has_ended():
            for number, _ in poll.poll(_LOOK_S * 1000):
                if number == wake:
                    os.read(wake, 4096)
                elif not self._read(output):
                    poll.unregister(output)
            now = time.monotonic()
            if now > deadline:
                self._limit_hit = "time"
            elif now >= look_at:
                self._look()
                look_at = time.monotonic() + _LOOK_S

    def _read(self, output: int) -> bool:
        """Read the output that is there; False at its end."""
        while self._output_bytes <= self._task["output_bytes"]:
            try:
                part = os.read(output, 65_536)
            except BlockingIOError:
                return True
            if not part:
                return False
            self._output_bytes += len(part)
            self._output += part
            del self._output[:-_KEPT_BYTES]
        if self._limit_hit is None:
            self._limit_hit = "output"
        return False

    def _look(self) -> None:
        """See whether the limits of all processes together hold."""
        if os.getppid() != self._parent_pid:
            self._limit_hit = "stopped"
            return
        pids = descendants(os.getpid())
        wrappers = _SANDBOX_PROCESSES if self._task["status_fd"] else 0
        if len(pids) - wrappers > self._task["processes"]:
            self._limit_hit = "processes"
            return
        most = self._task["memory_bytes"]
        # forks share pages, which the second sum counts once
        if sum(map(resident_bytes, pids)) > most < sum(map(proportional_bytes, pids)):
            self._limit_hit = "memory"

    def _has_ended(self) -> bool:
        """Reap ended processes; whether the command is among them."""
        self._reap()
        return self._exit_status is not None

    def _reap(self) -> bool:
        """Reap ended processes; whether none is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if not pid:
                return False
            if pid == self._child:
                self._exit_status = os.waitstatus_to_exitcode(status)

    def _end_all(self) -> None:
        """End everything that the command has started."""
        if sys.platform != "linux":
            _kill(-self._child)
        while not self._reap():
            for pid in descendants(os.getpid()) or [-self._child]:
                _kill(pid)
            time.sleep(_PAUSE_S)

    def _sandbox_problem(self, status: bytes) -> str:
        """Bubblewrap's own message if it did not come to run the command."""
        if not self._task["status_fd"] or self._limit_hit or b"exit-code" in status:
            return ""
        return self._output.decode("utf-8", "replace").strip() or "bubblewrap gave no reason"

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._limit_hit = "stopped"


def set_limits(task: dict[str, Any]) -> None:
    """Limit this process and those that it will start."""
    spare = task["processes"] + _SPARE_TASKS
    cpu_s = int(min(task["timeout_s"], _LONGEST_S) * (os.cpu_count() or 1)) + 1
    # not RLIMIT_AS: Node.js, Java and Go reserve far more addresses than they use
    _limit(resource.RLIMIT_DATA, task["memory_bytes"])
    _limit(resource.RLIMIT_FSIZE, task["file_bytes"])
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_CPU, cpu_s)
    _limit(resource.RLIMIT_CORE, 0)
    if sys.platform == "linux":
        _limit(resource.RLIMIT_NPROC, tasks_of(task["user"]) + spare)
        with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("1000")  # if memory runs out, this process ends first


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def _control(option: int, value: int) -> None:
    """Call prctl(2), which only Linux has."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """The processes below one, zombies among them (Linux; empty elsewhere)."""
    found: list[int] = []
    parents = [pid]
    while parents:
        below = children(parents.pop())
        found += below
        parents += below
    return found


def children(pid: int) -> list[int]:
    """The processes that a process's threads have started."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - pathlib is slow to import
            found += map(int, _read_file(f"/proc/{pid}/task/{thread}/children").split())
    except OSError:
        pass  # it has just ended
    return found


def resident_bytes(pid: int) -> int:
    """The memory of a process, shared pages included; 0 if it has ended."""
    try:
        return int(_read_file(f"/proc/{pid}/statm").split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def proportional_bytes(pid: int) -> int:
    """The memory of a process, with its share of the pages that it shares."""
    try:
        for line in _read_file(f"/proc/{pid}/smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resident_bytes(pid)


def tasks_of(user: int) -> int:
    """How many processes and threads a user has (Linux; 0 elsewhere)."""
    tasks = 0
    try:
        folders = [name for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208
    except OSError:
        return 0
    for name in folders:
        try:
            if os.stat(f"/proc/{name}").st_uid == user:  # noqa: PTH116
                tasks += os.stat(f"/proc/{name}/task").st_nlink - 2  # noqa: PTH116
        except OSError:
            continue  # it has just ended
    return tasks


def _read_file(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:  # noqa: PTH123
        return file.read()


def _all_of(descriptor: int) -> bytes:
    """What was written to a pipe that nobody writes to any more."""
    os.set_blocking(descriptor, False)
    try:
        return os.read(descriptor, 65_536)
    except BlockingIOError:
        return b""


def _kill(pid: int) -> None:
    # it has ended, or runs as another user, with sudo
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def main(arguments: Sequence[str]) -> int:
    """Run a task and print the report."""
    parent_pid, task = arguments
    print(json.dumps(Launch(json.loads(task), int(parent_pid)).run()))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
