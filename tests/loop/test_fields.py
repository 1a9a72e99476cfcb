"""Fields of a draft in the loop: what the critic is told, and drafts that lack one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.trajectory import Draft, StopReason
from tests.helpers.prompt_folders import prompt_set
from tests.helpers.scripted_engine import ScriptedEngine
from tests.helpers.scripted_loop import run, texts

if TYPE_CHECKING:
    from pathlib import Path

ASKS = "Q: ${prompt}\nA: ${response}\nBy these: ${extra.rubric}"


async def test_the_critic_sees_the_fields_of_the_draft(tmp_path: Path) -> None:
    prompts = prompt_set(tmp_path, files={"critique.txt": ASKS})
    engine = ScriptedEngine(["It is wrong.", "Four."])
    draft = Draft(prompt="2 + 2?", response="Five.", extra={"rubric": ["right"]})
    versions, end = await run(engine, draft, iterations=1, prompts=prompts)
    assert texts(versions) == ["Five.", "Four."]
    assert end.reason is StopReason.ROUNDS_DONE
    assert all("By these: - right" in prompt for prompt in engine.prompts)


async def test_a_draft_that_lacks_a_field_fails_without_a_request(tmp_path: Path) -> None:
    prompts = prompt_set(tmp_path, files={"bridge.txt": "Rewrite A by ${extra.rubric}."})
    engine = ScriptedEngine([])
    draft = Draft(id=7, response="Five.", extra={"rubric": None})
    versions, end = await run(engine, draft, prompts=prompts)
    assert texts(versions) == ["Five."]
    assert (end.reason, end.steps) == (StopReason.MISSING_FIELD, ())
    assert end.reason.is_failure
    assert not end.reason.may_pass
    assert end.detail == (
        "Round 1: draft 7 has no field 'rubric', which the prompt set uses: fill it in, or give a "
        "default in the table [fields] of the set's settings."
    )
