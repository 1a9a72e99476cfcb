"""An actor without Ray: the rows of a block become trajectories."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from revloop.distributed.actor import Actor, ActorOptions
from revloop.options import RunOptions
from tests.helpers.prompt_folders import prompt_set
from tests.helpers.scripted_engine import ScriptedEngine

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.engines import Request

pa = pytest.importorskip("pyarrow", reason="the extra 'data' is not installed")


def answer(request: Request) -> str:
    return "It is long." if len(request.prompt) == 1 else "Four."


def row(key: int, **rest: Any) -> dict[str, Any]:
    draft = json.dumps({"id": f"d{key}", "prompt": "2 + 2?", "response": "Five."})
    return {"key": key, "draft": draft, "rest": json.dumps(rest), "reject": None}


async def test_its_trajectories_see_the_fields_of_their_rows(tmp_path: Path) -> None:
    prompt_set(
        tmp_path / "mine", files={"critique.txt": "Q: ${prompt}\nA: ${response}\n${extra.rubric}"}
    )
    (tmp_path / "out").mkdir()
    engine = ScriptedEngine(answer)
    loop = RunOptions(prompts=str(tmp_path / "mine"), iterations=1)
    actor = Actor(ActorOptions(str(tmp_path / "out"), engine, loop))
    rows = [row(1, note=7, rubric=["right"]), row(2, rubric=None)]
    table = await actor(pa.Table.from_pylist(rows))
    first, second = map(json.loads, table["line"].to_pylist())
    assert first["end"]["reason"] == "rounds_done"
    assert list(first["draft"]["extra"].items()) == [("note", 7), ("rubric", ["right"])]
    assert second["end"]["reason"] == "missing_field"
    assert [prompt.splitlines()[2] for prompt in engine.prompts] == [
        "- right",
        "- rightIt is long.Now rewrite A.",
    ]
