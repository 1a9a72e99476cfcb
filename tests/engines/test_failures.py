"""Failures of a model in this process: `revloop.engines.failures`, and how engines react."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import torch

from revloop import AsyncReviser
from revloop.engines import Completion, Request, TransformersEngine
from revloop.engines.failures import failure_of, not_loaded
from revloop.engines.generation import BatchGenerator
from revloop.errors import DoesNotFitError, EngineError, ModelConfigError, RejectedError
from revloop.models.memory import ran_out_of_memory
from revloop.trajectory import Draft, Sampling, StopReason
from tests.helpers.repository import TINY_CRITIC

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def raised_by(allocate: Callable[[], object]) -> Exception:
    """The error of a real allocation that is too large for any machine."""
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        allocate()
    return caught.value


ERRORS = {
    "torch-cpu": raised_by(lambda: torch.empty(2**60, dtype=torch.uint8)),
    "python": raised_by(lambda: bytearray(2**62)),
    "torch-gpu": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "torch-gpu-silent": torch.OutOfMemoryError(),
    "cublas": RuntimeError("[enforce fail] not enough memory: you tried to allocate 8 bytes."),
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_memory_that_ran_out_is_told_from_other_failures(error: Exception) -> None:
    assert ran_out_of_memory(error)
    with pytest.raises(RejectedError, match=r"m ran out of memory .* lower token limits"):
        raise failure_of(error, "m")
    with pytest.raises(DoesNotFitError, match="m does not fit into this machine's memory"):
        raise not_loaded(error, "m")


def test_an_error_that_memory_led_to_counts_too() -> None:
    wrapped = ValueError("the step failed")
    wrapped.__cause__ = ERRORS["python"]
    assert ran_out_of_memory(wrapped)


def test_another_failure_is_told_in_its_own_words() -> None:
    error = RuntimeError("probability tensor contains nan\nand a second line")
    assert not ran_out_of_memory(error)
    failure = failure_of(error, "m")
    assert (type(failure), str(failure)) == (
        EngineError,
        "m failed: probability tensor contains nan",
    )
    assert isinstance(not_loaded(error, "m"), ModelConfigError)


# transformers


def asked(text: str) -> Request:
    return Request(prompt=text, sampling=Sampling(), max_tokens=5)


def failing(monkeypatch: pytest.MonkeyPatch, fails: Callable[[int, int], bool]) -> list[int]:
    """Make generation fail by the batch size and the longest prompt; returns the batches run."""
    batches: list[int] = []
    real = BatchGenerator.generate

    def generate(self: BatchGenerator, rows: Sequence[Any]) -> list[list[int]]:
        if fails(len(rows), max(len(row.prompt_ids) for row in rows)):
            raise torch.OutOfMemoryError
        batches.append(len(rows))
        return real(self, rows)

    monkeypatch.setattr(BatchGenerator, "generate", generate)
    return batches


async def all_answers(
    engine: TransformersEngine, *requests: Request
) -> list[Completion | EngineError]:
    """The answers or errors of concurrent requests."""
    answers: dict[int, Completion | EngineError] = {}

    async def one(index: int) -> None:
        try:
            answers[index] = await engine.generate(requests[index])
        except EngineError as exc:
            answers[index] = exc

    async with anyio.create_task_group() as group:
        for index in range(len(requests)):
            group.start_soon(one, index)
    return [answers[index] for index in range(len(requests))]


async def test_a_batch_too_large_for_the_memory_is_halved_and_every_row_answered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "revloop.engines")
    batches = failing(monkeypatch, lambda rows, _longest: rows > 2)
    engine = TransformersEngine.from_model(str(TINY_CRITIC))
    answers = await all_answers(engine, *(asked(f"Text {n}") for n in range(9)))
    assert all(isinstance(answer, Completion) for answer in answers)
    assert max(batches) == 2
    assert "at most 2 from now on" in caplog.text


async def test_the_one_row_that_does_not_fit_fails_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing(monkeypatch, lambda _rows, longest: longest > 50)
    engine = TransformersEngine.from_model(str(TINY_CRITIC))
    answers = await all_answers(engine, asked("A"), asked("long " * 99), asked("B"), asked("C"))
    failed = [answer for answer in answers if isinstance(answer, EngineError)]
    assert failed == [answers[1]]
    with pytest.raises(RejectedError, match="tiny_critic in this process ran out of memory"):
        raise failed[0]


async def test_a_trajectory_ends_with_the_reason_when_the_memory_runs_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing(monkeypatch, lambda *_: True)
    engine = TransformersEngine.from_model(str(TINY_CRITIC))
    async with AsyncReviser(engine=engine) as reviser:
        found = await reviser.revise(Draft(prompt="Why?", response="So."), iterations=2)
    assert found.end is not None
    assert found.end.reason is StopReason.REJECTED
    assert "ran out of memory" in found.end.detail


def test_a_model_too_large_for_the_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    def load(*_: object, **__: object) -> None:
        raise ERRORS["torch-cpu"]

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", load)
    with pytest.raises(DoesNotFitError, match="does not fit into this machine's memory"):
        TransformersEngine.from_model(str(TINY_CRITIC))
