"""Trainings of a tiny Falcon: it learns, resumes, and becomes a critic."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from revloop.engines import Request, TransformersEngine
from revloop.errors import (
    DivergedError,
    InputError,
    ModelConfigError,
    PromptSetError,
    TooLittleMemoryError,
)
from revloop.finetune import FinetuneSettings, Hardware, finetune, plan, with_changes
from revloop.finetune.export import merge
from revloop.finetune.training import load_causal, load_trl
from revloop.trajectory import Sampling
from tests.helpers.tiny_falcon import QUICK, QUICK_LORA, feedback, make_base, write_records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from revloop.finetune import FinetuneResult, TrainingStep

METHODS = {"full": QUICK, "lora": QUICK_LORA}
HELD_OUT = [feedback(name) for name in ("Ana", "Bo")]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_base(tmp_path_factory.mktemp("tiny") / "base"))


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_records(tmp_path_factory.mktemp("records") / "records.jsonl")


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_records(tmp_path_factory.mktemp("records") / "held-out.jsonl", HELD_OUT)


@pytest.fixture(scope="module", params=METHODS)
def trained(
    request: pytest.FixtureRequest,
    base: str,
    records: Path,
    held_out: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, FinetuneResult, list[TrainingStep]]:
    """Method, result and steps of an undisturbed training."""
    output = tmp_path_factory.mktemp("run") / request.param
    told: list[TrainingStep] = []
    settings = METHODS[request.param]
    done = finetune(records, base, output, settings, validation=held_out, on_step=told.append)
    return request.param, done, told


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def logits(model: Any) -> Any:
    import torch

    with torch.no_grad():
        return model.eval()(torch.arange(20)[None]).logits


def when(step: int, act: Callable[[], object]) -> Callable[[TrainingStep], None]:
    """A callback that acts after a step."""

    def listener(told: TrainingStep) -> None:
        if told.step == step and told.loss is not None:
            act()

    return listener


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


# what comes out


def test_the_loss_falls(trained: tuple[str, FinetuneResult, list[TrainingStep]]) -> None:
    _, done, told = trained
    losses = [step.loss for step in told if step.loss is not None]
    evaluated = [step.validation_loss for step in told if step.validation_loss is not None]
    assert losses[-1] < losses[0] - 0.1
    assert evaluated[-1] < evaluated[0]
    assert done.validation_loss == min(evaluated)
    assert (done.steps, told[-1].steps) == (6, 6)


def test_the_run_folder_records_how_to_repeat_it(
    trained: tuple[str, FinetuneResult, list[TrainingStep]], base: str
) -> None:
    method, done, _ = trained
    run = json.loads((done.folder / "run.json").read_text("utf-8"))
    assert run["identity"]["base"] == base
    assert FinetuneSettings.model_validate(run["identity"]["settings"]) == METHODS[method]
    assert {"trl", "torch", "revloop"} <= set(run["versions"])
    assert (run["training_records"], run["validation_records"]) == (10, 2)
    assert (done.folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    lines = (done.folder / "metrics.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["step"] for row in rows if "loss" in row] == [1, 2, 3, 4, 5, 6]


async def test_the_critic_is_a_model_like_any_other(
    trained: tuple[str, FinetuneResult, list[TrainingStep]],
) -> None:
    _, done, _ = trained
    assert done.model is not None
    assert not list(done.model.glob("adapter*"))
    engine = TransformersEngine.from_model(str(done.model))
    answer = await engine.generate(Request("Thank Ali.", Sampling(), max_tokens=4))
    assert answer.usage.generated_tokens > 0
    assert json.loads((done.model / "config.json").read_text("utf-8"))["use_cache"] is True


def test_the_critic_keeps_the_bases_tokenizer(
    trained: tuple[str, FinetuneResult, list[TrainingStep]], base: str
) -> None:
    from transformers import AutoTokenizer

    _, done, _ = trained
    before, after = AutoTokenizer.from_pretrained(base), AutoTokenizer.from_pretrained(done.model)
    assert before.backend_tokenizer.to_str() == after.backend_tokenizer.to_str()
    assert (before.eos_token, before.pad_token) == (after.eos_token, after.pad_token)


def test_a_merged_adapter_computes_the_same_as_the_adapter(
    trained: tuple[str, FinetuneResult, list[TrainingStep]], base: str
) -> None:
    import torch
    from peft import PeftModel

    method, done, _ = trained
    if method != "lora":
        return
    beside = logits(PeftModel.from_pretrained(load_causal(base), str(done.folder / "adapter")))
    merged = logits(load_causal(str(done.model)))
    torch.testing.assert_close(merged, beside, rtol=1e-4, atol=1e-4)
    assert (merged - logits(load_causal(base))).abs().max() > 1e-2
    again = logits(merge(base, done.folder / "adapter", torch.float32))
    torch.testing.assert_close(again, merged)


# interruptions


def test_a_stopped_run_resumes_to_the_same_result(
    trained: tuple[str, FinetuneResult, list[TrainingStep]],
    base: str,
    records: Path,
    held_out: Path,
    tmp_path: Path,
) -> None:
    import torch

    method, whole, _ = trained
    settings, output = METHODS[method], tmp_path / "run"
    stop = when(3, lambda: os.kill(os.getpid(), signal.SIGINT))
    stopped = finetune(records, base, output, settings, validation=held_out, on_step=stop)
    assert (stopped.model, stopped.steps) == (None, 4)
    done = finetune(records, base, output, settings, validation=held_out, resume=True)
    assert done.model is not None
    assert whole.model is not None
    # far closer than another dropout mask would come
    torch.testing.assert_close(weights(done.model), weights(whole.model), rtol=1e-5, atol=1e-6)
    assert done.steps == whole.steps
    assert done.validation_loss == pytest.approx(whole.validation_loss, abs=1e-5)


def test_a_killed_run_resumes_from_its_last_checkpoint(
    base: str, records: Path, tmp_path: Path
) -> None:
    def crash() -> None:
        raise SystemError

    output = tmp_path / "run"
    with pytest.raises(SystemError):
        finetune(records, base, output, QUICK, on_step=when(5, crash))
    torn = output / "checkpoints" / "checkpoint-5"
    torn.mkdir()
    told: list[TrainingStep] = []
    done = finetune(records, base, output, QUICK, resume=True, on_step=told.append)
    assert told[0].step == 4
    assert done.model is not None
    assert not torn.exists()


def test_resuming_a_finished_run_has_no_effect(
    trained: tuple[str, FinetuneResult, list[TrainingStep]],
    base: str,
    records: Path,
    held_out: Path,
) -> None:
    method, whole, _ = trained
    assert whole.model is not None
    before = contents(whole.model)
    settings = METHODS[method]
    told: list[TrainingStep] = []
    again = finetune(
        *(records, base, whole.folder, settings),
        validation=held_out,
        resume=True,
        on_step=told.append,
    )
    assert (again, told) == (whole, [])
    assert contents(whole.model) == before


def test_metrics_are_written_immediately_and_each_step_once(
    base: str, records: Path, tmp_path: Path
) -> None:
    output, seen = tmp_path / "run", dict[int, list[int]]()

    def steps_on_disk() -> list[int]:
        lines = (output / "metrics.jsonl").read_text("utf-8").splitlines()
        return [row["step"] for row in map(json.loads, lines) if "loss" in row]

    def look(step: TrainingStep) -> None:
        if step.loss is not None:
            seen[step.step] = steps_on_disk()
        if step.step == 5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        finetune(records, base, output, QUICK, on_step=look)
    assert seen == {number: list(range(1, number + 1)) for number in range(1, 6)}
    finetune(records, base, output, QUICK, resume=True)
    assert steps_on_disk() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("computes", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_the_default_precision_follows_the_hardware(
    base: str, records: Path, computes: bool, chosen: str
) -> None:
    hardware = Hardware(computes_bf16=computes)
    left_open = FinetuneSettings.model_validate(QUICK.model_dump() | {"precision": None})
    planned = plan(records, base, left_open, hardware=hardware)
    assert planned.identity.settings.precision == planned.job.settings.precision == chosen
    for named in ("bf16", "fp32"):
        settings = with_changes(QUICK, precision=named)
        planned = plan(records, base, settings, hardware=hardware)
        assert planned.job.settings.precision == named


def test_a_training_that_diverges_stops_and_keeps_the_last_good_checkpoint(
    base: str, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    trainer = load_trl().SFTTrainer
    step = trainer.training_step

    def spoilt(self: Any, *args: Any) -> Any:
        loss = step(self, *args)
        return loss if self.state.global_step < 4 else loss * torch.nan

    output = tmp_path / "run"
    monkeypatch.setattr(trainer, "training_step", spoilt)
    with pytest.raises(DivergedError, match="diverged: at step 5 the loss is nan"):
        finetune(records, base, output, QUICK)
    assert [path.name for path in (output / "checkpoints").glob("c*")] == ["checkpoint-3"]
    monkeypatch.undo()
    assert finetune(records, base, output, QUICK, resume=True).steps == 6


def test_running_out_of_memory_despite_the_estimate_is_an_error(
    base: str, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def run_out(*_: Any) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(load_trl().SFTTrainer, "training_step", run_out)
    with pytest.raises(TooLittleMemoryError, match="memory ran out, although the estimate"):
        finetune(records, base, tmp_path / "run", QUICK)


def test_a_far_too_high_learning_rate_is_detected(base: str, records: Path, tmp_path: Path) -> None:
    with pytest.raises(DivergedError):
        finetune(records, base, tmp_path / "run", with_changes(QUICK, learning_rate=1e30))
    assert not list((tmp_path / "run" / "checkpoints").glob("checkpoint-*"))


# evaluation


def test_training_stops_early_without_improvement(base: str, records: Path, tmp_path: Path) -> None:
    settings = with_changes(
        QUICK, learning_rate=1e-12, patience=1, checkpoint_steps=1, epochs=9, precision="bf16"
    )
    done = finetune(records, base, tmp_path / "run", settings)
    assert done.steps < 9
    assert done.model is not None


def test_without_held_out_records_there_is_no_evaluation(
    base: str, records: Path, tmp_path: Path
) -> None:
    settings = with_changes(QUICK, validation_share=0, epochs=1, checkpoint_steps=50)
    done = finetune(records, base, tmp_path / "run", settings)
    assert done.validation_loss is None
    assert done.model is not None


# what cannot start


def test_a_plan_writes_nothing(base: str, records: Path, tmp_path: Path) -> None:
    planned = plan(records, base, QUICK)
    assert planned.job.training.records + planned.job.validation.records == 10
    assert planned.job.steps == 6
    assert list(tmp_path.iterdir()) == []


def test_held_out_records_with_prompts_of_training_records_are_counted(
    base: str, records: Path, tmp_path: Path
) -> None:
    held_out = write_records(tmp_path / "held_out.jsonl", [feedback("Al"), feedback("Xenia")])
    seen = write_records(tmp_path / "seen.jsonl", [feedback("Al")])
    assert plan(seen, base, QUICK, validation=held_out).job.validation.known == 1
    assert plan(records, base, QUICK).job.validation.known == 0


def refuse(
    match: str, error: type[Exception], records: Path, base: str, output: Path, **options: Any
) -> None:
    """Check that a fine-tuning is refused and changes nothing around the output."""
    before = contents(output.parent)
    settings = options.pop("settings", QUICK)
    with pytest.raises(error, match=match):
        finetune(records, base, output, settings, **options)
    assert contents(output.parent) == before


def test_a_file_without_usable_records_is_refused(base: str, tmp_path: Path) -> None:
    path = write_records(tmp_path / "bad.jsonl", [feedback("Al") | {"score": 99}])
    match = r"bad\.jsonl holds no usable record: record .*: the score 99"
    refuse(match, InputError, path, base, tmp_path / "run")


def test_held_out_records_without_usable_ones_are_refused(
    base: str, records: Path, tmp_path: Path
) -> None:
    path = write_records(tmp_path / "bad.jsonl", [feedback("Al") | {"score": 99}])
    match = r"bad\.jsonl holds no usable record"
    refuse(match, InputError, records, base, tmp_path / "run", validation=path)


def test_a_base_without_a_model_is_refused(records: Path, tmp_path: Path) -> None:
    refuse("no folder", ModelConfigError, records, "./nothing", tmp_path / "run")


def test_a_non_empty_output_folder_is_unchanged(base: str, records: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    output.mkdir()
    (output / "thesis.txt").write_text("years of work")
    refuse("is not empty", InputError, records, base, output)


def test_a_run_with_other_settings_is_unchanged(
    trained: tuple[str, FinetuneResult, list[TrainingStep]], base: str, records: Path
) -> None:
    method, done, _ = trained
    other = with_changes(METHODS[method], seed=5)
    match = "settings.seed: 5, not 0.*validation_digest"
    refuse(match, InputError, records, base, done.folder, settings=other, resume=True)


def test_too_little_memory_is_an_error_before_the_first_step(
    base: str, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Hardware(memory_gib=0.1)
    monkeypatch.setattr(Hardware, "here", lambda: small)
    match = r"would take 1\.0 GiB on this machine, and 0\.1 GiB are free"
    refuse(match, TooLittleMemoryError, records, base, tmp_path / "run")


def test_more_tokens_than_the_context_are_refused(base: str, records: Path, tmp_path: Path) -> None:
    settings = with_changes(QUICK, max_tokens=4096)
    match = "max_tokens is 4,096, but the context of .* has 512"
    refuse(match, InputError, records, base, tmp_path / "run", settings=settings)


def test_a_missing_prompt_set_is_refused(base: str, records: Path, tmp_path: Path) -> None:
    settings = with_changes(QUICK, prompts="nothing")
    refuse("does not exist", PromptSetError, records, base, tmp_path / "run", settings=settings)
