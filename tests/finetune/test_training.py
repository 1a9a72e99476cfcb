"""Checks before a training; `test_run.py` trains."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from revloop.errors import InputError, MissingExtraError, ModelConfigError
from revloop.finetune import FinetuneSettings, Hardware
from revloop.finetune.base import Base
from revloop.finetune.examples import Examples, TrainingExample
from revloop.finetune.training import TrainingJob, check_launch, check_libraries, load_causal
from tests.helpers.tiny_falcon import QUICK, make_base

if TYPE_CHECKING:
    from pathlib import Path


def job(base: Any = None, examples: int = 10, processes: int = 1, **settings: Any) -> TrainingJob:
    chosen = FinetuneSettings(**settings)
    some = Examples((TrainingExample((1,), (2,)),) * examples, examples, ())
    return TrainingJob(base, chosen, some, some, Hardware(processes=processes))


def hide(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Make a library look missing."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == library else find(name, *a)
    )


def test_a_batch_is_divided_over_processes() -> None:
    assert job(processes=4, batch_size=16, micro_batch_size=2).accumulation_steps == 2


@pytest.mark.parametrize(("processes", "at_once"), [(3, 2), (8, 4), (1, 32)])
def test_an_indivisible_batch_is_refused(processes: int, at_once: int) -> None:
    with pytest.raises(InputError, match="A batch of 16 records cannot be divided"):
        _ = job(processes=processes, batch_size=16, micro_batch_size=at_once).accumulation_steps


def test_steps_are_counted_over_the_epochs() -> None:
    assert job(examples=10, batch_size=4, epochs=2).steps == 6


@pytest.mark.parametrize("library", ["trl", "peft", "matplotlib"])
def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    hide(monkeypatch, library)
    with pytest.raises(MissingExtraError, match=rf"'revloop\[train\]'\. Missing: {library}"):
        check_libraries(QUICK)


def test_the_installed_libraries_suffice() -> None:
    check_libraries(QUICK)


def test_packing_without_flash_attention_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transformers.utils.is_flash_attn_2_available", lambda: False)
    with pytest.raises(InputError, match="Packing needs FlashAttention 2"):
        check_libraries(QUICK.model_copy(update={"packing": True}))


def test_qlora_without_a_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="qlora needs a GPU"):
        check_libraries(QUICK.model_copy(update={"method": "qlora"}))


def test_qlora_without_bitsandbytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    hide(monkeypatch, "bitsandbytes")
    with pytest.raises(MissingExtraError, match="pip install bitsandbytes"):
        check_libraries(QUICK.model_copy(update={"method": "qlora"}))


def test_one_process_for_several_gpus_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 8)
    with pytest.raises(InputError, match="There are 8 GPUs, and one process was started"):
        check_launch()
    monkeypatch.setenv("WORLD_SIZE", "8")
    check_launch()


def test_sdpa_attends_across_packed_records(tmp_path: Path) -> None:
    """Why packing is refused: a packed record depends on the records before it."""
    import torch

    model = load_causal(str(make_base(tmp_path / "base")), attn_implementation="sdpa").eval()
    first, second = torch.arange(5, 14)[None], torch.arange(30, 37)[None]
    positions = torch.cat([torch.arange(9), torch.arange(7)])[None]
    with torch.no_grad():
        apart = model(second).logits
        packed = model(torch.cat([first, second], 1), position_ids=positions).logits[:, 9:]
    assert (apart - packed).abs().max() > 1e-2


def test_missing_weights_are_an_error(tmp_path: Path) -> None:
    folder = make_base(tmp_path / "base")
    (folder / "model.safetensors").unlink()
    Base.inspect(str(folder))  # a plan needs only the config
    with pytest.raises(ModelConfigError, match="cannot be loaded"):
        load_causal(str(folder))


@pytest.mark.parametrize("level", [None, "DEBUG"])
def test_training_does_not_change_vllms_log_level(level: str | None) -> None:
    name = "VLLM_LOGGING_LEVEL"
    environment = {key: value for key, value in os.environ.items() if key != name}
    code = (
        "import os; from revloop.finetune.training import load_trl; load_trl().SFTTrainer; "
        f"print(os.environ.get('{name}'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment | ({} if level is None else {name: level}),
    )
    assert done.stdout.split() == [str(level)]
