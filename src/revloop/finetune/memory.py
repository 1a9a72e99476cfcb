"""Estimate the memory of a training on each GPU before anything is loaded.

Sources: ZeRO counts 16 bytes a parameter for AdamW with fp32 masters (arXiv 1910.02054, section
3.1); the activations of a layer are those of Korthikanti et al. (arXiv 2205.05198, equation 2)
without the attention matrix, which neither SDPA nor FlashAttention keeps; 4-bit NormalFloat with
double quantisation takes 4.127 bits a weight (QLoRA, arXiv 2305.14314, section 3). None of this was
measured on a 40B. For a CPU, activations and logits are fitted to the measurements in
docs/finetuning.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from revloop.errors import TooLittleMemoryError
from revloop.models.cpu import computes_bf16
from revloop.models.memory import available_memory_gib

if TYPE_CHECKING:
    from revloop.finetune.base import Anatomy
    from revloop.finetune.settings import FinetuneSettings

GPU_RESERVE_GIB = 2.0
"""Assumed, not measured: CUDA context, NCCL buffers, and fragmentation."""

CPU_RESERVE_GIB = 1.0
"""Fitted; the libraries and data of one CPU process take 0.6 of it."""

_ACTIVATION_BYTES = 34
_NF4_BYTES = 4.127 / 8
_FP32, _BF16 = 4, 2
_ADAMW_STATES = 2
_GATHERED_LAYERS = 2
_GIB = 2**30
_LOGIT_CHUNK_TOKENS = 1024
_CPU_TILE_TOKENS, _CPU_TILE_WORDS = 4096, 32768
_CPU_TILE_COPIES = 7
_CPU_LAYER_BYTES = 20
_CPU_ALLOCATOR = 1.25
_ON = {"1", "true", "yes"}


@dataclass(frozen=True, slots=True)
class Hardware:
    """The hardware of a training.

    Attributes:
        processes: Training processes over all machines, one for each GPU; 1 on a CPU.
        memory_gib: Free memory of one GPU, or of the machine on a CPU; None if unknown.
        sharded: Whether weights, gradients and optimizer are sharded over the processes (FSDP,
            DeepSpeed ZeRO 3).
        is_gpu: Whether the processes have GPUs.
        computes_bf16: Whether the hardware computes in bf16 rather than emulating it.
    """

    processes: int = 1
    memory_gib: float | None = None
    sharded: bool = False
    is_gpu: bool = False
    computes_bf16: bool = True

    @classmethod
    def here(cls) -> Self:
        """The hardware of this process, from the variables that accelerate sets."""
        import torch  # heavy and optional

        is_gpu = torch.cuda.is_available()
        free = torch.cuda.mem_get_info()[0] / _GIB if is_gpu else available_memory_gib()
        environment = os.environ
        zero_3 = environment.get("ACCELERATE_DEEPSPEED_ZERO_STAGE") == "3"
        fsdp = environment.get("ACCELERATE_USE_FSDP", "").lower() in _ON
        return cls(
            processes=int(environment.get("WORLD_SIZE", "1")),
            memory_gib=free,
            sharded=fsdp or zero_3,
            is_gpu=is_gpu,
            computes_bf16=torch.cuda.is_bf16_supported(including_emulation=False)
            if is_gpu
            else computes_bf16(),
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """The memory that a training takes on each GPU, in GiB.

    Attributes:
        parts_gib: Weights (with adapters), gradients, optimizer, gathered layers (bf16 copies of
            fp32 weights if it is not sharded), activations, and a reserve for everything else.
        trained_parameters: Number of trained parameters.
        hardware: The hardware.
    """

    parts_gib: dict[str, float]
    trained_parameters: int
    hardware: Hardware

    @property
    def total_gib(self) -> float:
        """The sum of all parts."""
        return sum(self.parts_gib.values())

    @property
    def fits(self) -> bool:
        """Whether it fits; True if the memory is unknown."""
        memory = self.hardware.memory_gib
        return memory is None or self.total_gib <= memory

    def check(self) -> None:
        """Refuse a training that does not fit.

        Raises:
            TooLittleMemoryError: It does not; the message has the estimate and ways to save memory.
        """
        if self.fits:
            return
        parts = ", ".join(f"{name} {gib:.1f}" for name, gib in self.parts_gib.items())
        where = "each GPU" if self.hardware.is_gpu else "this machine"
        raise TooLittleMemoryError(
            f"The training would take {self.total_gib:.1f} GiB on {where}, and "
            f"{self.hardware.memory_gib:.1f} GiB are free ({parts}). Adapters (--method lora) "
            "need no gradients for the base, FSDP (--accelerate-config fsdp-8) shards the model "
            "over GPUs, and a smaller --micro-batch-size or --max-tokens saves activations."
        )


def estimate(
    anatomy: Anatomy, settings: FinetuneSettings, tokens: int, hardware: Hardware
) -> Estimate:
    """Estimate the memory that one GPU needs.

    For N parameters, of which A are trained, on S shards (1 if not sharded), and c bytes per number
    in the computation (2 in bf16, 4 in fp32):

    * weights: 4 N / S for full training, whose masters are fp32; c N / S + 4 A / S with adapters;
      with QLoRA 0.516 bytes for each weight of a linear layer and 2 for the rest, on each GPU.
    * gradients 4 A / S, AdamW 8 A / S.
    * gathered: sharded, two layers and the embedding at c bytes (one computes while the next
      arrives) and one layer's gradient; otherwise autocast's bf16 copies, 2 N, for full training.
    * activations, for m sequences of T tokens and width h: each layer's input, c m T h, and one
      full layer, 17 c m T h; without gradient checkpointing, all layers in full. Logits come in
      chunks of 1,024 tokens, in fp32, twice: TRL's fused output layer does not keep them.
    * on a CPU, a full layer is the inputs and outputs of its linear layers at c bytes, and 20 bytes
      of m T h (with adapters, also their fp32 inputs); TRL's output layer falls back to tiles of
      4,096 tokens by 32,768 vocabulary entries, with 7 fp32 copies and one at c bytes alive, plus
      the fp32 gradient of the layer if all weights are trained. The allocator keeps a quarter more.

    Args:
        anatomy: The base.
        settings: The training.
        tokens: Length of the longest example.
        hardware: The hardware.
    """
    computed = _BF16 if settings.precision == "bf16" else _FP32
    shards = hardware.processes if hardware.sharded else 1
    trained = _trained(anatomy, settings)
    # accelerate does not shard quantised weights
    weights = _weight_bytes(anatomy, settings, computed) / (
        1 if settings.method == "qlora" else shards
    )
    if settings.uses_adapters:
        weights += _FP32 * trained / shards
    batch_tokens = settings.micro_batch_size * tokens
    activation_bytes = _activation_bytes if hardware.is_gpu else _activation_bytes_on_cpu
    parts = {
        "weights": weights / _GIB,
        "gradients": _FP32 * trained / shards / _GIB,
        "optimizer": _ADAMW_STATES * _FP32 * trained / shards / _GIB,
        "gathered layers": _gathered_bytes(anatomy, settings, computed, shards) / _GIB,
        "activations": activation_bytes(anatomy, settings, computed, batch_tokens) / _GIB,
        "reserve": GPU_RESERVE_GIB if hardware.is_gpu else CPU_RESERVE_GIB,
    }
    return Estimate(parts, trained, hardware)


def _trained(anatomy: Anatomy, settings: FinetuneSettings) -> int:
    if not settings.uses_adapters:
        return anatomy.parameters
    return anatomy.adapter_parameters(settings.lora.rank, settings.lora.target_modules)


def _weight_bytes(anatomy: Anatomy, settings: FinetuneSettings, computed: int) -> float:
    if settings.method == "full":
        return _FP32 * anatomy.parameters
    if settings.method == "lora":
        return computed * anatomy.parameters
    others = anatomy.parameters - anatomy.linear_parameters
    return _NF4_BYTES * anatomy.linear_parameters + _BF16 * others


def _gathered_bytes(
    anatomy: Anatomy, settings: FinetuneSettings, computed: int, shards: int
) -> float:
    layer, embedding = anatomy.layer_parameters, anatomy.vocabulary_size * anatomy.hidden_size
    if settings.method == "qlora":
        return 0  # not sharded; one matrix at a time is dequantised
    if shards > 1:
        gradient = _FP32 * layer if settings.method == "full" else 0
        return computed * (_GATHERED_LAYERS * layer + embedding) + gradient
    if settings.method == "full" and settings.precision == "bf16":
        return _BF16 * anatomy.parameters
    return 0


def _activation_bytes(
    anatomy: Anatomy, settings: FinetuneSettings, computed: int, batch_tokens: int
) -> float:
    numbers = batch_tokens * anatomy.hidden_size
    full_layer = _ACTIVATION_BYTES / _BF16 * computed * numbers
    logits = 2 * _FP32 * min(batch_tokens, _LOGIT_CHUNK_TOKENS) * anatomy.vocabulary_size
    if settings.gradient_checkpointing:
        return anatomy.layers * computed * numbers + full_layer + logits
    return anatomy.layers * full_layer + logits


def _activation_bytes_on_cpu(
    anatomy: Anatomy, settings: FinetuneSettings, computed: int, batch_tokens: int
) -> float:
    width, vocabulary = anatomy.hidden_size, anatomy.vocabulary_size
    linears = anatomy.linears.values()
    layer = computed * sum((each.inputs + each.outputs) * each.count for each in linears)
    if settings.uses_adapters:
        targets = settings.lora.target_modules or tuple(anatomy.linears)
        chosen = [anatomy.linears[name] for name in targets]
        layer += _FP32 * sum(each.inputs * each.count for each in chosen)
    full_layer = batch_tokens * (layer / anatomy.layers + _CPU_LAYER_BYTES * width)
    kept = anatomy.layers * full_layer
    if settings.gradient_checkpointing:
        kept = anatomy.layers * computed * batch_tokens * width + full_layer
    tile = min(batch_tokens, _CPU_TILE_TOKENS) * min(vocabulary, _CPU_TILE_WORDS)
    logits = tile * (_CPU_TILE_COPIES * _FP32 + computed)
    if not settings.uses_adapters:
        logits += _FP32 * vocabulary * width
    return _CPU_ALLOCATOR * (kept + logits)
