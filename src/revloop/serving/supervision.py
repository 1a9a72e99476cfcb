"""Start a vLLM server again when it dies, as often as makes sense."""

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
    """How often a server is started again, and after which pauses.

    A server that dies once a day should be back at once. One that dies as soon as it is up, or of
    the same request again and again, should not burn a machine all night: so restarts are counted
    over a window, and each of them doubles the pause.
    """

    most: int = Field(
        default=5, ge=1, description="Restarts in a window; one more death ends it for good."
    )
    window_s: float = Field(
        default=3600.0, gt=0, description="Seconds after which a restart is forgotten."
    )
    first_pause_s: float = Field(
        default=1.0, ge=0, description="Seconds before the first restart in a window."
    )
    longest_pause_s: float = Field(
        default=60.0, ge=0, description="No pause is longer, in seconds; each doubles the last."
    )

    def pause_s(self, restarts: int) -> float:
        """The pause before a restart that so many others came before, in the same window."""
        return min(self.longest_pause_s, self.first_pause_s * 2.0**restarts)


class SupervisedServer:
    """A vLLM server that is started again on the same port when it ends by itself.

    It is used like :class:`~revloop.serving.VllmServer`, and stopped like it: an exception that
    ends the block, Ctrl-C among them, stops the server, also while it is being started again.
    Clients see refused connections while it is away.

    Each start has a log of its own, so that what ended a server is not overwritten: ``vllm.log``,
    then ``vllm.2.log``, and so on.

    Attributes:
        restarts: How many times it was started again.
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
        """Settle what will be run; nothing is started yet.

        Args:
            options: What to serve, and how.
            tell: Gets a message for every death, and for every restart that worked.
            policy: How often to start it again.
            on_progress: See :class:`~revloop.serving.VllmServer`.
            program: What to run instead of vLLM's API server.

        Raises:
            ServingError: The options cannot be used, or the port is in use.
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
        """Where the server answers, before and after a restart."""
        return self._server.base_url

    @property
    def model(self) -> str:
        """The name to use in requests."""
        return self._server.model

    @property
    def log_path(self) -> Path:
        """The log of the server that runs now."""
        return self._server.log_path

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def wait(self) -> None:
        """Look after the server, and start it again when it ends.

        Raises:
            ServingError: It ended once more than the policy allows; the message has the last
                cause, and the log.
        """
        while True:
            try:
                self._server.wait()
            except ServingError as exc:
                self._bring_back(exc)

    def _bring_back(self, death: ServingError) -> None:
        """Start the server again, and again if it does not come up, as the policy allows."""
        while True:
            self._server.stop()
            before = self._restarts_in_window()
            self._check(before, death)
            pause_s = self._policy.pause_s(before)
            self._tell(
                f"{death}\nStarting it again in {pause_s:g} s (restart {before + 1} of at most "
                f"{self._policy.most} in {self._policy.window_s / 60:g} min)."
            )
            _pause(pause_s)
            self._recent.append(time.monotonic())
            self.restarts += 1
            try:
                self._start_again()
            except ServingError as exc:
                death = exc
            else:
                return

    def _start_again(self) -> None:
        started = time.monotonic()
        number = self.restarts + 1
        log = self._first_log.with_name(f"{self._first_log.stem}.{number}{self._first_log.suffix}")
        options = self._options.model_copy(update={"log_path": log})
        server = VllmServer(options, on_progress=self._on_progress, program=self._program)
        with ExitStack() as if_it_fails:
            if_it_fails.callback(server.stop)
            server.start()
            self._server = server
            if_it_fails.pop_all()
        self._tell(
            f"{self.model} is served again at {self.base_url}, after "
            f"{time.monotonic() - started:.0f} s. Log: {log}"
        )

    def _restarts_in_window(self) -> int:
        while self._recent and self._recent[0] < time.monotonic() - self._policy.window_s:
            self._recent.popleft()
        return len(self._recent)

    def _check(self, restarts: int, death: ServingError) -> None:
        if restarts >= self._policy.most:
            raise ServingError(
                f"The vLLM server was started again {restarts} times within "
                f"{self._policy.window_s / 60:g} min and keeps ending, so it stays down. {death}"
            ) from death


def _pause(pause_s: float) -> None:
    """Sleep in small steps: a signal that another thread takes is acted on between them."""
    until = time.monotonic() + pause_s
    while (left_s := until - time.monotonic()) > 0:
        time.sleep(min(left_s, _POLL_S))
