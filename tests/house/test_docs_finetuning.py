"""docs/finetuning.md, run from top to bottom on a tiny model.

Commands that need eight GPUs and Falcon-40B are first checked by the real parser, then run with the
tiny recipe and the demo's critic instead, on fewer records than the page has.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from revloop.cli.app import app
from revloop.finetune import Hardware, Recipe, with_changes
from revloop.finetune.base import Anatomy
from revloop.finetune.launch import accelerate_config_file
from revloop.finetune.memory import estimate
from tests.helpers.model_configs import FALCON_40B, model_folder
from tests.helpers.repository import REPOSITORY, TINY_CRITIC
from tests.house.test_docs_examples import ADDRESS, ELSEWHERE, examples, is_shown, name_of

if TYPE_CHECKING:
    from pathlib import Path

    import click

PAGE = REPOSITORY / "docs" / "finetuning.md"
EXAMPLES = examples(PAGE)
COMMANDS = [example.words for example in EXAMPLES]
ON_THE_TINY_MODEL = {
    "--recipe falcon-40b-instruct": "--recipe tiny",
    "--base ./falcon-40b-instruct": "--base demo",
    " --accelerate-config fsdp-8": "",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the page downloads: Falcon-40B, without its weights."""
    model_folder(tmp_path, FALCON_40B).rename(tmp_path / "falcon-40b-instruct")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "falcon-40b-instruct" / name).write_bytes((TINY_CRITIC / name).read_bytes())
    return tmp_path


def parse(command: str) -> str:
    """Parse a command with the real parser, without running it.

    Returns:
        The name of the subcommand.
    """
    revloop, name, *arguments = shlex.split(command)
    assert revloop == "revloop"
    group = get_command(app)
    context: click.Context = group.make_context("revloop", [name, *arguments])  # type: ignore[assignment]
    subcommand = group.get_command(context, name)  # type: ignore[attr-defined]
    subcommand.make_context(name, arguments, parent=context)
    return name


def needs_gpus(command: str) -> bool:
    return "falcon-40b-instruct" in command and "--dry-run" not in command


def test_no_other_module_runs_the_page() -> None:
    assert name_of(PAGE) in ELSEWHERE


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("revloop")])
def test_revloop_accepts_every_command(command: str) -> None:
    assert parse(command)


def test_the_hubs_client_accepts_the_download() -> None:
    (command,) = [c for c in COMMANDS if c.startswith("hf ")]
    options = [word for word in shlex.split(command) if word.startswith("--")]
    shown = subprocess.run(
        [sys.executable, "-m", "huggingface_hub.cli.hf", "download", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TERMINAL_WIDTH": "200"},
    ).stdout
    assert all(option in shown for option in options)


def test_the_accelerate_config_of_the_page_exists() -> None:
    named = {
        words[words.index("--accelerate-config") + 1]
        for words in map(shlex.split, COMMANDS)
        if "--accelerate-config" in words
    }
    assert [accelerate_config_file(name).is_file() for name in named] == [True]


def test_the_page_run_on_a_tiny_model_ends_with_a_critic(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for _, command, shown, _ in EXAMPLES:
        if command.startswith(("hf ", "revloop serve", "revloop revise", "cat ")):
            continue  # parsed above; other tests run such commands
        words = command.replace("generate 200", "generate 60")
        if needs_gpus(command):
            for real, tiny in ON_THE_TINY_MODEL.items():
                words = words.replace(real, tiny)
            words += " --epochs 1"
        # in this process: importing torch and TRL takes longer than everything else
        done = CliRunner().invoke(app, shlex.split(words)[1:], catch_exceptions=False)
        assert done.exit_code == 0, f"{command}\n{done.output}"
        assert done.stdout
        if shown and not needs_gpus(command):
            wanted = shown.replace("200", "60")
            assert is_shown(wanted, done.output), f"{command}\n{done.output}"
    for run in ("tiny-run", "edits-run", "critic-run"):
        assert (folder / run / "model" / "model.safetensors").is_file()
    served = [c for c in COMMANDS if c.startswith("revloop serve")]
    assert all(shlex.split(c)[2] == "critic-run/model" for c in served)
    assert any(ADDRESS in c for c in COMMANDS)


def test_the_table_shows_the_estimated_memory(folder: Path) -> None:
    from transformers import AutoConfig

    anatomy = Anatomy.of_config(AutoConfig.from_pretrained(folder / "falcon-40b-instruct"))
    settings = Recipe.load("falcon-40b-instruct").settings

    def gib(method: str, gpus: int, at_once: int) -> str:
        chosen = with_changes(settings, method=method, micro_batch_size=at_once)
        hardware = Hardware(processes=gpus, sharded=gpus > 1, is_gpu=True)
        return f"{estimate(anatomy, chosen, 2048, hardware).total_gib:.0f} GiB"

    rows = [
        line for line in PAGE.read_text("utf-8").splitlines() if line.endswith((" GiB |", "80 |"))
    ]
    wanted = [gib("lora", 8, 2), gib("lora", 4, 2), gib("qlora", 1, 1), gib("full", 8, 2)]
    assert len(rows) == len(wanted)
    assert all(figure in row for figure, row in zip(wanted, rows, strict=True))
