"""The guard between revloop and a server: `revloop.serving.guard`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from revloop.serving import guard

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere the guard has no process table to look at"
)

SLEEP = "import time; time.sleep(600)"
SPAWN = f"""
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", {SLEEP!r}], start_new_session=True).pid, flush=True)
"""


def start_guard(code: str, parent_pid: int | None = None) -> subprocess.Popen[str]:
    """A guard for a Python program, in its own session, with its output captured."""
    parent = os.getpid() if parent_pid is None else parent_pid
    command = [sys.executable, "-P", guard.__file__, str(parent), "5", sys.executable, "-c", code]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def runs(pid: int) -> bool:
    return any(process.pid == pid and not process.is_zombie for process in guard.processes())


def test_it_passes_the_exit_status_on() -> None:
    with start_guard("raise SystemExit(7)") as process:
        assert process.wait(timeout=60) == 7


def test_it_tells_a_death_by_signal_as_a_shell_does() -> None:
    with start_guard("import os; os.kill(os.getpid(), 9)") as process:
        assert process.wait(timeout=60) == 128 + signal.SIGKILL


def test_it_stops_the_program_when_it_is_told_to() -> None:
    with start_guard("print('up', flush=True);" + SLEEP) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        assert process.wait(timeout=60) == 128 + signal.SIGTERM


def test_it_stops_at_once_when_its_parent_is_gone_already() -> None:
    with start_guard(SLEEP, parent_pid=os.getpid() + 1) as process:
        assert process.wait(timeout=60) == 128 + signal.SIGTERM


def test_it_ends_what_the_program_left_behind_in_another_session() -> None:
    with start_guard(SPAWN) as process:
        assert process.stdout is not None
        orphan = int(process.stdout.readline())
        assert process.wait(timeout=60) == 0
    assert not runs(orphan)


def test_the_program_has_a_temporary_folder_that_goes_with_it() -> None:
    code = "import tempfile; f = tempfile.mkstemp(); print(tempfile.gettempdir(), flush=True)"
    with start_guard(code) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert process.wait(timeout=60) == 0
    assert folder.name.startswith("vllm-")
    assert not folder.exists()


def test_shared_memory_that_vllms_workers_leak_is_removed() -> None:
    name = f"vllm_dist_test{time.time_ns()}"
    code = f"import tempfile; open(tempfile.gettempdir() + '/{name}', 'w').close()"
    leaked, other = Path(f"/dev/shm/{name}-tp:0-cpushm_0"), Path(f"/dev/shm/{name}x-tp:0-cpushm_0")
    leaked.touch()
    other.touch()
    try:
        with start_guard(code) as process:
            process.wait(timeout=60)
        assert (leaked.exists(), other.exists()) == (False, True)
    finally:
        leaked.unlink(missing_ok=True)
        other.unlink(missing_ok=True)


def test_descendants_are_found_at_any_depth() -> None:
    with start_guard("print('up', flush=True);" + SLEEP) as process:
        assert process.stdout is not None
        process.stdout.readline()
        below = guard.descendants(os.getpid())
        assert process.pid in below
        assert set(guard.descendants(process.pid)) < set(below)
        process.terminate()


def test_a_signal_to_a_process_that_has_ended_does_no_harm() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        guard.send(signal.SIGTERM, process.pid)
