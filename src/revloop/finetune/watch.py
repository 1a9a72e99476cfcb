"""Monitor a training: progress, divergence, and requests to stop."""

from __future__ import annotations

import math
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revloop.errors import DivergedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_WATCHED = ("loss", "grad_norm", "eval_loss")


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """Progress of a training.

    Attributes:
        step: Steps done.
        steps: Total steps, unless it stops early.
        epoch: Passes over the records.
        loss: Mean loss per target token in this step, in nats; None after an evaluation.
        validation_loss: The same on held-out records; None after a step.
        tokens: Tokens processed so far, prompts included; None if not reported.
    """

    step: int
    steps: int
    epoch: float
    loss: float | None
    validation_loss: float | None
    tokens: int | None = None


class StopRequest:
    """A signal handler that records a request to stop."""

    def __init__(self) -> None:
        self.is_made = False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal: stop after this step; at the second signal, immediately."""
        if self.is_made:
            signal.signal(number, signal.SIG_DFL)
            raise KeyboardInterrupt
        self.is_made = True


@contextmanager
def stopping_on_request(*, single_process: bool) -> Iterator[StopRequest]:
    """While the block runs, Ctrl-C and SIGTERM ask for a stop after a checkpoint.

    Args:
        single_process: Whether there is one process. Several would stop at different steps and
            deadlock, so there a signal ends the training immediately.
    """
    request = StopRequest()
    if not single_process:
        yield request
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, request) for number in numbers]
    try:
        yield request
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def make_callback(
    on_step: Callable[[TrainingStep], None] | None,
    stop: StopRequest,
    keep: Callable[[dict[str, float]], None],
) -> Any:
    """A callback for transformers' Trainer that monitors a training.

    It raises :class:`~revloop.errors.DivergedError` before a checkpoint of NaN weights is written:
    the trainer logs a step before it saves it.

    Args:
        on_step: Called after each step and each evaluation.
        stop: Once requested, the current step is the last, and is saved.
        keep: Called with the figures of each step and evaluation, in the first process only.
    """
    from transformers import TrainerCallback  # heavy and optional

    # the base class is in an optional library
    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_log(
            self, _args: Any, state: Any, _control: Any, logs: dict[str, Any], **_: Any
        ) -> None:
            check_finite(logs, state.global_step)
            if state.is_world_process_zero:
                keep({**logs, "step": state.global_step})
            if on_step is not None and {"loss", "eval_loss"} & set(logs):
                on_step(
                    TrainingStep(
                        step=state.global_step,
                        steps=state.max_steps,
                        epoch=state.epoch or 0.0,
                        loss=logs.get("loss"),
                        validation_loss=logs.get("eval_loss"),
                        tokens=None if (read := logs.get("num_tokens")) is None else int(read),
                    )
                )

        def on_step_end(self, _args: Any, _state: Any, control: Any, **_: Any) -> None:
            if stop.is_made:
                control.should_save = True
                control.should_training_stop = True

    return Watch()


def check_finite(logs: dict[str, Any], step: int) -> None:
    """Stop a training that diverged.

    Raises:
        DivergedError: The loss or the gradient norm is NaN or infinite.
    """
    for name in _WATCHED:
        if name in logs and not math.isfinite(float(logs[name])):
            raise DivergedError(
                f"The training diverged: at step {step} the {name} is {float(logs[name])}. The "
                "checkpoints before it are kept. Start a new run with a lower --learning-rate, or "
                "look for outliers among the records."
            )
