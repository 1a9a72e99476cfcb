"""The memory of a training, checked by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from revloop.errors import TooLittleMemoryError
from revloop.finetune import FinetuneSettings, Hardware
from revloop.finetune.base import Anatomy, Linear
from revloop.finetune.memory import CPU_RESERVE_GIB, GPU_RESERVE_GIB, estimate

GIB = 2**30
ANATOMY = Anatomy(
    parameters=10 * GIB,
    layers=10,
    layer_parameters=GIB,
    hidden_size=1024,
    vocabulary_size=1024,
    linears={"dense": Linear(1024, 1024, 8 * 1024)},
)
"""Round figures: 10 Gi parameters, 8 Gi of them in linear layers."""

FULL = FinetuneSettings(method="full", precision="fp32")
BF16 = FinetuneSettings(method="full", precision="bf16")
GPU = Hardware(is_gpu=True)
EIGHT = Hardware(processes=8, sharded=True, is_gpu=True)


def test_full_training_takes_sixteen_bytes_a_parameter() -> None:
    sized = estimate(ANATOMY, FULL, 128, GPU)
    assert (
        sized.parts_gib["weights"],
        sized.parts_gib["gradients"],
        sized.parts_gib["optimizer"],
    ) == (40, 40, 80)
    assert sized.trained_parameters == ANATOMY.parameters


def test_autocast_keeps_copies_in_bf16() -> None:
    assert estimate(ANATOMY, FULL, 128, GPU).parts_gib["gathered layers"] == 0
    assert estimate(ANATOMY, BF16, 128, GPU).parts_gib["gathered layers"] == 20


def test_sharding_divides_weights_gradients_and_optimizer() -> None:
    sized = estimate(ANATOMY, BF16, 128, EIGHT)
    assert (
        sized.parts_gib["weights"],
        sized.parts_gib["gradients"],
        sized.parts_gib["optimizer"],
    ) == (5, 5, 10)
    embedding_gib = 2 * 1024 * 1024 / GIB
    # two layers of 2 GiB in bf16, the embedding, and one layer's gradient in fp32
    assert sized.parts_gib["gathered layers"] == pytest.approx(4 + embedding_gib + 4)


def test_processes_without_sharding_each_hold_everything() -> None:
    whole = Hardware(processes=8, is_gpu=True)
    assert estimate(ANATOMY, BF16, 128, whole).parts_gib["weights"] == 40


def test_adapters_need_no_gradients_for_the_base() -> None:
    settings = FinetuneSettings(method="lora", precision="bf16")
    sized = estimate(ANATOMY, settings, 128, GPU)
    adapters = 64 * 2048 * 8 * 1024
    assert sized.trained_parameters == adapters
    assert sized.parts_gib["weights"] == 20 + 4 * adapters / GIB
    assert sized.parts_gib["gradients"] == 4 * adapters / GIB


def test_qlora_holds_linear_layers_in_four_bits_on_each_gpu() -> None:
    settings = FinetuneSettings(method="qlora")
    adapters_gib = 4 * 64 * 2048 * 8 * 1024 / GIB
    alone = estimate(ANATOMY, settings, 128, GPU).parts_gib["weights"]
    assert alone == pytest.approx(8 * 4.127 / 8 + 2 * 2 + adapters_gib)
    shared = estimate(ANATOMY, settings, 128, EIGHT).parts_gib["weights"]
    assert shared == pytest.approx(8 * 4.127 / 8 + 2 * 2 + adapters_gib / 8)


def test_checkpointing_keeps_one_layer_instead_of_all() -> None:
    kept = FinetuneSettings(
        method="lora", precision="bf16", gradient_checkpointing=False, micro_batch_size=8
    )
    checkpointed = kept.model_copy(update={"gradient_checkpointing": True})
    numbers = 8 * 1024 * 1024
    logits = 2 * 4 * 1024 * 1024
    assert (
        estimate(ANATOMY, kept, 1024, GPU).parts_gib["activations"] * GIB
        == 10 * 34 * numbers + logits
    )
    assert estimate(ANATOMY, checkpointed, 1024, GPU).parts_gib["activations"] * GIB == (
        10 * 2 * numbers + 34 * numbers + logits
    )


def test_on_a_cpu_a_layer_takes_what_goes_in_and_out_of_its_linear_layers() -> None:
    kept = FinetuneSettings(
        method="full", precision="bf16", gradient_checkpointing=False, micro_batch_size=2
    )
    tokens, width = 2 * 512, 1024
    in_and_out = 2 * (1024 + 1024) * 8 * 1024  # bf16, over all ten layers
    layers = tokens * (in_and_out + 10 * 20 * width)
    logits = tokens * 1024 * (7 * 4 + 2) + 4 * 1024 * width
    sized = estimate(ANATOMY, kept, 512, Hardware())
    assert sized.parts_gib["activations"] * GIB == 1.25 * (layers + logits)


def test_on_a_cpu_adapters_keep_the_inputs_of_their_layers_in_fp32() -> None:
    kept = FinetuneSettings(method="lora", precision="bf16", gradient_checkpointing=True)
    tokens, width = 512, 1024
    one_layer = (2 * (1024 + 1024) + 4 * 1024) * 8 * 1024 / 10 + 20 * width
    logits = tokens * 1024 * (7 * 4 + 2)
    sized = estimate(ANATOMY, kept, 512, Hardware())
    expected = 1.25 * (10 * 2 * tokens * width + tokens * one_layer + logits)
    assert sized.parts_gib["activations"] * GIB == pytest.approx(expected)


def test_on_a_cpu_logits_stop_growing_with_the_tile() -> None:
    large = replace(ANATOMY, vocabulary_size=250_000)
    settings = FinetuneSettings(method="lora", precision="fp32", micro_batch_size=16)
    sized = [estimate(large, settings, tokens, Hardware()) for tokens in (256, 512)]
    more = sized[1].parts_gib["activations"] - sized[0].parts_gib["activations"]
    per_token = 10 * 4 * 1024 + (4 * 2048 + 4 * 1024) * 8 * 1024 / 10 + 20 * 1024
    assert more * GIB == pytest.approx(1.25 * 16 * 256 * per_token)


def test_the_reserve_differs_on_a_cpu() -> None:
    assert estimate(ANATOMY, FULL, 128, GPU).parts_gib["reserve"] == GPU_RESERVE_GIB
    assert estimate(ANATOMY, FULL, 128, Hardware()).parts_gib["reserve"] == CPU_RESERVE_GIB


def test_the_parts_add_up_to_the_total() -> None:
    sized = estimate(ANATOMY, BF16, 128, EIGHT)
    assert sized.total_gib == sum(sized.parts_gib.values())


def test_unknown_memory_is_not_checked() -> None:
    estimate(ANATOMY, FULL, 128, GPU).check()


def test_too_little_memory_is_refused_with_the_estimate_and_ways_out() -> None:
    small = Hardware(memory_gib=100, is_gpu=True)
    sized = estimate(ANATOMY, FULL, 128, small)
    assert not sized.fits
    with pytest.raises(TooLittleMemoryError, match=r"162\.\d GiB on each GPU, and 100\.0 GiB") as e:
        sized.check()
    assert "weights 40.0, gradients 40.0, optimizer 80.0" in str(e.value)
    assert "--method lora" in str(e.value)


@pytest.mark.parametrize(
    ("variables", "processes", "sharded"),
    [
        ({}, 1, False),
        ({"WORLD_SIZE": "8"}, 8, False),
        ({"WORLD_SIZE": "8", "ACCELERATE_USE_FSDP": "true"}, 8, True),
        ({"WORLD_SIZE": "2", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"}, 2, True),
        ({"WORLD_SIZE": "2", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "2"}, 2, False),
    ],
)
def test_accelerates_variables_describe_the_hardware(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], processes: int, sharded: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    here = Hardware.here()
    assert (here.processes, here.sharded) == (processes, sharded)
    assert here.memory_gib is None or here.memory_gib > 0
