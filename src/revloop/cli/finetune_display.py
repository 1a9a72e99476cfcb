"""Show the progress of training on stderr."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from revloop.cli import output
from revloop.cli.counting import showing
from revloop.values import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from revloop.finetune import TrainingStep


class ProgressLine:
    """The progress of training, as a line of text.

    Args:
        now: A clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._started = now()
        self._first: tuple[int, float] | None = None
        self._last: TrainingStep | None = None
        self._told_at = self._started

    def note(self, step: TrainingStep) -> None:
        """Record a finished step. A resumed run does not begin at step 1."""
        self._told_at = self._now()
        if self._first is None:
            self._first = step.step, self._told_at
        if step.loss is not None:
            self._last = step

    def text(self) -> str:
        """Elapsed time, step, loss per target token, tokens per second, and time left."""
        text = f"{duration(self._now() - self._started)}: "
        step = self._last
        if step is None or self._first is None:
            return f"{text}no step finished yet"
        text += f"step {step.step} of {step.steps}, loss {step.loss:.4f}"
        if step.tokens is not None:
            rate = step.tokens / max(self._told_at - self._started, 1e-9)
            text += f", {rate:.3g} tokens/s"
        done, since_s = step.step - self._first[0], self._told_at - self._first[1]
        if done:
            text += f", {duration((step.steps - step.step) * since_s / done)} left"
        return text

    def values(self) -> dict[str, Any]:
        """The last step and the elapsed time, for programs."""
        step = {} if self._last is None else asdict(self._last)
        return {**step, "elapsed_s": self._now() - self._started}


@contextmanager
def live_line() -> Iterator[Callable[[TrainingStep], None]]:
    """Show the progress of training, and each evaluation, while the block runs.

    Yields:
        A function to call with each step.
    """
    line = ProgressLine()

    def tell(step: TrainingStep) -> None:
        line.note(step)
        if step.validation_loss is not None:
            output.report(
                f"step {step.step} of {step.steps}, epoch {step.epoch:.2f}: "
                f"validation loss {step.validation_loss:.4f}",
                **asdict(step),
            )

    with showing(line.text, line.values):
        yield tell
