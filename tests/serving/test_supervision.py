"""A server that dies is restarted: `revloop.serving.supervision`.

The stand-in for vLLM (`fake_vllm.py`) is a real process on a real port. The test with vLLM itself
is in `test_supervision_on_vllm.py`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from revloop.errors import ServingError
from revloop.serving import (
    RestartPolicy,
    ServerOptions,
    SupervisedServer,
    guard,
    stopping_on_sigterm,
)
from tests.helpers.model_configs import model_folder
from tests.helpers.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAKE_VLLM = REPOSITORY / "tests" / "helpers" / "fake_vllm.py"
AT_ONCE = RestartPolicy(most=2, first_pause_s=0.0)
PATIENCE_S = 120.0
pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the stand-in is looked after through /proc"
)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def supervised(
    tmp_path: Path, told: list[str], *, policy: RestartPolicy = AT_ONCE, behaviour: str = "good"
) -> SupervisedServer:
    options = ServerOptions(
        model=str(model_folder(tmp_path)), log_path=Path("vllm.log"), stop_grace_s=2.0
    )
    program = (sys.executable, "-P", str(FAKE_VLLM), behaviour)
    return SupervisedServer(options, tell=told.append, policy=policy, program=program)


def pids() -> list[int]:
    return [int(pid) for pid in Path("fake_vllm.pids").read_text(encoding="ascii").split()]


def running(of: list[int]) -> list[int]:
    alive = {process.pid for process in guard.processes() if not process.is_zombie}
    return [pid for pid in of if pid in alive]


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[list[BaseException]]:
    """Run a function in a thread during the block; the list collects its errors."""
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as exc:  # noqa: BLE001 - a thread's errors would go unseen
            errors.append(exc)
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=guarded)
    thread.start()
    yield errors
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_server_that_is_killed_is_back_on_the_same_port_and_sigterm_stops_it(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    server = supervised(tmp_path, told)
    address = server.base_url
    seen: list[int] = []

    def kill_and_look() -> None:
        seen.extend(pids())
        os.kill(seen[0], signal.SIGKILL)
        until(lambda: len(told) == 2)
        with urllib.request.urlopen(f"{address}/health", timeout=60) as answer:
            assert answer.status == 200
        seen.extend(pids())
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit), stopping_on_sigterm(), server, meanwhile(kill_and_look) as bad:
        server.wait()
    assert bad == []
    assert len(set(seen)) == 4
    assert running(seen) == []
    assert "was killed by signal 9" in told[0]
    assert "Full log: vllm.log\nRestarting in 0 s (restart 1 of at most 2" in told[0]
    assert f"is back at {address}" in told[1]
    assert told[1].endswith("Log: vllm.2.log")
    assert Path("vllm.log").exists()


def test_a_server_that_keeps_dying_stays_down_after_so_many_restarts(tmp_path: Path) -> None:
    told: list[str] = []
    with (
        pytest.raises(ServingError, match=r"restarted 2 times .* stays down.*old age"),
        supervised(tmp_path, told, behaviour="crashing") as server,
    ):
        server.wait()
    assert server.restarts == 2
    assert running(pids()) == []
    assert sum("Restarting in" in message for message in told) == 2


def test_a_server_that_never_came_up_is_not_started_again(tmp_path: Path) -> None:
    told: list[str] = []
    with (
        pytest.raises(ServingError, match="did not start"),
        supervised(tmp_path, told, behaviour="silent"),
    ):
        pytest.fail("it did not come up")
    assert told == []


@pytest.mark.parametrize("in_the", ["pause", "start"])
def test_a_signal_in_the_middle_of_a_restart_stops_everything(tmp_path: Path, in_the: str) -> None:
    told: list[str] = []
    pause_s = 3600.0 if in_the == "pause" else 0.0
    policy = RestartPolicy(first_pause_s=pause_s, longest_pause_s=pause_s)
    # up after its first start, and never ready after that
    server = supervised(tmp_path, told, policy=policy, behaviour="once")
    seen: list[int] = []

    def kill_and_interrupt() -> None:
        seen.extend(pids())
        Path("fake_vllm.pids").unlink()
        os.kill(seen[0], signal.SIGKILL)
        until(lambda: told)
        if in_the == "start":
            until(lambda: Path("fake_vllm.pids").exists() and len(pids()) == 2)
            seen.extend(pids())
        os.kill(os.getpid(), signal.SIGINT)

    with (
        pytest.raises(KeyboardInterrupt),
        stopping_on_sigterm(),
        server,
        meanwhile(kill_and_interrupt) as bad,
    ):
        server.wait()
    assert bad == []
    assert running(seen) == []
    assert len(told) == 1


def test_pauses_double_up_to_the_longest() -> None:
    policy = RestartPolicy(first_pause_s=1.0, longest_pause_s=5.0)
    assert [policy.pause_s(restarts) for restarts in range(5)] == [1, 2, 4, 5, 5]


def test_a_restart_is_forgotten_after_the_window(tmp_path: Path) -> None:
    policy = RestartPolicy(most=1, window_s=0.001, first_pause_s=0.01)
    told: list[str] = []
    server = supervised(tmp_path, told, policy=policy, behaviour="crashing")

    def wait_for_two() -> None:
        until(lambda: server.restarts >= 2)
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit), stopping_on_sigterm(), server, meanwhile(wait_for_two) as bad:
        server.wait()
    assert bad == []
    assert all("restart 1 of at most 1" in message for message in told if "again in" in message)
