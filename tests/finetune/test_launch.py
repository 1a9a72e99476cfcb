"""Launching with accelerate: config, command and hardware."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from revloop.errors import InputError
from revloop.finetune.launch import accelerate_config_file, launch_command, launched_hardware

if TYPE_CHECKING:
    from pathlib import Path


def test_a_launch_passes_all_other_arguments_on() -> None:
    config = accelerate_config_file("fsdp-8")
    given = "finetune r.jsonl --accelerate-config fsdp-8 --seed 1 --accelerate-config=x --resume"
    command = launch_command(config, given.split())
    assert shlex.join(command) == (
        f"{sys.executable} -m accelerate.commands.launch --config_file {config} -m revloop "
        "finetune r.jsonl --seed 1 --resume"
    )


@pytest.mark.parametrize(
    ("text", "processes", "sharded"),
    [
        ("{distributed_type: FSDP, num_processes: 8}", 8, True),
        ("{distributed_type: MULTI_GPU, num_processes: 2}", 2, False),
        ("{num_processes: 4, deepspeed_config: {zero_stage: 3}}", 4, True),
        ("{num_processes: 4, deepspeed_config: {zero_stage: 2}}", 4, False),
    ],
)
def test_a_config_describes_the_launched_hardware(
    tmp_path: Path, text: str, processes: int, sharded: bool
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    launched = launched_hardware(path)
    assert (launched.processes, launched.sharded) == (processes, sharded)


def test_other_files_are_refused_as_accelerate_config(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("{cpu: true}", encoding="utf-8")
    with pytest.raises(InputError, match="names no num_processes"):
        launched_hardware(path)


def test_accelerate_accepts_the_shipped_config() -> None:
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser

    config = accelerate_config_file("fsdp-8")
    words = launch_command(config, ["finetune", "r.jsonl"])[3:]
    arguments = launch_command_parser().parse_args(words)
    checked, _, _ = _validate_launch_command(arguments)
    assert (checked.use_fsdp, checked.num_processes, checked.mixed_precision) == (True, 8, "bf16")
    assert (checked.fsdp_version, checked.fsdp_state_dict_type) == (2, "FULL_STATE_DICT")
