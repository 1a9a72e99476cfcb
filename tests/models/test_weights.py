"""The size of weights in a folder: `revloop.models.weights`."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.demo import CRITIC_FOLDER
from revloop.errors import ModelConfigError
from revloop.models.config import check_weights, read_shape
from revloop.models.weights import stored_bytes
from tests.helpers.model_configs import LLAMA_3_8B, TINY_FALCON, model_folder

if TYPE_CHECKING:
    from pathlib import Path

INDEX = "model.safetensors.index.json"


def write_tensors(path: Path, **sizes: int) -> None:
    """A safetensors file's header for tensors of some sizes in bytes; the tensors are left out."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, size in sizes.items():
        header[name] = {"dtype": "U8", "shape": [size], "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)


def test_the_tensors_of_all_files_are_added(tmp_path: Path) -> None:
    write_tensors(tmp_path / "model-1-of-2.safetensors", a=1000, b=24)
    write_tensors(tmp_path / "model-2-of-2.safetensors", c=6)
    assert stored_bytes(tmp_path, 1) == 1030


def test_a_file_that_the_index_does_not_name_is_not_loaded(tmp_path: Path) -> None:
    write_tensors(tmp_path / "model.safetensors", a=10)
    write_tensors(tmp_path / "other.safetensors", a=1000)
    index = {"metadata": {"total_size": 99}, "weight_map": {"a": "model.safetensors"}}
    (tmp_path / INDEX).write_text(json.dumps(index), encoding="utf-8")
    assert stored_bytes(tmp_path, 1) == 10


def test_a_second_copy_in_mistrals_own_format_is_not_counted(tmp_path: Path) -> None:
    write_tensors(tmp_path / "model.safetensors", a=10)
    write_tensors(tmp_path / "consolidated.safetensors", a=10)
    assert stored_bytes(tmp_path, 1) == 10


def test_layers_beyond_the_last_are_not_counted(tmp_path: Path) -> None:
    sizes = {"model.layers.1.mlp.gate.weight": 10, "model.layers.2.mlp.gate.weight": 1000}
    write_tensors(tmp_path / "model.safetensors", **sizes)
    assert stored_bytes(tmp_path, 2) == 10


def test_the_total_of_an_index_counts_where_files_are_missing(tmp_path: Path) -> None:
    write_tensors(tmp_path / "model-1.safetensors", a=10)
    index = {
        "metadata": {"total_size": 5_570_000_000},
        "weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"},
    }
    (tmp_path / INDEX).write_text(json.dumps(index), encoding="utf-8")
    assert stored_bytes(tmp_path, 1) == 5_570_000_000


def test_a_folder_without_weights_has_no_size(tmp_path: Path) -> None:
    assert stored_bytes(tmp_path, 1) is None


@given(st.binary(max_size=40))
def test_a_damaged_file_has_no_size(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("model")
    (folder / "model.safetensors").write_bytes(content)
    assert stored_bytes(folder, 1) is None


@pytest.mark.parametrize(
    "index", ["[]", "{", '{"metadata": []}', '{"metadata": {"total_size": 0}}']
)
def test_a_damaged_index_is_left_out(tmp_path: Path, index: str) -> None:
    (tmp_path / INDEX).write_text(index, encoding="utf-8")
    assert stored_bytes(tmp_path, 1) is None


def test_the_shipped_critic_is_as_large_as_its_shape_says() -> None:
    shape = read_shape(str(CRITIC_FOLDER))
    assert shape.stored_bytes == shape.weight_bytes(2) == 2 * shape.parameters


def test_real_sizes_beat_the_estimate(tmp_path: Path) -> None:
    folder = model_folder(tmp_path, LLAMA_3_8B)
    write_tensors(folder / "model.safetensors", a=17_000_000_000)
    shape = read_shape(str(folder))
    assert shape.weight_bytes(2) == 17_000_000_000
    # the estimate decides how they are split
    assert shape.weight_bytes_per_gpu(2, 2) == pytest.approx(17e9 / 2, rel=1e-3)


def test_weights_that_are_cast_when_they_are_loaded_are_estimated(tmp_path: Path) -> None:
    folder = model_folder(tmp_path, TINY_FALCON | {"torch_dtype": "float32"})
    write_tensors(folder / "model.safetensors", a=17)
    shape = read_shape(str(folder))
    assert shape.weight_bytes(2) == 2 * shape.parameters
    assert shape.weight_bytes(4) == 17


def test_real_sizes_make_up_for_an_unknown_quantisation(tmp_path: Path) -> None:
    config = LLAMA_3_8B | {"quantization_config": {"quant_method": "aqlm"}}
    folder = model_folder(tmp_path, config)
    assert not read_shape(str(folder)).weight_bytes_are_known
    write_tensors(folder / "model.safetensors", a=4_000_000_000)
    shape = read_shape(str(folder))
    assert shape.weight_bytes_are_known
    assert shape.weight_bytes_per_gpu(4, 2) == pytest.approx(1e9, rel=0.01)


def test_a_part_of_the_layers_has_its_share_of_the_files(tmp_path: Path) -> None:
    folder = model_folder(tmp_path, LLAMA_3_8B)
    write_tensors(folder / "model.safetensors", a=17_000_000_000)
    part = read_shape(str(folder)).part(2)
    assert part.layers == 16
    assert 17e9 / 2 < part.weight_bytes(2) < 17e9 * 0.6


@pytest.mark.parametrize("has_config", [True, False])
def test_gguf_is_refused_by_name(tmp_path: Path, has_config: bool) -> None:
    folder = model_folder(tmp_path)
    (folder / "model.safetensors").rename(folder / "model-Q4_K_M.gguf")
    if not has_config:
        (folder / "config.json").unlink()
    for name in (folder, folder / "model-Q4_K_M.gguf"):
        with pytest.raises(ModelConfigError, match=r"model-Q4_K_M.gguf is in llama.cpp.s GGUF"):
            read_shape(str(name))
    with pytest.raises(ModelConfigError, match=r"holds a config\.json but no weights"):
        check_weights(folder)
