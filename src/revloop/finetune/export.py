"""Export a checkpoint as a critic to serve: merged adapters, one dtype, safetensors."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from revloop.finetune.training import load_causal, load_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.finetune.base import Base
    from revloop.finetune.run_folder import TrainingFolder
    from revloop.finetune.settings import FinetuneSettings

_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def export(
    checkpoint: Path, folder: TrainingFolder, base: Base, settings: FinetuneSettings
) -> Path:
    """Write the critic of a checkpoint into the run folder's ``model/``, and return that folder.

    Adapters are merged into the base's published weights, also if they were trained on 4-bit
    weights. This happens on the CPU, whose memory must hold the model once: 83 GB for Falcon-40B in
    bf16. The folder appears when it is complete.
    """
    import torch  # heavy and optional

    dtype = torch.bfloat16 if settings.precision == "bf16" else torch.float32
    if settings.uses_adapters:
        _keep_adapter(checkpoint, folder.adapter)
        model = merge(base.model, checkpoint, dtype)
    else:
        model = load_causal(str(checkpoint), dtype=dtype)
    _end_with(model, base.end_id)
    # the trainer switched it off, and generation without it recomputes every token
    model.config.use_cache = True
    unfinished = folder.path / "model.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    model.save_pretrained(unfinished, safe_serialization=True)
    # not the trainer's tokenizer, which has an added padding token
    load_tokenizer(base.model).save_pretrained(unfinished)
    shutil.rmtree(folder.model, ignore_errors=True)
    unfinished.rename(folder.model)
    return folder.model


def merge(base: str, adapter: Path, dtype: Any) -> Any:
    """Merge a LoRA adapter into its base: W + alpha / rank * B A.

    Args:
        base: Folder or hub id of the base.
        adapter: Folder of the adapter.
        dtype: torch type of the merged weights.
    """
    from peft import PeftModel  # heavy and optional

    model = PeftModel.from_pretrained(load_causal(base, dtype=dtype), str(adapter))
    return model.merge_and_unload(safe_merge=True)


def _keep_adapter(checkpoint: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in _ADAPTER_FILES:
        shutil.copyfile(checkpoint / name, folder / name)


def _end_with(model: Any, end_id: int) -> None:
    """Make the engines stop at the end token that the critic was trained with."""
    known = model.generation_config.eos_token_id
    ends = known if isinstance(known, list) else [known]
    if end_id not in ends:
        model.generation_config.eos_token_id = end_id
        model.config.eos_token_id = end_id
