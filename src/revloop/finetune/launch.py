"""Launching one process a GPU with accelerate."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from revloop.errors import InputError
from revloop.finetune.memory import Hardware
from revloop.finetune.settings import RECIPES, read_yaml

LAUNCH_OPTION = "--accelerate-config"
"""The option of ``revloop finetune`` that names the config; a launched process does not get it."""


def accelerate_config_file(name_or_file: str) -> Path:
    """The file of an accelerate config that comes with revloop, or of the user's own.

    Raises:
        InputError: There is none.
    """
    shipped = RECIPES / f"{name_or_file}.accelerate"
    for path in (shipped, Path(name_or_file)):
        if path.is_file():
            return path
    names = ", ".join(sorted(path.stem for path in RECIPES.glob("*.accelerate")))
    raise InputError(
        f"There is no accelerate config {name_or_file}. Name one that comes with revloop "
        f"({names}), or a file that `accelerate config` wrote."
    )


def launch_command(config: Path, arguments: list[str]) -> list[str]:
    """The command that launches ``revloop`` with the same arguments, one process a GPU."""
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == LAUNCH_OPTION:
            next(words, None)
        elif not word.startswith(f"{LAUNCH_OPTION}="):
            kept.append(word)
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)]
    return [*launcher, "-m", "revloop", *kept]


def launched_hardware(config: Path) -> Hardware:
    """What a training runs on that accelerate launches with a config.

    Raises:
        InputError: The file is not one of ``accelerate config``.
    """
    content = read_yaml(config)
    if not isinstance(content, dict) or "num_processes" not in content:
        raise InputError(f"{config} is no accelerate config: it names no num_processes.")
    deepspeed = content.get("deepspeed_config") or {}
    sharded = content.get("distributed_type") == "FSDP" or deepspeed.get("zero_stage") == 3
    return replace(Hardware.here(), processes=int(content["num_processes"]), sharded=sharded)
