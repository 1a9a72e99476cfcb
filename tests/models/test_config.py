"""Reading a model's config.json: `revloop.models.config`."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import huggingface_hub
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import ModelConfigError
from revloop.models.config import check_weights, known_shape, local_folder, read_config, read_shape
from tests.helpers import published_models as published
from tests.helpers.model_configs import FALCON_40B, TINY_FALCON, model_folder

if TYPE_CHECKING:
    from pathlib import Path


def test_a_local_folder_is_read(tmp_path: Path) -> None:
    assert read_shape(str(model_folder(tmp_path, FALCON_40B))).layers == 60


def test_no_weights_are_needed_for_a_shape(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    (folder / "model.safetensors").unlink()
    assert read_shape(str(folder)).attention_heads == 4


def test_a_folder_that_does_not_exist_is_named() -> None:
    with pytest.raises(ModelConfigError, match="There is no folder /no/such/model"):
        read_shape("/no/such/model")


def test_a_folder_without_a_config_is_told_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ModelConfigError, match=r"no config\.json\. It holds: notes\.txt"):
        read_shape(str(tmp_path))


def test_an_empty_folder_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelConfigError, match="It holds: nothing"):
        read_shape(str(tmp_path))


def test_a_file_is_not_a_model(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.touch()
    with pytest.raises(ModelConfigError, match=r"is a file. Name the folder"):
        read_shape(str(path))


def test_an_adapter_is_told_from_a_model(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelConfigError, match=r"LoRA adapter.*merge it into its base model"):
        read_shape(str(tmp_path))


@pytest.mark.parametrize("text", ["{", "", "\x00", '{"a": NaN'])
def test_a_config_that_is_not_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelConfigError, match="cannot be read as JSON"):
        read_config(str(tmp_path))


def test_a_config_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ModelConfigError, match="cannot be read as JSON"):
        read_config(str(tmp_path))


def test_a_config_that_is_no_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(ModelConfigError, match="does not hold a JSON object"):
        read_config(str(tmp_path))


@pytest.mark.parametrize("architectures", [None, [], "FalconForCausalLM", [7]])
def test_a_config_without_an_architecture_is_refused(architectures: object) -> None:
    with pytest.raises(ModelConfigError, match="names no architecture"):
        known_shape({"architectures": architectures}, "a model")


def test_an_unknown_architecture_is_refused_rather_than_guessed(tmp_path: Path) -> None:
    config = TINY_FALCON | {"architectures": ["JambaForCausalLM"]}
    with pytest.raises(ModelConfigError, match="is a JambaForCausalLM, which revloop cannot"):
        read_shape(str(model_folder(tmp_path, config)))


@given(
    st.dictionaries(
        st.sampled_from(sorted(FALCON_40B)),
        st.sampled_from([None, True, False, -1, 0, 1, 3, 64, 1.5, "", "8", [], ["x"], {}]),
    )
)
def test_whatever_stands_in_a_config_gives_a_shape_or_a_config_error(
    change: dict[str, object],
) -> None:
    try:
        shape = known_shape(json.loads(json.dumps(FALCON_40B | change)), "a model")
    except ModelConfigError:
        return
    assert shape is None or shape.parameters > 0


VALUES: list[Any] = [None, True, False, -1, 0, 1, 3, 64, 1.5, "", "8", [], ["x"], {}]
ANYTHING = st.sampled_from(VALUES)
QUANTIZED = {
    "quant_method": "awq",
    "bits": 4,
    "group_size": 128,
    "modules_to_not_convert": ["lm_head"],
    "weight_block_size": [128, 128],
    "dynamic": {},
    "config_groups": {},
    "zero_point": True,
}


@pytest.mark.parametrize(
    "config",
    [
        published.MIXTRAL_8X7B,
        published.QWEN15_MOE_A27B,
        published.DEEPSEEK_V3,
        published.GPT_OSS_20B,
        published.GEMMA_3_27B,
    ],
    ids=lambda config: config["architectures"][0],
)
@given(data=st.data())
def test_whatever_stands_in_any_familys_config_gives_a_shape_or_a_config_error(
    config: dict[str, Any], data: st.DataObject
) -> None:
    names = st.sampled_from(sorted(config.get("text_config", config)))
    change = data.draw(st.dictionaries(names, ANYTHING, max_size=3))
    method = data.draw(st.sampled_from(["awq", "gptq", "fp8", "compressed-tensors", "mxfp4", "x"]))
    quantized = QUANTIZED | data.draw(st.dictionaries(st.sampled_from(sorted(QUANTIZED)), ANYTHING))
    changed = config | change | {"quantization_config": quantized | {"quant_method": method}}
    if "text_config" in config:
        changed = changed | {"text_config": config["text_config"] | change}
    try:
        shape = known_shape(changed, "a model")
    except ModelConfigError:
        return
    if shape is not None:
        assert shape.parameters >= shape.active_parameters > 0
        # the kernel of mxfp4 pads a width of 1 to 256: only what it pads can be compared
        assert shape.weight_bytes_per_gpu(1, 2) >= shape.weight_bytes_per_gpu(1, 2, tokens=1) > 0
        assert shape.weight_bytes(2) > 0
        assert shape.cache_layout.blocks(1) >= 1


def test_a_name_that_no_hub_would_take_is_a_path(tmp_path: Path) -> None:
    assert local_folder("./critic") is not None
    assert local_folder("a/b/c") is not None
    assert local_folder(str(tmp_path)) == tmp_path
    assert local_folder("tiiuae/falcon-40b-instruct") is None


def test_a_hub_id_downloads_the_config_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def hf_hub_download(repository: str, filename: str) -> str:
        asked.append((repository, filename))
        return str(model_folder(tmp_path, FALCON_40B) / filename)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hf_hub_download)
    assert read_shape("tiiuae/falcon-40b-instruct").attention.kv_heads == 8
    assert asked == [("tiiuae/falcon-40b-instruct", "config.json")]


def test_a_hub_that_cannot_be_reached_is_told_in_one_plain_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    level = logging.getLogger("huggingface_hub").level
    with pytest.raises(ModelConfigError, match="no folder nobody/nothing, and the model hub gave"):
        read_config("nobody/nothing")
    assert logging.getLogger("huggingface_hub").level == level


def test_a_folder_without_weights_is_told(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    check_weights(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelConfigError, match=r"holds a config.json but no weights"):
        check_weights(folder)
