"""From a checkpoint to a critic that can be served: adapters merged, one dtype, safetensors."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from revloop.finetune.training import load_causal

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.finetune.base import Base
    from revloop.finetune.run_folder import TrainingFolder
    from revloop.finetune.settings import FinetuneSettings

_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def export(
    checkpoint: Path, folder: TrainingFolder, base: Base, settings: FinetuneSettings
) -> Path:
    """Write the critic of a checkpoint into the run folder's ``model/``.

    Adapters are added to the base's weights as they were published, also where they were trained
    beside weights in 4 bits. It is done on the CPU, so the whole model must fit into its memory
    once: 83 GB for Falcon-40B in bf16. The folder appears when it is whole.

    Returns:
        The folder.
    """
    import torch  # heavy and optional

    dtype = torch.bfloat16 if settings.precision == "bf16" else torch.float32
    if settings.uses_adapters:
        _keep_adapter(checkpoint, folder.adapter)
        model = merge(base.model, checkpoint, dtype)
    else:
        model = load_causal(str(checkpoint), dtype=dtype)
    _end_with(model, base.end_id)
    # the trainer switched it off in the checkpoint: generating would read everything again
    model.config.use_cache = True
    unfinished = folder.path / "model.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    model.save_pretrained(unfinished, safe_serialization=True)
    _copy_tokenizer(base.model, unfinished)
    shutil.rmtree(folder.model, ignore_errors=True)
    unfinished.rename(folder.model)
    return folder.model


def merge(base: str, adapter: Path, dtype: Any) -> Any:
    """A base with a LoRA adapter in its weights: W + alpha / rank * B A.

    Args:
        base: Folder or hub id of the base.
        adapter: Folder of the adapter.
        dtype: torch's type of the weights that come out.
    """
    from peft import PeftModel  # heavy and optional

    model = PeftModel.from_pretrained(load_causal(base, dtype=dtype), str(adapter))
    return model.merge_and_unload(safe_merge=True)


def _keep_adapter(checkpoint: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in _ADAPTER_FILES:
        shutil.copyfile(checkpoint / name, folder / name)


def _end_with(model: Any, end_id: int) -> None:
    """Make the engines stop at the token that the critic was trained to stop with."""
    known = model.generation_config.eos_token_id
    ends = known if isinstance(known, list) else [known]
    if end_id not in ends:
        model.generation_config.eos_token_id = end_id
        model.config.eos_token_id = end_id


def _copy_tokenizer(base: str, folder: Path) -> None:
    from transformers import AutoTokenizer  # heavy and optional

    # from the base anew: the trainer gave its own copy a padding token
    AutoTokenizer.from_pretrained(base, trust_remote_code=False).save_pretrained(folder)
