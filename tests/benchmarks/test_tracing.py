"""A small run of the benchmark of traces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks import saving, tracing

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_cpu_time_with_traces_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "FOLDER", tmp_path)
    monkeypatch.chdir(saving.ROOT)
    tracing.measure(drafts=2, repeats=1, before=None)
    content = json.loads((tmp_path / "controller-tracing.json").read_text())
    assert content["ms_a_version"].keys() == {"switched off", "switched on"}
    assert content["calls_while_off_us_a_version"] > 0
