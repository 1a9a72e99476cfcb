"""What a stopped run of IFEval has left to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.ifeval.resuming import unfinished
from revloop import Draft, revise
from tests.helpers.scripted_engine import ScriptedEngine

if TYPE_CHECKING:
    from pathlib import Path

DRAFTS = [Draft(id=name, prompt="Why?", response=f"Because of {name}.") for name in ("a", "b")]


def test_without_a_store_every_draft_is_left(tmp_path: Path) -> None:
    assert unfinished(DRAFTS, tmp_path / "none.sqlite") == DRAFTS


def test_a_draft_whose_replies_were_all_unusable_is_not_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    engine = ScriptedEngine(["no critique"])
    trajectory = revise(DRAFTS[0], iterations=1, tries=1, store=path, engine=engine)
    assert trajectory.end is not None
    assert trajectory.end.reason == "unparseable"
    assert unfinished(DRAFTS, path) == DRAFTS[1:]
