"""The line that follows a training."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from revloop.cli import counting as module
from revloop.cli.finetune_display import ProgressLine, live_line
from revloop.finetune import TrainingStep

if TYPE_CHECKING:
    import pytest


def step(number: int, loss: float | None = 1.5, tokens: int | None = None) -> TrainingStep:
    return TrainingStep(
        step=number, steps=41, epoch=1.0, loss=loss, validation_loss=None, tokens=tokens
    )


class Clock:
    def __init__(self) -> None:
        self.at_s = 0.0

    def __call__(self) -> float:
        return self.at_s


def test_before_the_first_step_the_line_says_so() -> None:
    clock = Clock()
    line = ProgressLine(clock)
    clock.at_s = 95.0
    assert line.text() == "95.0 s: no step finished yet"


def test_the_line_has_step_loss_speed_and_the_time_left() -> None:
    clock = Clock()
    line = ProgressLine(clock)
    for number in range(1, 12):
        clock.at_s += 10.0
        line.note(step(number, tokens=500 * number))
    clock.at_s += 5.0
    assert line.text() == "115.0 s: step 11 of 41, loss 1.5000, 50 tokens/s, 5.0 minutes left"


def test_a_run_that_goes_on_is_timed_by_its_own_steps() -> None:
    clock = Clock()
    line = ProgressLine(clock)
    for number in (30, 31):
        clock.at_s += 6.0
        line.note(step(number))
    assert line.text() == "12.0 s: step 31 of 41, loss 1.5000, 60.0 s left"


def test_an_evaluation_does_not_take_the_loss_away() -> None:
    line = ProgressLine(Clock())
    line.note(step(1, loss=2.0))
    line.note(step(1, loss=None))
    assert "step 1 of 41, loss 2.0000" in line.text()


def test_programs_get_the_last_step_and_the_time() -> None:
    clock = Clock()
    line = ProgressLine(clock)
    assert line.values() == {"elapsed_s": 0.0}
    clock.at_s = 9.0
    line.note(step(3, tokens=700))
    assert line.values() == {
        "step": 3,
        "steps": 41,
        "epoch": 1.0,
        "loss": 1.5,
        "validation_loss": None,
        "tokens": 700,
        "elapsed_s": 9.0,
    }


def test_without_a_terminal_lines_come_even_while_no_step_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "LINE_EVERY_S", 0.01)
    said, give_up = "", time.monotonic() + 30
    with live_line() as tell:
        tell(step(1))
        while said.count("step 1 of 41") < 2 and time.monotonic() < give_up:
            time.sleep(0.01)
            said += capsys.readouterr().err
    assert said.count("step 1 of 41") >= 2
