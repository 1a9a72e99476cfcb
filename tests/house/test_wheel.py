"""The wheel contains everything that an installed revloop needs, and no tests."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.helpers.repository import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_BYTES = 16 * 2**20
USE = """
import pathlib, revloop, revloop.evaluation
from revloop.demo import BASE_FOLDER, CRITIC_FOLDER, demo_drafts
assert pathlib.Path(revloop.__file__).is_relative_to({folder!r}), revloop.__file__
for name in ("cnr", "chat"):
    assert revloop.PromptSet.load(name).bridge
assert revloop.evaluation.JudgePrompts.load().pair
for folder in (BASE_FOLDER, CRITIC_FOLDER):
    assert (folder / "model.safetensors").stat().st_size <= 12 * 2**20
assert demo_drafts(1)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built like `make wheel`, without downloads."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", str(folder), str(REPOSITORY)),
    ]
    subprocess.run(command, check=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_contains_only_the_package_and_its_data(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "revloop/py.typed" in names
    assert {
        f"revloop/engines/english/{name}"
        for name in ("words.toml", "adapter/adapter_model.safetensors", "adapter/README.md")
    } <= set(names)
    assert "revloop/prompt_sets/cnr/critique.txt" in names
    assert {f"revloop/prompt_sets/judge/{n}" for n in ("judge.toml", "pair.txt")} <= set(names)
    assert "revloop/finetune/recipes/falcon-40b-instruct.yaml" in names
    assert {f"revloop/report/page.{kind}" for kind in ("html", "css", "js")} <= set(names)
    assert {f"revloop/review/assets/review.{kind}" for kind in ("css", "js")} <= set(names)
    assert "revloop/review/templates/trajectory.html" in names
    assert "revloop/finetune/recipes/fsdp-8.accelerate" in names
    assert "revloop/planning/examples/slurm-pipeline.sh" in names
    assert all(name.startswith(("revloop/", "revloop-")) for name in names)
    assert not [name for name in names if name.endswith((".sqlite", ".log", ".pyc"))]


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST_BYTES


def test_prompts_and_critic_are_found_in_an_installed_package(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    script = USE.format(folder=str(tmp_path))
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{script}"]
    subprocess.run(command, check=True, cwd=tmp_path)
