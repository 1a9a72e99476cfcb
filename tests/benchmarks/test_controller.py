"""Small runs of the controller's benchmarks, and their results."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import controller, saving
from tests.helpers.repository import DATA

if TYPE_CHECKING:
    from pathlib import Path

ANSWERS = DATA / "fastchat80"


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(saving, "FOLDER", tmp_path / "results")
    monkeypatch.chdir(saving.ROOT)
    return tmp_path / "results"


def found(results: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((results / f"controller-{name}.json").read_text())
    assert content.keys() >= {"date", "machine", "what"}
    assert content["machine"]["cores"] >= 1
    return content


def test_the_cpu_time_of_a_version(results: Path) -> None:
    controller.measure_cpu(drafts=4, repeats=1)
    kinds = found(results, "cpu")["ms_a_version"]
    assert len(kinds) == 3
    assert all(kind["median"] > 0 for kind in kinds.values())


@pytest.mark.skipif(not ANSWERS.exists(), reason="FastChat's answers are not here")
def test_the_cpu_time_of_all_guards(results: Path) -> None:
    controller.measure_guards(DATA, repeats=1)
    content = found(results, "guards")
    assert content["versions"] == {"the stub's": 200, "real answers": 80}
    assert all(kind["median"] > 0 for kind in content["ms_a_version"].values())


def test_versions_a_second(results: Path) -> None:
    controller.measure_store(drafts=120, repeats=2)
    rate = found(results, "store")["versions_a_second"]
    assert 0 < rate["least"] <= rate["median"] <= rate["most"]


def test_memory_and_then_the_start_of_a_resumed_run(results: Path, tmp_path: Path) -> None:
    controller.measure_memory(3, 6, tmp_path / "work")
    assert found(results, "memory")["drafts"].keys() == {"3", "6"}
    controller.measure_resume(tmp_path / "work" / "6")
    resumed = found(results, "resume")
    assert resumed["finished_trajectories"] == 6
    assert resumed["seconds"]["median"] > 0
