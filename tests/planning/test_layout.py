"""Layouts of a model over GPUs and nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import DoesNotFitError
from revloop.models.config import known_shape
from revloop.planning.layout import Layout, layouts
from tests.helpers.model_configs import FALCON_7B, FALCON_40B

if TYPE_CHECKING:
    from revloop.models.shape import ModelShape


def shape_of(config: dict[str, Any]) -> ModelShape:
    shape = known_shape(config, "a model")
    assert shape is not None
    return shape


FALCON = shape_of(FALCON_40B)


def only(*given: Any, **options: Any) -> Layout:
    (layout,) = layouts(*given, **options)
    return layout


def test_every_size_that_fits_into_a_node_is_a_layout() -> None:
    found = layouts(FALCON, 16, gpu_memory_gib=80)
    assert [layout.tensor_parallel_size for layout in found] == [2, 4, 8]
    assert [layout.replicas for layout in found] == [8, 4, 2]


def test_a_size_that_is_named_is_the_only_one() -> None:
    layout = only(FALCON, 16, gpu_memory_gib=80, tensor_parallel_size=4)
    assert (layout.replicas, layout.replicas_per_node, layout.nodes) == (4, 2, 2)


def test_no_replica_lies_on_two_nodes() -> None:
    layout = only(FALCON, 12, gpu_memory_gib=80, tensor_parallel_size=8)
    assert (layout.replicas, layout.idle_gpus, layout.nodes) == (1, 4, 1)


def test_the_last_node_may_be_a_part_of_one() -> None:
    layout = only(FALCON, 13, gpu_memory_gib=80, tensor_parallel_size=2)
    assert (layout.replicas, layout.idle_gpus, layout.nodes) == (6, 1, 2)


def test_a_model_that_no_node_holds_is_a_pipeline_over_nodes() -> None:
    layout = only(FALCON, 9, gpu_memory_gib=20, gpus_per_node=2)
    assert (layout.tensor_parallel_size, layout.pipeline_parallel_size) == (2, 3)
    assert (layout.replicas, layout.nodes, layout.idle_gpus) == (1, 3, 3)
    assert layout.stage.shape.layers == 20
    assert layout.stage.weight_bytes_per_gpu < 20 * 2**30


def test_the_fewest_nodes_that_hold_the_model_make_a_pipeline() -> None:
    layout = only(FALCON, 100, gpu_memory_gib=48, gpus_per_node=1)
    assert layout.pipeline_parallel_size == 2
    assert layout.replicas == 50


def test_gpus_that_do_not_hold_the_model_together_are_refused() -> None:
    with pytest.raises(DoesNotFitError, match=r"on 2 GPU\(s\) of 24 GiB.*weights take 76\.9"):
        layouts(FALCON, 2, gpu_memory_gib=24)


def test_a_size_that_vllm_refuses_is_refused() -> None:
    with pytest.raises(DoesNotFitError, match="71 attention heads are not divisible by 2"):
        layouts(shape_of(FALCON_7B), 8, gpu_memory_gib=80, tensor_parallel_size=2)


@pytest.mark.parametrize(("gpus", "per_node"), [(16, 4), (4, 8)])
def test_a_size_that_no_node_has_is_refused(gpus: int, per_node: int) -> None:
    with pytest.raises(DoesNotFitError, match="takes 8 GPUs of one node, which has 4"):
        layouts(FALCON, gpus, gpu_memory_gib=80, gpus_per_node=per_node, tensor_parallel_size=8)


@given(gpus=st.integers(4, 500), per_node=st.integers(1, 16), memory=st.sampled_from([48, 80, 141]))
def test_no_gpu_is_counted_twice(gpus: int, per_node: int, memory: int) -> None:
    for layout in layouts(FALCON, gpus, gpu_memory_gib=memory, gpus_per_node=per_node):
        assert layout.replicas >= 1
        assert 0 <= layout.idle_gpus < gpus
        assert layout.nodes * per_node >= gpus - layout.idle_gpus
