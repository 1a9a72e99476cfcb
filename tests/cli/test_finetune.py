"""`revloop finetune` as a person types it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from revloop.cli.app import app
from revloop.errors import InputError, TooLittleMemoryError
from tests.helpers.command_line import revloop
from tests.helpers.model_configs import FALCON_40B, model_folder
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.tiny_falcon import feedback, make_base, write_records

if TYPE_CHECKING:
    from pathlib import Path

RUN = "finetune records.jsonl --recipe tiny --base base --output run"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with records and a base."""
    make_base(tmp_path / "base")
    write_records(tmp_path / "records.jsonl")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def falcon_40b(tmp_path: Path) -> Path:
    """Falcon-40B's real config, with a tokenizer and no weights."""
    folder = model_folder(tmp_path, FALCON_40B)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((TINY_CRITIC / name).read_bytes())
    return folder


async def test_records_become_a_critic(folder: Path) -> None:
    done = await revloop(*RUN.split(), "--epochs", "1", "--batch-size", "8", folder=folder)
    assert done.code == 0, done.err
    assert done.out == "run/model\n"
    assert "validation loss" in done.err
    assert "Curves: run/curves.png" in done.err
    assert "Traceback" not in done.err
    assert json.loads((folder / "run" / "model" / "config.json").read_text())["model_type"]


async def test_progress_can_be_json_and_an_option_overrides_the_recipe(folder: Path) -> None:
    options = ("--epochs", "1", "--lora-rank", "2", "--method", "lora", "--log-json")
    done = await revloop(*RUN.split(), *options, folder=folder)
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    assert lines[-1]["curves"] == "run/curves.png"
    assert lines[-1]["validation_loss"] == min(line.get("validation_loss") or 99 for line in lines)
    run = json.loads((folder / "run" / "run.json").read_text())
    settings = run["identity"]["settings"]
    assert (settings["epochs"], settings["lora"]["rank"]) == (1.0, 2)


async def test_a_folder_that_is_not_empty_ends_without_a_traceback(folder: Path) -> None:
    (folder / "run").mkdir()
    (folder / "run" / "thesis.txt").touch()
    done = await revloop(*RUN.split(), folder=folder)
    assert (done.code, done.out) == (InputError.exit_code, "")
    assert done.err.startswith("Error: run is not empty, and nothing in it will be overwritten.")


def test_the_recipe_is_planned_for_eight_gpus(folder: Path, falcon_40b: Path) -> None:
    command = (
        f"finetune records.jsonl --recipe falcon-40b-instruct --base {falcon_40b} --dry-run "
        "--gpus 8 --gpu-memory-gib 80"
    )
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 0, done.output
    assert "41,303,293,952 parameters" in done.stdout
    assert "8, sharded" in done.stdout
    assert not (folder / "run").exists()


def test_a_plan_that_does_not_fit_says_so(folder: Path, falcon_40b: Path) -> None:
    command = (
        f"finetune records.jsonl --recipe falcon-40b-instruct --base {falcon_40b} --dry-run "
        "--method full --gpus 8 --gpu-memory-gib 80"
    )
    done = CliRunner().invoke(app, command.split())
    assert isinstance(done.exception, TooLittleMemoryError)


def test_a_plan_for_this_machine_needs_no_numbers(folder: Path) -> None:
    write_records(folder / "records.jsonl", [feedback("Ali"), feedback("Zoe"), {"prompt": "p"}])
    done = CliRunner().invoke(app, [*RUN.split(), "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "1 left out: line 3: " in done.stdout
    assert "Warning" not in done.stdout
    done = CliRunner().invoke(app, [*RUN.split(), "--validation", "records.jsonl", "--dry-run"])
    assert "2 validation records have prompts of training records" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ("--output run", "Name the model to start from"),
        ("--base base", "Name a folder for the run"),
        ("--base base --output run --gpus 2", "go with --dry-run"),
        ("--base base --output run --learning-rate 0", "An option cannot be used: --learning-rate"),
        ("--base base --output run --recipe nothing", "no recipe nothing"),
        ("--base base --output run --accelerate-config nothing", "no accelerate config nothing"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    folder: Path, arguments: str, match: str
) -> None:
    done = CliRunner().invoke(app, ["finetune", "records.jsonl", *arguments.split()])
    assert isinstance(done.exception, InputError)
    assert match in str(done.exception)


def test_a_launch_happens_once_everything_was_checked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda _, command: launched.append(command))
    monkeypatch.setattr("sys.argv", ["revloop", *RUN.split(), "--accelerate-config", "pair.yaml"])
    (folder / "pair.yaml").write_text("{num_processes: 3}", encoding="utf-8")
    refused = CliRunner().invoke(app, sys.argv[1:])
    assert "cannot be divided among 3 process(es)" in str(refused.exception)
    assert launched == []
    (folder / "pair.yaml").write_text("{num_processes: 1}", encoding="utf-8")
    CliRunner().invoke(app, [*sys.argv[1:], "--epochs", "0.1"])
    assert launched[0][-len(RUN.split()) :] == RUN.split()
