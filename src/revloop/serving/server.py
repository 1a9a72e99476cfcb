"""Start a vLLM server, wait until it answers, and stop it with everything below it."""

from __future__ import annotations

import errno
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from revloop.errors import ServingError
from revloop.serving import guard
from revloop.serving.advice import advice
from revloop.serving.command import (
    VLLM_PROGRAM,
    ServerOptions,
    check_model,
    check_vllm_installed,
    child_environment,
    command_line,
    with_vllm_options,
)
from revloop.serving.diagnosis import root_cause, stage
from revloop.serving.speculation import check_speculation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_POLL_S = 0.5
_HEALTH_TIMEOUT_S = 5.0
_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104
_GUARD_GRACE_S = 10.0
"""What the guard may take, after the server's own grace, to end what the server leaves behind."""
_LAST_LINES = 8
_LOG_END_BYTES = 4 * 2**20


class VllmServer:
    """A vLLM server as a context manager: up inside the block, gone after it.

    The server runs below a guard (`revloop.serving.guard`) in a session of its own, so that
    Ctrl-C in the terminal reaches this process alone, which then stops the server in good order.
    If this process ends without stopping it, by SIGTERM, SIGKILL or a crash, the guard notices
    within a fraction of a second and stops it instead. Only if the guard itself is killed with
    SIGKILL, and this process too, can a server be left behind.

    Example:
        >>> with VllmServer(ServerOptions(model="./critic", tensor_parallel_size=2)) as server:
        ...     print(server.base_url)  # doctest: +SKIP

    Attributes:
        options: What is served, the port settled and vLLM's own options taken over.
        base_url: Where it answers, such as ``http://127.0.0.1:8000``; the OpenAI routes are below
            its ``/v1``.
        model: The name to use in requests.
        log_path: Where everything goes that the server and its processes write. It stays.
    """

    def __init__(
        self,
        options: ServerOptions,
        *,
        on_progress: Callable[[float, str], None] | None = None,
        program: tuple[str, ...] = VLLM_PROGRAM,
    ) -> None:
        """Settle what will be run; nothing is started yet.

        Args:
            options: What to serve, and how.
            on_progress: Called about twice a second while the server starts, with the seconds
                that have passed and the stage that it is in.
            program: What to run instead of vLLM's API server; it gets the same options.

        Raises:
            ServingError: vLLM's own options hold one that cannot be used, or the port is in use.
        """
        options = with_vllm_options(options)
        port = _settled_port(options.host, options.port)
        self.options = options.model_copy(update={"port": port})
        self.model = options.served_model_name or options.model
        self.log_path = options.log_path or _log_of_its_own()
        self._address = (_ANY_HOST.get(options.host, options.host), port)
        self._on_progress = on_progress
        self._program = program
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """Where the server answers, without a path."""
        host, port = self._address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            MissingExtraError: vLLM, or what drafting tokens needs, is not installed.
            ModelConfigError: There is no such model, or its folder lacks config or weights.
            DoesNotFitError: It cannot be split over so many GPUs, or the memory does not suffice.
            ServingError: The server did not come up. The message has the engine's root cause, the
                path of the log, and what to do where that is known.
        """
        if self._guard is not None:
            raise ServingError("This server has been started before: make another one.")
        if self._program == VLLM_PROGRAM:
            check_vllm_installed()
            check_speculation(self.options.speculate)
        shape = check_model(self.options)
        environment = child_environment(self.options, shape, os.environ)
        command = command_line(self.options, self._program)
        self._guard = self._start_guard(command, environment)
        with ExitStack() as if_it_fails:
            if_it_fails.callback(self.stop)
            self._wait_until_healthy(self._guard)
            if_it_fails.pop_all()

    def wait(self) -> None:
        """Wait until the server ends by itself, which it does not do while all is well.

        Raises:
            ServingError: It ended; the message says why, where its log tells.
        """
        if self._guard is None:
            raise ServingError("This server has not been started.")
        # a signal that another thread takes, or that comes just before a blocking wait begins,
        # would not be acted on until the server ends: so look again and again
        while self._guard.poll() is None:
            time.sleep(_POLL_S)
        raise self._failure("The vLLM server ended")

    def stop(self) -> None:
        """Stop the server and all of its processes; harmless if it does not run.

        The API server gets SIGTERM and some time, then whatever is left is killed.

        Raises:
            ServingError: A process survived even SIGKILL, which only the kernel can cause.
        """
        if self._guard is None:
            return
        try:
            self._guard.terminate()
            self._guard.wait(timeout=self.options.stop_grace_s + _GUARD_GRACE_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            # also when a second Ctrl-C cuts the waiting short, or somebody killed the guard
            survivors = _kill_session(self._guard)
        if survivors:
            raise ServingError(f"Processes of the vLLM server cannot be killed: {survivors}.")

    def _start_guard(
        self, command: list[str], environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        guarded = [
            *(sys.executable, "-P", guard.__file__),
            *(str(os.getpid()), str(self.options.stop_grace_s)),
            *command,
        ]
        try:
            self.log_path.touch(mode=0o600)
            with self.log_path.open("wb") as log:
                return subprocess.Popen(  # noqa: S603 (our own command, no shell)
                    guarded,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    start_new_session=True,
                )
        except OSError as exc:
            raise ServingError(f"The vLLM server cannot be started: {exc}") from exc

    def _wait_until_healthy(self, process: subprocess.Popen[bytes]) -> None:
        started = time.monotonic()
        current = "starting Python"
        with self.log_path.open(encoding="utf-8", errors="replace") as log:
            while not self._is_healthy():
                elapsed_s = time.monotonic() - started
                if process.poll() is not None:
                    raise self._failure("The vLLM server did not come up")
                if elapsed_s > self.options.start_timeout_s:
                    raise self._failure(
                        f"The vLLM server did not answer within {elapsed_s:.0f} s "
                        f"(last stage: {current})"
                    )
                current = stage(log.read()) or current
                if self._on_progress is not None:
                    self._on_progress(elapsed_s, current)
                time.sleep(_POLL_S)

    def _is_healthy(self) -> bool:
        # no proxy from the environment stands between us and our own machine, as one would with
        # urllib or requests
        connection = http.client.HTTPConnection(*self._address, timeout=_HEALTH_TIMEOUT_S)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _failure(self, what: str) -> ServingError:
        log = _end_of(self.log_path)
        cause = root_cause(log) or _without_a_cause(self._guard, log)
        advised = advice(cause)
        message = [f"{what}: {cause}", advised, f"The whole log: {self.log_path}"]
        return ServingError("\n".join(line for line in message if line))


@contextmanager
def stopping_on_sigterm() -> Iterator[None]:
    """Make SIGTERM end the block like Ctrl-C does, so that a server in it is stopped first.

    Without this a SIGTERM ends the process at once, and the guard stops the server a moment
    later. Only the main thread can use it.

    Raises:
        SystemExit: With status 143 (128 + SIGTERM), when the signal comes.
    """

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    previous = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _settled_port(host: str, port: int | None) -> int:
    """The port asked for, if nothing listens there, or one that is free at the moment.

    Somebody else may take it before the server does; vLLM then says so, and ends.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # as vLLM does: connections of an earlier server that are still closing do not count
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port or 0))
            # on Linux, two may bind with SO_REUSEADDR, but only one may listen
            probe.listen()
        except OSError as exc:
            taken = exc.errno == errno.EADDRINUSE
            raise ServingError(
                f"The server cannot bind to {host}, port {port or 'any'}: {exc.strerror or exc}. "
                + ("Name another port, or none for one that is free." if taken else "Check both.")
            ) from exc
        return int(probe.getsockname()[1])


def _log_of_its_own() -> Path:
    return Path(tempfile.gettempdir()) / f"revloop-vllm-{uuid.uuid4().hex[:12]}.log"


def _end_of(log_path: Path) -> str:
    """The end of a log, and all of it if the server has not run for long."""
    with log_path.open("rb") as log:
        size_bytes = log.seek(0, os.SEEK_END)
        log.seek(max(0, size_bytes - _LOG_END_BYTES))
        return log.read().decode("utf-8", errors="replace")


def _kill_session(process: subprocess.Popen[bytes]) -> list[int]:
    """Kill whatever is left of a guard's session; the processes that would not die."""
    if process.poll() is None:
        process.kill()
        process.wait()
    for _ in range(20):
        left = [
            other.pid
            for other in guard.processes()
            if other.session == process.pid and not other.is_zombie
        ]
        if not left:
            return []
        guard.send(signal.SIGKILL, *left)
        time.sleep(0.1)
    return left


def _without_a_cause(process: subprocess.Popen[bytes] | None, log: str) -> str:
    """What can be said when the log tells no cause: how it ended, and its last lines."""
    status = None if process is None else process.poll()
    if status is not None and status > 128:
        name = signal.strsignal(status - 128) or "unknown"
        return f"it was killed by signal {status - 128} ({name})"
    last = "\n  ".join([line for line in log.splitlines() if line.strip()][-_LAST_LINES:])
    ended = "it still runs" if status is None else f"it ended with status {status}"
    return f"{ended}, and its log does not say why. It ends:\n  {last or '(nothing was written)'}"
