"""Start a vLLM server, wait until it answers, and stop it with all its processes."""

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
"""Time for the guard to end the server's leftovers, after the server's own grace."""
_LAST_LINES = 8
_LOG_END_BYTES = 4 * 2**20


class VllmServer:
    """A vLLM server as a context manager: up inside the block, gone after it.

    The server runs under a guard (`revloop.serving.guard`) in its own session, so Ctrl-C in the
    terminal reaches only this process, which stops the server cleanly. If this process ends
    without doing so, by SIGTERM, SIGKILL or a crash, the guard stops the server within a second.
    A server survives only if SIGKILL hits the guard and this process.

    Example:
        >>> with VllmServer(ServerOptions(model="./critic", tensor_parallel_size=2)) as server:
        ...     print(server.base_url)  # doctest: +SKIP

    Attributes:
        options: The options in force, with the port and what vLLM's own options set.
        base_url: Its address, such as ``http://127.0.0.1:8000``; the OpenAI routes are under
            ``/v1``.
        model: The name to use in requests.
        log_path: The log of the server and its processes, which is kept.
    """

    def __init__(
        self,
        options: ServerOptions,
        *,
        on_progress: Callable[[float, str], None] | None = None,
        program: tuple[str, ...] = VLLM_PROGRAM,
    ) -> None:
        """Check the options and choose a port; nothing is started yet.

        Args:
            options: What to serve, and how.
            on_progress: Called about twice a second while the server starts, with the seconds
                elapsed and the current stage.
            program: What to run instead of vLLM's API server, with the same options.

        Raises:
            ServingError: One of vLLM's own options is invalid, or the port is in use.
        """
        options = with_vllm_options(options)
        port = _available_port(options.host, options.port)
        self.options = options.model_copy(update={"port": port})
        self.model = options.served_model_name or options.model
        self.log_path = options.log_path or Path(
            tempfile.gettempdir(), f"revloop-vllm-{uuid.uuid4().hex[:12]}.log"
        )
        self._address = (_ANY_HOST.get(options.host, options.host), port)
        self._on_progress = on_progress
        self._program = program
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """The server's address, without a path."""
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
            MissingExtraError: vLLM, or a library for drafting tokens, is not installed.
            ModelConfigError: There is no such model, or its folder lacks config or weights.
            DoesNotFitError: It cannot be split over this many GPUs, or memory is too small.
            ServingError: The server did not start. The message has the engine's root cause, the
                path of the log, and advice if there is any.
        """
        if self._guard is not None:
            raise ServingError("This server has been started before: create another one.")
        if self._program == VLLM_PROGRAM:
            check_vllm_installed()
            check_speculation(self.options.speculate)
        shape = check_model(self.options)
        environment = child_environment(self.options, shape, os.environ)
        command = command_line(self.options, self._program)
        self._guard = self._start_guard(command, environment)
        with ExitStack() as on_failure:
            on_failure.callback(self.stop)
            self._wait_until_healthy(self._guard)
            on_failure.pop_all()

    def wait(self) -> None:
        """Wait until the server ends by itself, which is always a failure.

        Raises:
            ServingError: It ended; the message gives the cause if the log does.
        """
        if self._guard is None:
            raise ServingError("This server has not been started.")
        # in a blocking wait, a signal to another thread would be handled only after the server ends
        while self._guard.poll() is None:
            time.sleep(_POLL_S)
        raise self._failure("The vLLM server ended")

    def stop(self) -> None:
        """Stop the server and all of its processes; does nothing if it is not running.

        The API server gets SIGTERM and time to stop, then all that remains is killed.

        Raises:
            ServingError: A process survived SIGKILL, which only the kernel can cause.
        """
        if self._guard is None:
            return
        try:
            self._guard.terminate()
            self._guard.wait(timeout=self.options.stop_grace_s + _GUARD_GRACE_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            # also if a second Ctrl-C interrupts the wait, or the guard was killed
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
                    raise self._failure("The vLLM server did not start")
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
        # unlike urllib and requests, http.client uses no proxy from the environment
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
        cause = root_cause(log) or _unexplained(self._guard, log)
        advised = advice(cause)
        message = [f"{what}: {cause}", advised, f"Full log: {self.log_path}"]
        return ServingError("\n".join(line for line in message if line))


@contextmanager
def stopping_on_sigterm() -> Iterator[None]:
    """Make SIGTERM leave the block as Ctrl-C does, so that a server in it is stopped first.

    Otherwise SIGTERM ends the process at once, and the guard stops the server a moment later.
    For the main thread only.

    Raises:
        SystemExit: With status 143 (128 + SIGTERM), on the signal.
    """

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    previous = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _available_port(host: str, port: int | None) -> int:
    """The given port, if nothing listens there, or a free one.

    Another program may take it before the server does; vLLM then fails with a message.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # as vLLM does: ignore closing connections of an earlier server
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port or 0))
            # on Linux, SO_REUSEADDR lets two bind, but only one listen
            probe.listen()
        except OSError as exc:
            taken = exc.errno == errno.EADDRINUSE
            raise ServingError(
                f"The server cannot bind to {host}, port {port or 'any'}: {exc.strerror or exc}. "
                + ("Choose another port, or none for a free one." if taken else "Check both.")
            ) from exc
        return int(probe.getsockname()[1])


def _end_of(log_path: Path) -> str:
    """The last few MiB of a log."""
    with log_path.open("rb") as log:
        size_bytes = log.seek(0, os.SEEK_END)
        log.seek(max(0, size_bytes - _LOG_END_BYTES))
        return log.read().decode("utf-8", errors="replace")


def _kill_session(process: subprocess.Popen[bytes]) -> list[int]:
    """Kill what remains of a guard's session; the processes that survive."""
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


def _unexplained(process: subprocess.Popen[bytes] | None, log: str) -> str:
    """For a log without a cause: how the server ended, and the last lines."""
    status = None if process is None else process.poll()
    if status is not None and status > 128:
        name = signal.strsignal(status - 128) or "unknown"
        return f"it was killed by signal {status - 128} ({name})"
    last = "\n  ".join([line for line in log.splitlines() if line.strip()][-_LAST_LINES:])
    ended = "it is still running" if status is None else f"it ended with status {status}"
    return f"{ended}; its log gives no cause. Its last lines:\n  {last or '(the log is empty)'}"
