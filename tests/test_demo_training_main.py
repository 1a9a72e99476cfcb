"""The training command of the demo critic, on very little."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from revloop.demo.training.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

LITTLE = ("--base-tokens", "12000", "--critic-tokens", "6000", "--records", "12", "--layers", "1")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """All weights of a saved model."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    return dict(model.state_dict())


def same(one: Path, other: Path) -> bool:
    """Whether two saved models hold the same weights."""
    left, right = weights(one), weights(other)
    return all(torch.equal(left[name], right[name]) for name in left)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both stages, trained on next to nothing."""
    folder = tmp_path_factory.mktemp("trained")
    main([str(folder), *LITTLE])
    return folder


def test_both_stages_are_saved_with_the_settings_that_made_them(trained: Path) -> None:
    base = json.loads((trained / "base" / "training.json").read_text(encoding="utf-8"))
    critic = json.loads((trained / "critic" / "training.json").read_text(encoding="utf-8"))
    assert (base["seed"], base["stage"]["tokens"]) == (0, 12000)
    assert (critic["records"], critic["stage"]["tokens"]) == (12, 6000)


def test_the_critic_is_the_base_trained_further(trained: Path) -> None:
    assert not same(trained / "base", trained / "critic")
    assert weights(trained / "base").keys() == weights(trained / "critic").keys()


def test_the_second_stage_can_be_had_alone_and_comes_out_the_same(
    trained: Path, tmp_path: Path
) -> None:
    main([str(tmp_path), *LITTLE, "--from-base", str(trained / "base")])
    assert not (tmp_path / "base").exists()
    assert same(tmp_path / "critic", trained / "critic")


def test_other_records_give_another_critic(trained: Path, tmp_path: Path) -> None:
    main([str(tmp_path), *LITTLE, "--from-base", str(trained / "base"), "--records", "3"])
    assert not same(tmp_path / "critic", trained / "critic")
