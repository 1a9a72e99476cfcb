"""A policy decides how many rounds a draft gets, by its first score or by a field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from revloop import Draft, InputError, Reviser, revise
from revloop.errors import RunMismatchError
from revloop.options import LoopOptions, Policy, RunOptions, RunSettings
from revloop.trajectory import EngineInfo, StopReason
from tests.helpers.scripted_engine import ScriptedEngine, cnr_critique, cnr_rounds
from tests.helpers.scripted_loop import CNR, DRAFT, both, run, texts

if TYPE_CHECKING:
    from pathlib import Path

LEFT = StopReason.NOT_WORTH_REVISING
TWO_UP_TO_6 = {"rounds": 0, "bands": [{"score_at_most": 6, "rounds": 2}]}
BY_TOPIC = {**TWO_UP_TO_6, "field": "topic", "values": {"poem": 0, "letter": 1}}


def about(topic: object) -> Draft:
    return DRAFT.model_copy(update={"extra": {"topic": topic}})


async def test_a_draft_above_all_bands_keeps_its_text_after_one_critique() -> None:
    engine = ScriptedEngine([cnr_critique(6.5)])
    versions, end = await run(engine, policy=TWO_UP_TO_6)
    assert texts(versions) == [DRAFT.response, DRAFT.response]
    assert [step.kind for step in versions[1].steps] == ["critique"]
    assert (end.reason, end.calls_saved) == (LEFT, 9)
    assert end.detail == "By its score 6.5, the policy gives it no rounds."


async def test_a_draft_of_a_band_gets_the_rounds_of_the_band() -> None:
    engine = ScriptedEngine(cnr_rounds("b", "c", "d", critique=cnr_critique(6)))
    versions, end = await run(engine, policy=TWO_UP_TO_6)
    assert texts(versions) == [DRAFT.response, "b", "c"]
    assert (end.reason, end.calls_saved) == (LEFT, 6)
    assert end.detail == "By its score 6, the policy gives it 2 rounds."


async def test_a_later_score_changes_nothing() -> None:
    first, later = cnr_critique(6), cnr_critique(9)
    engine = ScriptedEngine([*cnr_rounds("b", critique=first), *cnr_rounds("c", critique=later)])
    versions, _ = await run(engine, policy=TWO_UP_TO_6)
    assert texts(versions) == [DRAFT.response, "b", "c"]


async def test_a_field_decides_before_anything_is_asked() -> None:
    engine = ScriptedEngine([])
    versions, end = await run(engine, about("poem"), policy=BY_TOPIC)
    assert (texts(versions), engine.requests) == ([DRAFT.response], [])
    assert (end.reason, end.calls_saved) == (LEFT, 10)
    assert end.detail == "By its field 'topic', the policy gives it no rounds."


@pytest.mark.parametrize(("topic", "rounds"), [("letter", 1), ("other", 2), (None, 2), (3, 2)])
async def test_where_the_field_says_nothing_the_score_decides(topic: object, rounds: int) -> None:
    engine = ScriptedEngine(cnr_rounds("b", "c", "d"))
    versions, _ = await run(engine, about(topic), policy=BY_TOPIC)
    assert len(versions) == rounds + 1


async def test_in_a_single_pass_the_revision_is_not_taken() -> None:
    engine = ScriptedEngine([both("b", 9)])
    versions, end = await run(engine, policy=TWO_UP_TO_6, single_pass=True)
    assert texts(versions) == [DRAFT.response, DRAFT.response]
    assert (end.reason, end.calls_saved) == (LEFT, 4)


async def test_a_policy_never_gives_more_rounds_than_are_asked_for() -> None:
    engine = ScriptedEngine(cnr_rounds("b", "c"))
    versions, end = await run(engine, policy={"rounds": 4}, iterations=2)
    assert (len(versions), end.reason) == (3, StopReason.ROUNDS_DONE)


async def test_a_resumed_trajectory_ends_where_it_would_have_ended() -> None:
    versions, _ = await run(ScriptedEngine(cnr_rounds("b")), iterations=1)
    engine = ScriptedEngine(cnr_rounds("c", "d"))
    more, end = await run(engine, earlier=versions, policy=TWO_UP_TO_6)
    assert (texts(more), end.reason) == (["c"], LEFT)


def test_without_a_score_the_rounds_of_the_unscored_count() -> None:
    assert Policy(rounds=3).by_score(None) == 3
    assert Policy(rounds=3, unscored=1).by_score(None) == 1


def test_a_file_is_a_policy_and_what_it_chooses_gives_way_to_the_user(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('rounds = 2\nkeep = "gate"\ncandidates = 3\n', encoding="utf-8")
    options = LoopOptions.model_validate({"policy": file, "candidates": 1})
    assert options.policy == Policy(rounds=2, keep="gate", candidates=3)
    assert (options.keep, options.candidates) == ("gate", 1)


def test_a_command_takes_prompts_and_judges_of_the_policy_where_they_are_not_given(
    tmp_path: Path,
) -> None:
    file = tmp_path / "policy.toml"
    content = 'rounds = 2\nprompts = "chat-edits"\nkeep = "gate"\njudge = ["demo"]\n'
    file.write_text(content, encoding="utf-8")
    options = RunOptions.model_validate({"policy": file})
    assert (options.prompts, options.keep, options.judge) == ("chat-edits", "gate", ("demo",))
    own = RunOptions.model_validate({"policy": file, "prompts": "chat", "judge": "mine:own"})
    assert (own.prompts, own.judge) == ("chat", ("mine:own",))


def test_python_takes_the_prompts_of_the_policy_where_none_are_given() -> None:
    policy = Policy(rounds=1, prompts="chat")
    engine = ScriptedEngine(cnr_rounds("b"))
    with Reviser(engine=engine, policy=policy) as reviser:
        assert reviser.settings.prompt_set == "chat"
    with Reviser(engine=engine, policy=policy, prompts="cnr") as reviser:
        assert reviser.settings.prompt_set == "cnr"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("rounds = ", "is not TOML"),
        ("rounds = -1", "is no policy: rounds"),
        ("roundz = 1", "is no policy"),
        ('rounds = 1\nfield = "topic"', "belong together"),
        ('rounds = 1\nfield = "topic"\nvalues = {poem = -1}', "less than 0 rounds"),
        (
            "rounds = 1\nbands = [{score_at_most = 6, rounds=1}, {score_at_most = 5, rounds = 1}]",
            "not in the order",
        ),
    ],
)
def test_a_file_that_is_no_policy_says_why(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises((InputError, ValidationError), match=says):
        LoopOptions.model_validate({"policy": file})


def test_a_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(InputError, match=r"nowhere\.toml cannot be read"):
        LoopOptions.model_validate({"policy": "nowhere.toml"})


def test_settings_with_a_policy_come_back_from_json() -> None:
    engine = EngineInfo(kind="scripted", model="script")
    settings = RunSettings.resolve(LoopOptions(policy=Policy(**BY_TOPIC)), CNR, engine)
    assert RunSettings.model_validate_json(settings.model_dump_json()) == settings


def test_another_policy_is_refused_in_a_store(tmp_path: Path) -> None:
    def revised(policy: dict[str, Any], **more: Any) -> None:
        engine = ScriptedEngine(cnr_rounds("b", "c"))
        revise(DRAFT, policy=Policy(**policy), engine=engine, store=tmp_path / "s", **more)

    revised(TWO_UP_TO_6)
    revised(TWO_UP_TO_6)
    with pytest.raises(RunMismatchError, match="policy"):
        revised({"rounds": 1})
    revised({"rounds": 1}, new_run=True)
