"""Restart a vLLM server that dies, within limits."""

from __future__ import annotations

import time
from collections import deque
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from pydantic import Field

from revloop.errors import ServingError
from revloop.serving.command import VLLM_PROGRAM, ServerOptions
from revloop.serving.server import VllmServer
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_POLL_S = 0.5


class RestartPolicy(Frozen):
    """How often a server is restarted, and after which pauses.

    A server that dies once a day should be back at once. One that keeps dying should not occupy a
    machine all night: so restarts are counted over a window, and each doubles the pause.
    """

    most: int = Field(
        default=5,
        ge=1,
        description="Most restarts in a window; after one more failure it stays down.",
    )
    window_s: float = Field(
        default=3600.0, gt=0, description="Seconds after which a restart is forgotten."
    )
    first_pause_s: float = Field(
        default=1.0, ge=0, description="Seconds before the first restart in a window."
    )
    longest_pause_s: float = Field(
        default=60.0, ge=0, description="Longest pause in seconds; each pause doubles the last."
    )

    def pause_s(self, restarts: int) -> float:
        """The pause before a restart, given the number of earlier ones in the window."""
        return min(self.longest_pause_s, self.first_pause_s * 2.0**restarts)


class SupervisedServer:
    """A vLLM server that is restarted on the same port when it ends by itself.

    Use it like :class:`~revloop.serving.VllmServer`: any exception that leaves the block, such as
    Ctrl-C, stops the server, also during a restart. Clients see refused connections while it is
    down.

    Each start writes its own log: ``vllm.log``, then ``vllm.2.log``, and so on.

    Attributes:
        restarts: Number of restarts.
    """

    def __init__(
        self,
        options: ServerOptions,
        *,
        tell: Callable[[str], None],
        policy: RestartPolicy | None = None,
        on_progress: Callable[[float, str], None] | None = None,
        program: tuple[str, ...] = VLLM_PROGRAM,
    ) -> None:
        """Check the options and choose a port; nothing is started yet.

        Args:
            options: What to serve, and how.
            tell: Called with a message at every failure and every successful restart.
            policy: How often to restart it.
            on_progress: See :class:`~revloop.serving.VllmServer`.
            program: What to run instead of vLLM's API server.

        Raises:
            ServingError: The options are invalid, or the port is in use.
        """
        self.restarts = 0
        self._tell = tell
        self._policy = policy or RestartPolicy()
        self._on_progress = on_progress
        self._program = program
        self._server = VllmServer(options, on_progress=on_progress, program=program)
        first = self._server
        self._options = options.model_copy(update={"port": first.options.port})
        self._first_log = first.log_path
        self._recent: deque[float] = deque()

    @property
    def base_url(self) -> str:
        """The server's address, the same after a restart."""
        return self._server.base_url

    @property
    def model(self) -> str:
        """The name to use in requests."""
        return self._server.model

    @property
    def log_path(self) -> Path:
        """The log of the current server."""
        return self._server.log_path

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def wait(self) -> None:
        """Wait for the server and restart it whenever it ends.

        Raises:
            ServingError: The policy allows no further restart; the message has the last cause and
                the log.
        """
        while True:
            try:
                self._server.wait()
            except ServingError as exc:
                self._restart(exc)

    def _restart(self, death: ServingError) -> None:
        """Restart the server, until it is up or the policy allows no more."""
        while True:
            self._server.stop()
            before = self._restarts_in_window()
            self._check(before, death)
            pause_s = self._policy.pause_s(before)
            self._tell(
                f"{death}\nRestarting in {pause_s:g} s (restart {before + 1} of at most "
                f"{self._policy.most} in {self._policy.window_s / 60:g} min)."
            )
            _pause(pause_s)
            self._recent.append(time.monotonic())
            self.restarts += 1
            try:
                self._start_new()
            except ServingError as exc:
                death = exc
            else:
                return

    def _start_new(self) -> None:
        started = time.monotonic()
        number = self.restarts + 1
        log = self._first_log.with_name(f"{self._first_log.stem}.{number}{self._first_log.suffix}")
        options = self._options.model_copy(update={"log_path": log})
        server = VllmServer(options, on_progress=self._on_progress, program=self._program)
        with ExitStack() as on_failure:
            on_failure.callback(server.stop)
            server.start()
            self._server = server
            on_failure.pop_all()
        self._tell(
            f"{self.model} is back at {self.base_url} after "
            f"{time.monotonic() - started:.0f} s. Log: {log}"
        )

    def _restarts_in_window(self) -> int:
        while self._recent and self._recent[0] < time.monotonic() - self._policy.window_s:
            self._recent.popleft()
        return len(self._recent)

    def _check(self, restarts: int, death: ServingError) -> None:
        if restarts >= self._policy.most:
            raise ServingError(
                f"The vLLM server was restarted {restarts} times within "
                f"{self._policy.window_s / 60:g} min and keeps ending, so it stays down. {death}"
            ) from death


def _pause(pause_s: float) -> None:
    """Sleep in small steps, so that signals delivered to other threads are handled in between."""
    until = time.monotonic() + pause_s
    while (left_s := until - time.monotonic()) > 0:
        time.sleep(min(left_s, _POLL_S))
