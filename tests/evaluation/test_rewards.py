"""A tiny random reward model as judge."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from revloop.errors import ModelConfigError
from revloop.evaluation import RewardJudge, open_judge
from revloop.trajectory import Judge
from tests.helpers.repository import TINY_CRITIC

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT_TOKENS = 64


def make(folder: Path, *, outputs: int = 1) -> Path:
    """A Falcon of two small layers with this many outputs, and the tiny critic's tokenizer."""
    import torch
    from transformers import FalconConfig, FalconForSequenceClassification

    torch.manual_seed(7)
    config = FalconConfig(
        vocab_size=4096,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=CONTEXT_TOKENS,
        num_labels=outputs,
        pad_token_id=0,
    )
    model = FalconForSequenceClassification(config)
    torch.nn.init.normal_(model.score.weight)
    model.save_pretrained(folder)
    for file in TINY_CRITIC.glob("*token*"):
        shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("reward"))


@pytest.fixture(scope="module")
def judge(folder: Path) -> RewardJudge:
    return RewardJudge.load(str(folder))


def test_it_is_a_judge(judge: RewardJudge) -> None:
    assert isinstance(judge, Judge)
    assert judge.info.kind == "reward"


async def test_the_text_with_the_higher_reward_wins_in_either_order(judge: RewardJudge) -> None:
    texts = ("Thanks for the scarf.", "It rains on Monday.")
    verdicts = [await judge.judge("Why?", *order) for order in (texts, texts[::-1])]
    assert {verdict.preference for verdict in verdicts} == {"first", "second"}
    left, right = (float(word) for word in str(verdicts[0].raw).split())
    assert verdicts[0].preference == ("first" if left > right else "second")


async def test_the_same_text_is_a_tie(judge: RewardJudge) -> None:
    assert (await judge.judge("Why?", "Thanks.", "Thanks.")).preference == "tie"


async def test_the_prompt_counts(judge: RewardJudge) -> None:
    one = await judge.judge("Why?", "Thanks.", "No.")
    other = await judge.judge("What is a scarf?", "Thanks.", "No.")
    assert one.raw != other.raw


async def test_a_text_that_does_not_fit_is_unparseable(judge: RewardJudge) -> None:
    verdict = await judge.judge("Why?", "Thanks for it. " * CONTEXT_TOKENS, "No.")
    assert verdict.preference == "unparseable"
    assert "does not fit" in str(verdict.reason)


async def test_it_is_named_with_its_folder(folder: Path, judge: RewardJudge) -> None:
    opened = await open_judge(f"reward:{folder}")
    assert opened.info.name == f"reward:{folder}"
    assert (await opened.judge("", "a", "b")) == (await judge.judge("", "a", "b"))


def test_other_weights_are_another_judge(tmp_path: Path, folder: Path) -> None:
    same = RewardJudge.load(str(folder), name="r").info.digest
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert RewardJudge.load(str(copy), name="r").info.digest == same
    weights = copy / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    assert RewardJudge.load(str(copy), name="r").info.digest != same


def test_a_model_with_several_outputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelConfigError, match="has 3 outputs; a reward model has one"):
        RewardJudge.load(str(make(tmp_path / "three", outputs=3)))


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelConfigError, match="is no reward model"):
        RewardJudge.load(str(tmp_path))
