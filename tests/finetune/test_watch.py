"""Divergence and stop requests; a training tests the callback itself."""

from __future__ import annotations

import os
import signal

import pytest

from revloop.errors import DivergedError
from revloop.finetune.watch import check_finite, stopping_on_request


@pytest.mark.parametrize(
    "logs",
    [{"loss": float("nan")}, {"loss": "inf"}, {"grad_norm": float("inf")}, {"eval_loss": "nan"}],
)
def test_nan_and_infinity_end_the_training(logs: dict[str, object]) -> None:
    with pytest.raises(
        DivergedError, match=r"diverged: at step 7 the \w+ is (nan|inf)\. The check"
    ):
        check_finite(logs, 7)


def test_numbers_are_fine() -> None:
    check_finite({"loss": "1.5", "grad_norm": 0.0, "epoch": 1, "note": "nan"}, 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_requests_a_stop_and_handlers_are_restored(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stopping_on_request(single_process=True) as stop:
        assert not stop.is_made
        os.kill(os.getpid(), number)
        assert stop.is_made
    assert signal.getsignal(number) is before


def test_a_second_signal_stops_at_once() -> None:
    with stopping_on_request(single_process=True):
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_with_several_processes_signals_are_not_handled() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stopping_on_request(single_process=False) as stop:
        assert signal.getsignal(signal.SIGINT) is before
    assert not stop.is_made
