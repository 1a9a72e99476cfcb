"""Show the progress of a count on stderr: live in a terminal, else a line every 30 s."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from rich.text import Text

from revloop.cli import output
from revloop.values import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LINE_EVERY_S = 30.0
_FRAME_EVERY_S = 0.5


class _Count:
    """What is counted, how much of it is done, and since when."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._started = time.monotonic()
        self._new = self._before = 0

    def tell(self, new: int, before: int) -> None:
        """Set how many are done now, and how many were done before."""
        self._new, self._before = new, before

    def line(self) -> str:
        """Progress, rate and time left."""
        elapsed_s = time.monotonic() - self._started
        done = self._new + self._before
        line = f"{duration(elapsed_s)}: {self._what}: {done} of {self._total}"
        if self._new:
            rate = self._new / max(elapsed_s, 1e-9)
            line += f", {rate:.3g}/s, {duration((self._total - done) / rate)} left"
        return output.printable(line)

    def values(self) -> dict[str, object]:
        """Progress for machines."""
        return {
            "elapsed_s": round(time.monotonic() - self._started, 1),
            "what": self._what,
            "done": self._new + self._before,
            "total": self._total,
        }


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[int, int], None]]:
    """Show the progress of a count while the block runs.

    Args:
        what: What is counted.
        total: How many there are.

    Yields:
        A function that takes the number done now, and the number done before.
    """
    count = _Count(what, total)
    live = output.progress.status(Text(count.line()))

    def tell() -> None:
        if output.is_live():
            live.update(Text(count.line()))
        else:
            output.report(count.line(), **count.values())

    shown = live if output.is_live() else nullcontext()
    with shown, repeating(tell, _FRAME_EVERY_S if output.is_live() else LINE_EVERY_S):
        yield count.tell


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
