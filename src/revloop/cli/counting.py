"""Show progress on stderr: a live line in a terminal, else a line or JSON every 30 s."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from rich.text import Text

from revloop.cli import output
from revloop.values import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LINE_EVERY_S = 30.0
_FRAME_EVERY_S = 0.5


@contextmanager
def showing(line: Callable[[], str], values: Callable[[], Mapping[str, Any]]) -> Iterator[None]:
    """Show progress while the block runs.

    Args:
        line: Gives the progress for people, as a line.
        values: Gives the same for programs.
    """
    live = output.progress.status(Text(line())) if output.is_live() else None

    def show() -> None:
        if live is None:
            output.report(line(), **values())
        else:
            live.update(Text(output.printable(line())))

    with live or nullcontext(), repeating(show, _FRAME_EVERY_S if live else LINE_EVERY_S):
        yield


class _Count:
    """What is counted, how much of it is done, and since when."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._started = time.monotonic()
        self._new = self._before = 0

    def tell(self, new: int, before: int = 0) -> None:
        """Set how many are done now, and how many were done before."""
        self._new, self._before = new, before

    def values(self) -> dict[str, Any]:
        """Progress and time left."""
        elapsed_s, done = time.monotonic() - self._started, self._new + self._before
        left_s = elapsed_s * (self._total - done) / self._new if self._new else None
        counts = {"what": self._what, "done": done, "total": self._total}
        return {**counts, "elapsed_s": elapsed_s, "left_s": left_s}

    def line(self) -> str:
        """The same as a line, with the rate."""
        found = self.values()
        elapsed_s, left_s = found["elapsed_s"], found["left_s"]
        line = f"{duration(elapsed_s)}: {self._what}: {found['done']} of {self._total}"
        if left_s is None:
            return line
        return f"{line}, {self._new / max(elapsed_s, 1e-9):.3g}/s, {duration(left_s)} left"


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[..., None]]:
    """Show the progress of a count while the block runs.

    Args:
        what: What is counted.
        total: How many there are.

    Yields:
        A function that takes the number done now, and the number done before.
    """
    count = _Count(what, total)
    with showing(count.line, count.values):
        yield count.tell


class _Wait:
    """What is waited for, and since when."""

    def __init__(self, what: str, trouble: Callable[[], str]) -> None:
        self._trouble = trouble
        self.tell(what)

    def tell(self, what: str) -> None:
        """Set what is waited for from now on."""
        self._what, self._started = what, time.monotonic()

    def values(self) -> dict[str, Any]:
        """What is waited for, and how long already."""
        elapsed_s = time.monotonic() - self._started
        return {"what": self._what, "elapsed_s": elapsed_s, "trouble": self._trouble()}

    def line(self) -> str:
        """The same as a line."""
        found = self.values()
        trouble = f", {found['trouble']}" if found["trouble"] else ""
        return f"{found['what']}: {duration(found['elapsed_s'])} so far{trouble}"


@contextmanager
def waiting(what: str, trouble: Callable[[], str] = lambda: "") -> Iterator[Callable[[str], None]]:
    """Show what is waited for while the block runs.

    Args:
        what: It, at first.
        trouble: Tells why it takes long; empty if nothing is known.

    Yields:
        A function that takes what is waited for next.
    """
    wait = _Wait(what, trouble)
    with showing(wait.line, wait.values):
        yield wait.tell


@contextmanager
def repeating(tell: Callable[[], None], every_s: float) -> Iterator[None]:
    """Call a function repeatedly while the block runs, from a thread of its own.

    Args:
        tell: The function.
        every_s: Seconds between two calls.
    """
    is_done = threading.Event()

    def tell_on() -> None:
        while not is_done.wait(every_s):
            tell()

    teller = threading.Thread(target=tell_on, name="revloop-counting", daemon=True)
    teller.start()
    try:
        yield
    finally:
        is_done.set()
        teller.join()
