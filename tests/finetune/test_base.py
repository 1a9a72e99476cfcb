"""The anatomy of a base, and refused bases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from revloop.errors import InputError, ModelConfigError
from revloop.finetune.base import Anatomy, Base, Linear
from revloop.models.config import read_shape
from tests.helpers.model_configs import (
    FALCON_11B,
    FALCON_40B,
    FALCON_RW_1B,
    QWEN2_500M,
    model_folder,
)
from tests.helpers.tiny_falcon import make_base

if TYPE_CHECKING:
    from pathlib import Path


def anatomy_of(folder: Path) -> Anatomy:
    from transformers import AutoConfig

    return Anatomy.of_config(AutoConfig.from_pretrained(folder))


@pytest.mark.parametrize("config", [FALCON_40B, FALCON_11B, FALCON_RW_1B, QWEN2_500M])
def test_parameters_match_those_of_serving(tmp_path: Path, config: dict[str, Any]) -> None:
    folder = model_folder(tmp_path, config)
    anatomy, shape = anatomy_of(folder), read_shape(str(folder))
    assert (anatomy.parameters, anatomy.layers) == (shape.parameters, shape.layers)


def test_falcon_40b_has_four_kinds_of_linear_layers(tmp_path: Path) -> None:
    anatomy = anatomy_of(model_folder(tmp_path, FALCON_40B))
    assert anatomy.linears == {
        "query_key_value": Linear(8192, 9216, 60),
        "dense": Linear(8192, 8192, 60),
        "dense_h_to_4h": Linear(8192, 32768, 60),
        "dense_4h_to_h": Linear(32768, 8192, 60),
    }


def test_adapter_parameters_match_peft(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = make_base(tmp_path / "base")
    model = AutoModelForCausalLM.from_pretrained(folder)
    made = get_peft_model(
        model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    )
    trained = sum(p.numel() for p in made.parameters() if p.requires_grad)
    assert anatomy_of(folder).adapter_parameters(4, None) == trained


def test_a_missing_layer_cannot_have_an_adapter(tmp_path: Path) -> None:
    anatomy = anatomy_of(model_folder(tmp_path, FALCON_40B))
    with pytest.raises(
        InputError, match=r"names q_proj, and the base has no such layer\. It has q"
    ):
        anatomy.adapter_parameters(4, ("dense", "q_proj"))


def test_a_base_knows_its_end_and_its_context(tmp_path: Path) -> None:
    base = Base.inspect(str(make_base(tmp_path / "base")))
    assert (base.end_id, base.context_tokens, base.anatomy.layers) == (0, 512, 2)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"architectures": ["FalconForTokenClassification"]}, "not a causal language model"),
        ({"architectures": ["T5ForConditionalGeneration"], "model_type": "t5"}, "not a causal"),
        ({"architectures": None}, "of no architecture"),
        ({"model_type": "no-such-kind"}, "cannot be used: "),
    ],
)
def test_a_base_that_is_not_causal_is_refused(
    tmp_path: Path, changes: dict[str, Any], match: str
) -> None:
    folder = make_base(tmp_path / "base")
    config = json.loads((folder / "config.json").read_text("utf-8")) | changes
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelConfigError, match=match):
        Base.inspect(str(folder))


def test_a_tokenizer_without_an_end_token_is_refused(tmp_path: Path) -> None:
    folder = make_base(tmp_path / "base")
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text("utf-8"))
    settings.pop("eos_token")
    path.write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(ModelConfigError, match="has no end token"):
        Base.inspect(str(folder))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelConfigError, match=r"has no config\.json"):
        Base.inspect(str(tmp_path))
