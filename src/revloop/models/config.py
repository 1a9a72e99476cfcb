"""Read a model's config.json, from a local folder or from a model hub, without its weights."""

from __future__ import annotations

import json
import logging
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from revloop.errors import ModelConfigError
from revloop.models.shape import CONFIG_KINDS, ModelShape

if TYPE_CHECKING:
    from collections.abc import Iterator

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_SAMPLING_FIELD = re.compile(
    r"temperature|num_beams|guidance_scale|sequence_bias|bad_words_ids|no_repeat_ngram_size"
    r"|(begin_)?suppress_tokens|forced_\w+|stop_strings|min_length|min_new_tokens|penalty_alpha"
    r"|(top|min|typical)_\w|\w+_(penalty|cutoff)"
)
_NEUTRAL = dict.fromkeys(("temperature", "top_p", "repetition_penalty", "num_beams"), 1.0)
_WEIGHT_SUFFIXES = frozenset({".safetensors", ".bin", ".pt", ".pth", ".gguf"})


def local_folder(model: str) -> Path | None:
    """The folder that a model name stands for, or None if it can only be a hub id.

    A name counts as a path if something of that name exists, or if no hub would take it as an id
    (``./critic``, ``/models/critic``, ``a/b/c``).
    """
    # unlike Path's own, it leaves ~ as it is for a user without a home folder
    path = Path(os.path.expanduser(model))  # noqa: PTH111
    return path if path.exists() or not _HUB_ID.fullmatch(model) else None


def read_config(model: str) -> dict[str, Any]:
    """Read the config.json of a model.

    Args:
        model: A local folder, or a hub id such as ``tiiuae/falcon-40b-instruct``.

    Raises:
        ModelConfigError: There is no such model, the folder is not one of a model, or its
            config.json is not a JSON object.
    """
    folder = local_folder(model)
    path = _config_from_hub(model) if folder is None else _config_in_folder(folder)
    try:
        config = json.loads(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise ModelConfigError(f"{path} cannot be read as JSON: {exc}") from exc
    if not isinstance(config, dict):
        raise ModelConfigError(f"{path} does not hold a JSON object, so it describes no model.")
    return config


def read_shape(model: str) -> ModelShape:
    """Read the shape of a model from its config.json alone.

    Args:
        model: A local folder, or a hub id such as ``tiiuae/falcon-40b-instruct``.

    Raises:
        ModelConfigError: The config cannot be read (`read_config`), holds a value that makes no
            sense, or describes an architecture whose parameters revloop cannot count.
    """
    config = read_config(model)
    shape = known_shape(config, model)
    if shape is None:
        raise ModelConfigError(
            f"{model} is a {_architecture(config, model)}, which revloop cannot plan: it counts "
            f"the parameters of {', '.join(CONFIG_KINDS)}. vLLM may serve it all the same."
        )
    return shape


def known_shape(config: dict[str, Any], model: str) -> ModelShape | None:
    """The shape that a config describes, or None if its architecture is not a known one.

    Args:
        config: What `read_config` gave.
        model: The name to use in messages.

    Raises:
        ModelConfigError: It names no architecture, or holds a value that makes no sense.
    """
    architecture = _architecture(config, model)
    kind = CONFIG_KINDS.get(architecture)
    if kind is None:
        return None
    try:
        return kind.model_validate(config).shape(architecture)
    except ValidationError as exc:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}".removeprefix(": ")
            for error in exc.errors()
        )
        raise ModelConfigError(f"The config.json of {model} cannot be used: {problems}") from exc


def check_weights(folder: Path) -> None:
    """Check that a model's folder holds weights of some kind.

    Raises:
        ModelConfigError: It holds none, so that an engine would stop at loading them.
    """
    if not any(path.suffix in _WEIGHT_SUFFIXES for path in folder.iterdir()):
        raise ModelConfigError(
            f"{folder} holds a config.json and no weights: put the *.safetensors files there."
        )


def suggested_sampling(model: str) -> dict[str, Any]:
    """What the authors of a model suggest for sampling, in its generation_config.json.

    Args:
        model: A local folder, or a hub id.

    Returns:
        The fields that would change a text. Empty where the file is missing or cannot be read.
    """
    folder = local_folder(model)
    try:
        name = "generation_config.json"
        path = _from_hub(model, name) if folder is None else folder / name
        config = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(config, dict):
        return {}
    return {
        name: value
        for name, value in config.items()
        if _SAMPLING_FIELD.fullmatch(name) and value and value != _NEUTRAL.get(name)
    }


def what_is_not_followed(model: str) -> str | None:
    """A sentence about the sampling that a model's authors suggest, or None if they suggest none.

    Args:
        model: A local folder, or a hub id.
    """
    suggested = suggested_sampling(model)
    if not suggested:
        return None
    listed = ", ".join(f"{name} {value!r}" for name, value in suggested.items())
    return (
        f"The generation_config.json of {model} suggests {listed}. It is not followed: each "
        "request states its own sampling, and the run's settings record it."
    )


def _architecture(config: dict[str, Any], model: str) -> str:
    match config.get("architectures"):
        case [str(architecture), *_]:
            return architecture
        case _:
            raise ModelConfigError(
                f"The config.json of {model} names no architecture: it needs an entry such as "
                '"architectures": ["FalconForCausalLM"].'
            )


def _config_in_folder(folder: Path) -> Path:
    path = folder / "config.json"
    if path.is_file():
        return path
    if not folder.exists():
        raise ModelConfigError(f"There is no folder {folder}.")
    if not folder.is_dir():
        raise ModelConfigError(f"{folder} is a file. Name the folder that holds config.json.")
    if (folder / "adapter_config.json").is_file():
        raise ModelConfigError(
            f"{folder} holds a LoRA adapter, not a model: merge it into its base model first "
            "(vLLM loads no adapters for Falcon)."
        )
    names = sorted(entry.name for entry in folder.iterdir())
    found = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    raise ModelConfigError(
        f"{folder} is not a model's folder: it has no config.json. It holds: {found or 'nothing'}."
    )


def _from_hub(model: str, name: str) -> Path:
    # a local folder needs no hub client, which takes a moment to import
    from huggingface_hub import hf_hub_download

    with _hub_client_silenced():
        return Path(hf_hub_download(model, name))


def _config_from_hub(model: str) -> Path:
    try:
        return _from_hub(model, "config.json")
    except (OSError, ValueError) as exc:
        reason = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
        raise ModelConfigError(
            f"There is no folder {model}, and the model hub gave no config.json for it: {reason} "
            "Check the name and the connection (a gated model needs HF_TOKEN), or download the "
            "model and name its folder."
        ) from exc


@contextmanager
def _hub_client_silenced() -> Iterator[None]:
    """Keep the hub client's retry warnings off the screen: the error that follows says it all."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
