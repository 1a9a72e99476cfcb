"""What the ``quantization_config`` of a config.json means, by method."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from revloop.models.quantization import Quantization, Scheme

_MXFP4 = Scheme(bits=4, block_inputs=32, scale_bytes=1, is_split_at_blocks=False, pads_experts=True)


class _Weights(BaseModel):
    """compressed-tensors: how one group of modules is stored."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    num_bits: PositiveInt = 8
    type: str = "int"
    strategy: str | None = None
    group_size: int | None = None
    symmetric: bool = True
    block_structure: list[PositiveInt] | None = Field(None, min_length=2, max_length=2)
    actorder: bool | str | None = None


class _ConfigGroup(BaseModel):
    """compressed-tensors: some modules, their weights and their activations."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    targets: list[str] = Field(default_factory=lambda: ["Linear"])
    weights: _Weights | None = None
    input_activations: dict[str, Any] | None = None


class QuantizationFields(BaseModel):
    """The ``quantization_config`` of a config.json, of any method."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    quant_method: str = "unnamed method"
    bits: PositiveInt = 4
    group_size: int = 128
    zero_point: bool = True
    lm_head: bool | None = False
    dynamic: dict[str, Any] | None = None
    modules_to_not_convert: list[str] | None = None
    ignored_layers: list[str] | None = None
    ignore: list[str] | None = None
    weight_block_size: list[PositiveInt] | None = Field(None, min_length=2, max_length=2)
    config_groups: dict[str, _ConfigGroup] | None = None
    format: str | None = None
    load_in_8bit: bool = False
    llm_int8_skip_modules: list[str] | None = None
    quant_algo: str | None = None
    kv_cache_quant_algo: str | None = None
    kv_cache_scheme: dict[str, Any] | None = None
    bnb_4bit_use_double_quant: bool = False

    def quantization(self) -> Quantization:
        """What it means."""
        match self.quant_method:
            case "awq":
                zero_bits = self.bits if self.zero_point else 0
                found = self._of(_grouped(self.bits, self.group_size, zero_bits))
            case "gptq":
                found = self._gptq()
            case "fp8" | "fbgemm_fp8":
                found = self._of(self._fp8(), computes_in_fp8=True)
            case "compressed-tensors":
                found = self._compressed_tensors()
            case "bitsandbytes":
                found = self._of(self._bitsandbytes())
            case "mxfp4":
                found = self._of(_MXFP4, only=("experts",))
            case "modelopt":
                found = self._modelopt()
            case _:
                found = self._of(None)
        return found

    def _of(self, scheme: Scheme | None, **more: Any) -> Quantization:
        lists = (
            *(self.modules_to_not_convert, self.ignored_layers, self.ignore),
            self.llm_int8_skip_modules,
        )
        skipped = [pattern for patterns in lists for pattern in patterns or ()]
        return Quantization(
            method=self.quant_method,
            scheme=scheme,
            caches_in_fp8=self._caches_in_fp8,
            **{"skipped": tuple(skipped), "output_layer": bool(self.lm_head), **more},
        )

    def _gptq(self) -> Quantization:
        """GPTQ: ``dynamic`` leaves modules out (``-:``) or gives them other bits (``+:``)."""
        dynamic = self.dynamic or {}
        if any(not pattern.startswith("-:") for pattern in dynamic):
            return self._of(None)
        scheme = _grouped(self.bits, self.group_size, self.bits)
        skipped = tuple(f"re:{pattern.removeprefix('-:')}" for pattern in dynamic)
        # the index of each input's group
        indexed = scheme.model_copy(update={"index_bytes": 4})
        return self._of(indexed, skipped=(*skipped, *(self.modules_to_not_convert or ())))

    def _fp8(self) -> Scheme:
        if self.weight_block_size is not None:
            outputs, inputs = self.weight_block_size
            return Scheme(bits=8, block_outputs=outputs, block_inputs=inputs, scale_bytes=4)
        if self.quant_method == "fbgemm_fp8":
            return Scheme(bits=8, scale_bytes=4)
        return Scheme(bits=8, block_outputs=None, scale_bytes=8)

    def _bitsandbytes(self) -> Scheme:
        if self.load_in_8bit:
            return Scheme(bits=8, scale_bytes=4)
        # a scale for 64 weights: 4 bytes, or one byte and 4 more for every 256 scales
        scale_bytes = 1 + 4 / 256 if self.bnb_4bit_use_double_quant else 4
        return Scheme(bits=4, block_inputs=64, scale_bytes=scale_bytes, is_split_at_blocks=False)

    @property
    def _caches_in_fp8(self) -> bool:
        """As ``get_kv_cache_quant_algo_string`` and ``Attention`` in vLLM read it."""
        scheme = self.kv_cache_scheme or {}
        return (self.kv_cache_quant_algo or "").upper() == "FP8" or (
            self.quant_method in ("compressed-tensors", "modelopt")
            and (scheme.get("type"), scheme.get("num_bits")) == ("float", 8)
        )

    def _modelopt(self) -> Quantization:
        """NVIDIA's tool: of its many algorithms, the two of its published models."""
        match self.quant_algo:
            case "FP8":
                scheme = Scheme(bits=8, block_outputs=None, scale_bytes=8)
                return self._of(scheme, computes_in_fp8=True)
            case "NVFP4":
                return self._of(Scheme(bits=4, block_inputs=16, scale_bytes=1))
            case _:
                return self._of(None)

    def _compressed_tensors(self) -> Quantization:
        groups = list((self.config_groups or {}).values())
        if len(groups) != 1 or groups[0].weights is None or self.format == "sparse-24":
            return self._of(None)
        targets = groups[0].targets
        return self._of(
            _compressed(groups[0].weights),
            only=() if "Linear" in targets else tuple(targets),
            computes_in_fp8=groups[0].weights.type == "float"
            and groups[0].weights.num_bits == 8
            and groups[0].input_activations is not None,
        )


def _compressed(weights: _Weights) -> Scheme:
    is_float4 = weights.type == "float" and weights.num_bits == 4
    zero_bytes = 0 if weights.symmetric else weights.num_bits / 8
    match weights.strategy:
        case "group" | "tensor_group":
            return Scheme(
                bits=weights.num_bits,
                block_inputs=_group(weights.group_size),
                scale_bytes=1 if is_float4 else 2 + zero_bytes,
                index_bytes=4 if weights.actorder == "group" else 0,
            )
        case "block" if weights.block_structure is not None:
            outputs, inputs = weights.block_structure
            return Scheme(
                bits=weights.num_bits, block_outputs=outputs, block_inputs=inputs, scale_bytes=2
            )
        case "channel":
            return Scheme(bits=weights.num_bits, scale_bytes=2 + zero_bytes)
        case _:
            return Scheme(bits=weights.num_bits, block_outputs=None, scale_bytes=4)


def _grouped(bits: int, group_size: int, zero_bits: int) -> Scheme:
    return Scheme(bits=bits, block_inputs=_group(group_size), scale_bytes=2 + zero_bits / 8)


def _group(group_size: int | None) -> int | None:
    """The size of a group; -1 means that a channel is one."""
    return group_size if group_size is not None and group_size > 0 else None
