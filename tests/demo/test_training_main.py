"""The training of the demo's base, at a small size."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from revloop.demo.training.__main__ import main
from revloop.demo.training.batches import TaskEncoder, batches
from revloop.demo.training.tasks import base_examples
from revloop.demo.training.trainer import loss_of

if TYPE_CHECKING:
    from pathlib import Path

SMALLER = ("--tokens", "150000", "--layers", "1")
LITTLE = ("--tokens", "8000", "--layers", "1")


def model_in(folder: Path) -> Any:
    """A saved model."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)


def same(one: Path, other: Path) -> bool:
    """Whether two saved models have the same weights."""
    left, right = model_in(one).state_dict(), model_in(other).state_dict()
    return all(torch.equal(left[name], right[name]) for name in left)


def loss_on_new_examples(folder: Path) -> float:
    """The loss of a saved model, in nats a token, on unseen examples."""
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    rng, encode = Random("never drawn"), TaskEncoder(tokenizer)
    examples = (encode(example) for example in base_examples(rng))
    batch = next(batches(examples, rng, tokens=8192))
    with torch.no_grad():
        return float(loss_of(model_in(folder), batch))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A smaller base, with one layer and a hundredth of the tokens."""
    folder = tmp_path_factory.mktemp("trained") / "base"
    main([str(folder), *SMALLER])
    return folder


def test_a_smaller_base_learns_what_it_did_not_see(trained: Path, tmp_path: Path) -> None:
    main([str(tmp_path / "untaught"), *LITTLE])
    assert loss_on_new_examples(trained) < 0.5 * loss_on_new_examples(tmp_path / "untaught")


def test_the_settings_that_made_it_stand_beside_it(trained: Path) -> None:
    settings = json.loads((trained / "training.json").read_text(encoding="utf-8"))
    assert (settings["seed"], settings["stage"]["tokens"]) == (0, 150_000)


def test_the_same_seed_gives_the_same_base_and_another_another(tmp_path: Path) -> None:
    for name, seed in (("first", "3"), ("again", "3"), ("other", "4")):
        main([str(tmp_path / name), *LITTLE, "--seed", seed])
    assert same(tmp_path / "first", tmp_path / "again")
    assert not same(tmp_path / "first", tmp_path / "other")


def test_it_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    main([str(tmp_path / "base"), *LITTLE])
    main([str(tmp_path / "base"), "--tokens", "16000", "--layers", "1", "--resume"])
    state = torch.load(tmp_path / "base.checkpoint", weights_only=True)
    assert 16_000 <= state["tokens"] < 24_000
