"""Where a model runs in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.engines.generation import BatchGenerator
from revloop.engines.rewards.local import LocalRewardModel
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.reward_models import make_reward_model

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_build_for_a_gpu_that_is_not_there_runs_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """torch names the accelerator that it was built for, unless asked whether it is there."""
    import torch

    def current_accelerator(check_available: bool = False) -> torch.device | None:
        return None if check_available else torch.device("cuda")

    monkeypatch.setattr(torch.accelerator, "current_accelerator", current_accelerator)
    generator = BatchGenerator.load(str(TINY_CRITIC), str)
    assert generator.context_tokens > 0


def test_a_reward_model_runs_on_the_accelerator_that_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torch

    # a device of torch's that every machine has
    there = torch.device("meta")
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: there)
    model = LocalRewardModel.load(str(make_reward_model(tmp_path / "reward")))
    assert model._model.device == there
