"""A small run of the exports' benchmark."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks import exports, saving

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_an_export_is_measured_beside_a_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "FOLDER", tmp_path)
    monkeypatch.chdir(saving.ROOT)
    exports.measure(3, 6)
    found = json.loads((tmp_path / "exports.json").read_text())
    assert [one["rows"] for one in found["trajectories"].values()] == [3, 6]
