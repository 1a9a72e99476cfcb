"""Read a model's config.json from a local folder or a model hub, without its weights."""

from __future__ import annotations

import json
import logging
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from revloop.errors import ModelConfigError, failure_line
from revloop.models.families import CONFIG_KINDS
from revloop.models.weights import stored_bytes
from revloop.values import explain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.models.shape import ModelShape

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_SAMPLING_FIELD = re.compile(
    r"temperature|num_beams|guidance_scale|sequence_bias|bad_words_ids|no_repeat_ngram_size"
    r"|(begin_)?suppress_tokens|forced_\w+|stop_strings|min_length|min_new_tokens|penalty_alpha"
    r"|(top|min|typical)_\w|\w+_(penalty|cutoff)"
)
_NEUTRAL = dict.fromkeys(("temperature", "top_p", "repetition_penalty", "num_beams"), 1.0)
_WEIGHT_SUFFIXES = frozenset({".safetensors", ".bin", ".pt", ".pth"})
_GGUF = (
    "which revloop neither plans nor serves. Name the original model, from which it was made, or "
    "serve it with llama.cpp and give --base-url."
)


def local_folder(model: str) -> Path | None:
    """The folder that a model name means, or None for a hub id.

    A name is a path if it exists, or if it cannot be a hub id (``./critic``, ``a/b/c``).
    """
    # Path.expanduser raises for a user without a home folder
    path = Path(os.path.expanduser(model))  # noqa: PTH111
    return path if path.exists() or not _HUB_ID.fullmatch(model) else None


def read_config(model: str) -> dict[str, Any]:
    """Read the config.json of a model.

    Args:
        model: A local folder, or a hub id such as ``tiiuae/falcon-40b-instruct``.

    Raises:
        ModelConfigError: There is no such model, or it has no config.json that is a JSON object.
    """
    folder = local_folder(model)
    path = _config_from_hub(model) if folder is None else _config_in_folder(folder)
    try:
        config = json.loads(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise ModelConfigError(f"{path} cannot be read as JSON: {exc}") from exc
    if not isinstance(config, dict):
        raise ModelConfigError(f"{path} does not hold a JSON object, so it is not a model config.")
    return config


def read_shape(model: str) -> ModelShape:
    """Read the shape of a model from its config.json, and the size of its weights, if it has any.

    Args:
        model: A local folder, or a hub id such as ``tiiuae/falcon-40b-instruct``.

    Raises:
        ModelConfigError: The config cannot be read (`read_config`), is invalid, or describes an
            architecture whose parameters revloop cannot count.
    """
    config = read_config(model)
    shape = known_shape(config, model)
    if shape is None:
        raise ModelConfigError(
            f"{model} is a {_architecture(config, model)}, which revloop cannot plan: it counts "
            f"the parameters of {', '.join(CONFIG_KINDS)}. vLLM may still serve it."
        )
    folder = local_folder(model)
    stored = None if folder is None else stored_bytes(folder, shape.layers)
    return shape if stored is None else shape.model_copy(update={"stored_bytes": stored})


def known_shape(config: dict[str, Any], model: str) -> ModelShape | None:
    """The shape that a config describes, or None for an unknown architecture.

    Args:
        config: From `read_config`.
        model: The name to use in messages.

    Raises:
        ModelConfigError: It names no architecture, or holds an invalid value.
    """
    architecture = _architecture(config, model)
    kind = CONFIG_KINDS.get(architecture)
    if kind is None:
        return None
    try:
        return kind.model_validate(config).shape(architecture)
    except ValidationError as exc:
        reason = explain(exc)
    except ValueError as exc:
        reason = f"{exc}."
    raise ModelConfigError(f"The config.json of {model} cannot be used: {reason}")


def check_weights(folder: Path) -> None:
    """Check that a model's folder holds weights.

    Raises:
        ModelConfigError: It holds none, so no engine could load it.
    """
    if not any(path.suffix in _WEIGHT_SUFFIXES for path in folder.iterdir()):
        raise ModelConfigError(
            f"{folder} holds a config.json but no weights: put the *.safetensors files there."
        )


def suggested_sampling(model: str) -> dict[str, Any]:
    """The sampling that a model's generation_config.json suggests.

    Args:
        model: A local folder, or a hub id.

    Returns:
        The fields that would change a text; empty if the file is missing or unreadable.
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


def ignored_sampling(model: str) -> str | None:
    """A warning that a model's suggested sampling is ignored, or None if it suggests none.

    Args:
        model: A local folder, or a hub id.
    """
    suggested = suggested_sampling(model)
    if not suggested:
        return None
    listed = ", ".join(f"{name} {value!r}" for name, value in suggested.items())
    return (
        f"The generation_config.json of {model} suggests {listed}. revloop ignores it: each "
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


def _refuse_gguf(folder: Path) -> None:
    """Refuse a folder whose weights are in GGUF files only.

    Raises:
        ModelConfigError: They are.
    """
    found = sorted(folder.glob("*.gguf"))
    if found and not any(path.suffix in _WEIGHT_SUFFIXES for path in folder.iterdir()):
        raise ModelConfigError(f"{found[0]} is in llama.cpp's GGUF format, {_GGUF}")


def _config_in_folder(folder: Path) -> Path:
    path = folder / "config.json"
    if folder.is_dir():
        _refuse_gguf(folder)
    if path.is_file():
        return path
    if not folder.exists():
        raise ModelConfigError(f"There is no folder {folder}.")
    if folder.suffix == ".gguf":
        raise ModelConfigError(f"{folder} is in llama.cpp's GGUF format, {_GGUF}")
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
        f"{folder} is not a model folder: it has no config.json. It holds: {found or 'nothing'}."
    )


def _from_hub(model: str, name: str) -> Path:
    # slow to import, and not needed for a local folder
    from huggingface_hub import hf_hub_download

    with _hub_client_silenced():
        return Path(hf_hub_download(model, name))


def _config_from_hub(model: str) -> Path:
    try:
        return _from_hub(model, "config.json")
    except (OSError, ValueError) as exc:
        raise ModelConfigError(
            f"There is no folder {model}, and the model hub gave no config.json for it: "
            f"{failure_line(exc)} "
            "Check the name and the connection (a gated model needs HF_TOKEN), or download the "
            "model and name its folder."
        ) from exc


@contextmanager
def _hub_client_silenced() -> Iterator[None]:
    """Hide the hub client's retry warnings: the error that follows is enough."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
