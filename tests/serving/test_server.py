"""Start, failure and end of a server: `revloop.serving.server`.

Most tests run a stand-in for vLLM (`fake_vllm.py`): a real process that spawns and leaves behind
what vLLM does. The last one runs vLLM itself.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from revloop.errors import DoesNotFitError, ModelConfigError, ServingError
from revloop.serving import ServerOptions, VllmServer, guard, stopping_on_sigterm
from revloop.serving import server as server_module
from tests.helpers.model_configs import FALCON_7B, model_folder
from tests.helpers.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

FAKE_VLLM = REPOSITORY / "tests" / "helpers" / "fake_vllm.py"
PATIENCE_S = 60.0
pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the stand-in is looked after through /proc"
)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # a test that kills a guard leaves its folder behind
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(model_folder(tmp_path))


def fake(behaviour: str) -> tuple[str, ...]:
    return (sys.executable, "-P", str(FAKE_VLLM), behaviour)


def fake_server(model: str, behaviour: str = "good", **options: Any) -> VllmServer:
    settings = {"model": model, "log_path": Path("server.log"), "stop_grace_s": 2.0} | options
    return VllmServer(ServerOptions(**settings), program=fake(behaviour))


def fake_pids(folder: Path = Path()) -> list[int]:
    return [int(pid) for pid in (folder / "fake_vllm.pids").read_text(encoding="ascii").split()]


def running(pids: list[int]) -> list[int]:
    alive = {process.pid for process in guard.processes() if not process.is_zombie}
    return [pid for pid in pids if pid in alive]


def health(server: VllmServer) -> Any:
    with urllib.request.urlopen(f"{server.base_url}/health", timeout=10) as response:
        return json.loads(response.read())


def test_it_answers_inside_the_block_and_is_gone_after_it(model: str) -> None:
    with fake_server(model) as server:
        assert "--enable-prefix-caching" in health(server)["options"]
        pids = fake_pids()
        assert running(pids) == pids
    assert running(pids) == []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", server.options.port))


def test_it_has_a_port_of_its_own_an_address_and_a_name(model: str) -> None:
    first, second = fake_server(model), fake_server(model, served_model_name="critic")
    assert first.options.port is not None
    assert first.base_url == f"http://127.0.0.1:{first.options.port}"
    assert (first.model, second.model) == (model, "critic")


def test_a_server_for_all_addresses_is_reached_at_this_one(model: str) -> None:
    assert fake_server(model, host="0.0.0.0").base_url.startswith("http://127.0.0.1:")


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_ipv6_address_stands_in_brackets(model: str) -> None:
    assert fake_server(model, host="::1").base_url.startswith("http://[::1]:")


def test_the_key_is_in_the_servers_environment_and_not_in_its_command(model: str) -> None:
    with fake_server(model, api_key=SecretStr("hush")) as server:
        seen = health(server)
    assert seen["environment"]["VLLM_API_KEY"] == "hush"
    assert "hush" not in " ".join(seen["options"])


def test_progress_is_told_with_seconds_and_stage(model: str) -> None:
    told: list[tuple[float, str]] = []
    options = ServerOptions(model=model, log_path=Path("server.log"))
    with VllmServer(options, on_progress=lambda *now: told.append(now), program=fake("good")):
        pass
    assert told
    assert told[0][1] in {"starting Python", "starting the engine"}
    assert [elapsed_s for elapsed_s, _ in told] == sorted(elapsed_s for elapsed_s, _ in told)


def test_what_it_writes_is_in_the_log(model: str) -> None:
    with fake_server(model) as server:
        pass
    assert "Initializing a V1 LLM engine" in server.log_path.read_text(encoding="utf-8")


def test_without_a_log_path_the_log_is_in_the_temporary_folder(model: str) -> None:
    server = fake_server(model, log_path=None)
    assert server.log_path.parent == Path(tempfile.gettempdir())
    assert not server.log_path.exists()


def test_of_a_long_log_the_end_is_looked_through(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_LOG_END_BYTES", 100)
    told = f"{'x' * 100}\nTraceback (most recent call last):\nRuntimeError: at the end"
    monkeypatch.setenv("FAKE_VLLM_LOG", told)
    with pytest.raises(ServingError, match="RuntimeError: at the end"):
        fake_server(model, "failing").start()


@pytest.mark.parametrize("behaviour", ["stubborn", "scattered"])
def test_processes_that_do_not_go_by_themselves_are_killed(model: str, behaviour: str) -> None:
    with fake_server(model, behaviour):
        pids = fake_pids()
    assert running(pids) == []


def test_an_exception_in_the_block_stops_it_too(model: str) -> None:
    def fail_inside() -> None:
        with fake_server(model):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert running(fake_pids()) == []


def test_stopping_twice_or_before_the_start_does_no_harm(model: str) -> None:
    server = fake_server(model)
    server.stop()
    server.start()
    server.stop()
    server.stop()


def test_a_server_is_started_once(model: str) -> None:
    with (
        fake_server(model) as server,
        pytest.raises(ServingError, match="has been started before"),
    ):
        server.start()


def test_a_guard_that_was_killed_is_cleaned_up_after(model: str) -> None:
    with fake_server(model) as server:
        pids = fake_pids()
        assert server._guard is not None
        server._guard.kill()
    assert running(pids) == []


def test_a_guard_that_hangs_is_not_waited_for_forever(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_GUARD_GRACE_S", 0.5)
    with fake_server(model) as server:
        assert server._guard is not None
        server._guard.send_signal(signal.SIGSTOP)
    assert running([server._guard.pid, *fake_pids()]) == []


def test_a_failing_start_shows_the_root_cause_the_advice_and_the_log(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "FAKE_VLLM_LOG",
        "(Worker pid=6) ERROR 11-21 03:09:55 [a.py:9] Traceback (most recent call last):\n"
        "(Worker pid=6) ERROR 11-21 03:09:55 [a.py:9] RuntimeError: Cannot find any model weights\n"
        "Traceback (most recent call last):\n"
        "RuntimeError: Engine core initialization failed. See root cause above.",
    )
    with pytest.raises(ServingError) as caught:
        fake_server(model, "failing").start()
    assert str(caught.value).splitlines() == [
        "The vLLM server did not start: RuntimeError: Cannot find any model weights",
        "Put the model's *.safetensors files into its folder.",
        "Full log: server.log",
    ]


def test_a_start_that_ends_without_a_word_shows_its_status(model: str) -> None:
    with pytest.raises(ServingError, match=r"ended with status 3; (?s:.*)the log is empty"):
        fake_server(model, "silent").start()


def test_a_start_that_is_killed_shows_the_signal(model: str) -> None:
    with pytest.raises(ServingError, match=r"killed by signal 9 \(Killed\)\n.*smaller model"):
        fake_server(model, "killed").start()


def test_a_start_that_takes_too_long_is_given_up_and_cleared_away(model: str) -> None:
    with pytest.raises(ServingError, match=r"did not answer within \d+ s .last stage: starting"):
        fake_server(model, "hanging", start_timeout_s=3.0).start()
    assert running(fake_pids()) == []


def test_waiting_ends_with_the_reason_when_the_server_does(model: str) -> None:
    with (
        fake_server(model, "crashing") as server,
        pytest.raises(ServingError, match="server ended: RuntimeError: the engine died of old age"),
    ):
        server.wait()


def test_waiting_for_a_server_that_was_not_started_is_refused(model: str) -> None:
    with pytest.raises(ServingError, match="has not been started"):
        fake_server(model).wait()


def test_a_port_in_use_is_told_before_anything_starts(model: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            ServingError, match=f"port {port}: Address already in use. Choose another"
        ):
            fake_server(model, port=port)


def test_an_address_of_another_machine_is_told_before_anything_starts(model: str) -> None:
    with pytest.raises(ServingError, match=r"cannot bind to 203\.0\.113\.7, port any: .* Check"):
        fake_server(model, host="203.0.113.7")


def test_a_model_that_does_not_fit_is_refused_before_anything_starts(tmp_path: Path) -> None:
    folder = tmp_path / "falcon-7b"
    folder.mkdir()
    model = str(model_folder(folder, FALCON_7B))
    with pytest.raises(DoesNotFitError, match="The only size up to 8 that works is 1"):
        fake_server(model, tensor_parallel_size=2).start()
    assert not Path("server.log").exists()


def test_a_folder_that_is_no_model_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ModelConfigError, match=r"no config\.json"):
        fake_server(str(tmp_path)).start()


def test_a_log_that_cannot_be_written_is_told(model: str) -> None:
    with pytest.raises(ServingError, match=r"cannot be started.*No such file or directory"):
        fake_server(model, log_path=Path("no/such/folder/server.log")).start()


PARENT = """
import sys
from pathlib import Path
from revloop.serving import ServerOptions, VllmServer, stopping_on_sigterm

options = ServerOptions(model=sys.argv[1], log_path=Path("server.log"), stop_grace_s=2.0)
with stopping_on_sigterm(), VllmServer(options, program=tuple(sys.argv[2:])) as server:
    print("up", flush=True)
    server.wait()
"""


@contextmanager
def parent_of_a_server(model: str, before: str = "") -> Iterator[subprocess.Popen[str]]:
    """Another Python process that runs some code, then waits with a running server."""
    command = [sys.executable, "-c", before + PARENT, model, *fake("good")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == "up\n"
            yield parent
        finally:
            parent.kill()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)]
)
def test_a_parent_that_is_asked_to_end_takes_the_server_with_it(
    model: str, number: signal.Signals, status: int
) -> None:
    with parent_of_a_server(model) as parent:
        parent.send_signal(number)
        assert parent.wait(timeout=PATIENCE_S) == status
    assert running(fake_pids()) == []


ANOTHER_THREAD_TAKES_SIGNALS = """
import signal, threading, time
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
"""


def test_a_signal_that_does_not_wake_the_waiting_thread_ends_it_too(model: str) -> None:
    with parent_of_a_server(model, ANOTHER_THREAD_TAKES_SIGNALS) as parent:
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(timeout=PATIENCE_S) == 143
    assert running(fake_pids()) == []


def test_a_parent_that_is_killed_leaves_no_server_for_long(model: str) -> None:
    with parent_of_a_server(model) as parent:
        parent.kill()
    deadline = time.monotonic() + PATIENCE_S
    while running(fake_pids()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert running(fake_pids()) == []


def test_sigterm_is_as_it_was_after_the_block() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit, match="143"), stopping_on_sigterm():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")
def test_an_option_that_vllm_does_not_know_is_shown_in_its_own_words(model: str) -> None:
    options = ServerOptions(
        model=model, log_path=Path("server.log"), vllm_options=("--nonsense", "3")
    )
    with pytest.raises(
        ServingError, match=r"rejects its options: unrecognized arguments: --nonsense.*\n.*--help"
    ):
        VllmServer(options).start()
