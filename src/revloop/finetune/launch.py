"""Launch one process per GPU with accelerate."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from revloop.errors import InputError
from revloop.finetune.memory import Hardware
from revloop.finetune.settings import read_yaml, shipped_or_own

if TYPE_CHECKING:
    from pathlib import Path

LAUNCH_OPTION = "--accelerate-config"
"""The option of ``revloop finetune`` that names the config; launched processes do not get it."""


def accelerate_config_file(name_or_file: str) -> Path:
    """The file of a shipped accelerate config, or of the user's own.

    Raises:
        InputError: There is none.
    """
    return shipped_or_own(
        name_or_file,
        suffix=".accelerate",
        kind="accelerate config",
        own="a file that `accelerate config` wrote",
    )


def launch_command(config: Path, arguments: list[str]) -> list[str]:
    """The command that launches ``revloop`` with the same arguments, one process per GPU."""
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
    """The hardware of a training that accelerate launches with a config.

    Raises:
        InputError: The file is not an accelerate config.
    """
    content = read_yaml(config)
    if not isinstance(content, dict) or "num_processes" not in content:
        raise InputError(f"{config} is not an accelerate config: it names no num_processes.")
    deepspeed = content.get("deepspeed_config") or {}
    sharded = content.get("distributed_type") == "FSDP" or deepspeed.get("zero_stage") == 3
    return replace(Hardware.here(), processes=int(content["num_processes"]), sharded=sharded)
