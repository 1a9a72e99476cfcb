"""Show the progress of training on stderr: live in a terminal, else a line every 30 s."""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from revloop.cli import output
from revloop.cli.counting import LINE_EVERY_S, repeating
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

    def values(self) -> dict[str, object]:
        """The same for machines."""
        step, elapsed_s = self._last, round(self._now() - self._started, 1)
        if step is None:
            return {"elapsed_s": elapsed_s, "step": None}
        return {
            "elapsed_s": elapsed_s,
            "step": step.step,
            "steps": step.steps,
            "loss": step.loss,
            "tokens": step.tokens,
        }


@contextmanager
def live_line() -> Iterator[Callable[[TrainingStep], None]]:
    """Show the progress of training, and each evaluation, while the block runs.

    Yields:
        A function to call with each step.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    is_shown, line = output.is_live(), ProgressLine()

    def report() -> None:
        output.report(line.text(), **line.values())

    telling = nullcontext() if is_shown else repeating(report, LINE_EVERY_S)
    bar = Progress(*columns, console=output.progress, transient=True, disable=not is_shown)
    with bar, telling:
        task = bar.add_task("training", total=None, loss="")

        def tell(step: TrainingStep) -> None:
            line.note(step)
            if step.validation_loss is not None:
                output.report(
                    f"step {step.step} of {step.steps}, epoch {step.epoch:.2f}: "
                    f"validation loss {step.validation_loss:.4f}",
                    step=step.step,
                    steps=step.steps,
                    epoch=step.epoch,
                    validation_loss=step.validation_loss,
                )
            bar.update(task, completed=step.step, total=step.steps)
            if step.loss is not None:
                bar.update(task, loss=f"loss {step.loss:.4f}")

        yield tell
