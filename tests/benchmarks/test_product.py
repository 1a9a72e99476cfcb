"""What the benchmarks ask of the product's commands."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from benchmarks.product import numbered_trajectories, revloop
from revloop import Draft, Trajectory, Version

if TYPE_CHECKING:
    from pathlib import Path


def test_a_command_that_fails_is_an_error(tmp_path: Path) -> None:
    assert revloop("--version", output=True).startswith("revloop ")
    with pytest.raises(subprocess.CalledProcessError):
        revloop("show", str(tmp_path / "nowhere"))


def test_trajectories_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    first = Version(round=0, text="A text.", created_at=datetime.now(UTC))
    drafts = [Draft(id=str(number), response=first.text) for number in (10, 9, 0)]
    lines = [Trajectory(id=one.id, draft=one, versions=(first,)).to_json() for one in drafts]
    path = tmp_path / "revised.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    assert [one.draft.id for one in numbered_trajectories(path)] == ["0", "9", "10"]
