"""Rounds with the set ``rubric``: criteria are scored, and the rounds end when all are met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop import Draft, StopReason, arevise
from revloop.loop.stopping import end_of
from revloop.options import LoopOptions, RunSettings
from revloop.prompts import PromptSet
from revloop.trajectory import Critique, Version
from tests.helpers.scripted_engine import ScriptedEngine
from tests.helpers.scripted_loop import run, tagged, texts
from tests.helpers.stub_server import CHAT, StubServer, chat_completion

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiohttp import web

RUBRIC = PromptSet.load("rubric")
CRITERIA = ["The sum is right.", {"name": "brevity", "description": "One sentence."}]
DRAFT = Draft(id="d", prompt="What is 2 + 2?", response="It is 5.", extra={"rubric": CRITERIA})


def critique(*scores: float, names: tuple[str, ...] = ("The sum is right.", "brevity")) -> str:
    return "\n\n".join(
        f"Criterion: {name}\nReason: It is so.\nScore: {score:g}"
        for name, score in zip(names, scores, strict=True)
    )


def met(version: Version) -> list[bool]:
    assert version.critique is not None
    return [one.met for one in version.critique.criteria]


async def test_the_critic_is_shown_the_criteria_and_scores_them() -> None:
    engine = ScriptedEngine([critique(3, 9), tagged("It is 4.")])
    versions, end = await run(engine, DRAFT, iterations=1, prompts=RUBRIC)
    assert "\n- The sum is right.\n- brevity: One sentence.\n" in engine.prompts[0]
    assert texts(versions) == ["It is 5.", "It is 4."]
    assert end.reason is StopReason.ROUNDS_DONE
    said = versions[1].critique
    assert said is not None
    assert said.score == 6
    assert [(one.name, one.score, one.reason) for one in said.criteria] == [
        ("The sum is right.", 3, "It is so."),
        ("brevity", 9, "It is so."),
    ]
    assert met(versions[1]) == [False, True]


async def test_the_rounds_end_when_all_criteria_are_met() -> None:
    engine = ScriptedEngine([critique(3, 9), tagged("It is 4."), critique(10, 8)])
    versions, end = await run(engine, DRAFT, prompts=RUBRIC)
    assert texts(versions) == ["It is 5.", "It is 4.", "It is 4."]
    assert met(versions[2]) == [True, True]
    assert (end.reason, end.detail) == (
        StopReason.CRITERIA_MET,
        "Round 2: all 2 criteria are met.",
    )
    assert end.calls_saved == 3 * 2 + 1
    assert not end.reason.is_failure


async def test_without_early_stops_all_rounds_are_done() -> None:
    script = [critique(10, 10), tagged("It is 4."), critique(10, 10), tagged("It is four.")]
    engine = ScriptedEngine(script)
    versions, end = await run(engine, DRAFT, iterations=2, prompts=RUBRIC, early_stop=False)
    assert texts(versions)[-1] == "It is four."
    assert end.reason is StopReason.ROUNDS_DONE


async def test_a_stop_score_counts_beside_the_criteria() -> None:
    engine = ScriptedEngine([critique(10, 7)])
    _, end = await run(engine, DRAFT, prompts=RUBRIC, stop_score=8.5)
    assert end.reason is StopReason.NOTHING_TO_IMPROVE


async def test_a_stop_score_ends_rounds_that_criteria_would_not_end() -> None:
    engine = ScriptedEngine([critique(10, 9)])
    _, end = await run(engine, DRAFT, prompts=RUBRIC, stop_score=9, early_stop=False)
    assert end.reason is StopReason.NOTHING_TO_IMPROVE


async def test_in_a_single_pass_too() -> None:
    first = f"{critique(3, 9)}\n\n{tagged('It is 4.')}"
    engine = ScriptedEngine([first, f"{critique(9, 9)}\n\n{tagged('It is 4, I say.')}"])
    versions, end = await run(engine, DRAFT, prompts=RUBRIC, single_pass=True)
    assert texts(versions) == ["It is 5.", "It is 4.", "It is 4."]
    assert end.reason is StopReason.CRITERIA_MET


async def test_a_critique_that_misses_a_criterion_is_asked_for_again() -> None:
    missing = critique(3, names=("The sum is right.",))
    engine = ScriptedEngine([missing, critique(3, 9), tagged("It is 4.")])
    versions, _ = await run(engine, DRAFT, iterations=1, prompts=RUBRIC)
    refused, used, _ = versions[1].steps
    assert refused.refusal is not None
    assert refused.refusal.reason == "the criterion 'brevity' is missing"
    assert used.sampling.seed != refused.sampling.seed
    assert met(versions[1]) == [False, True]


async def test_a_critic_that_never_scores_ends_the_trajectory() -> None:
    engine = ScriptedEngine(["It is dull."] * 3)
    versions, end = await run(engine, DRAFT, prompts=RUBRIC)
    assert texts(versions) == ["It is 5."]
    assert end.reason is StopReason.UNPARSEABLE
    assert "no criterion has a 'Criterion:' and a 'Score:'" in end.detail


async def test_the_best_candidate_is_the_one_with_the_highest_mean() -> None:
    script = [
        *(critique(3, 3), tagged("It is 4."), tagged("It is four.")),
        *(critique(9, 3), critique(9, 9)),
    ]
    engine = ScriptedEngine(script)
    versions, _ = await run(engine, DRAFT, iterations=1, prompts=RUBRIC, candidates=2)
    assert versions[1].selection is not None
    assert versions[1].selection.scores == (6, 9)
    assert versions[1].text == "It is four."


async def test_a_rubric_may_be_a_text() -> None:
    draft = DRAFT.model_copy(update={"extra": {"rubric": "Is it right, and short?"}})
    engine = ScriptedEngine([critique(9, 9, names=("right", "short"))])
    versions, end = await run(engine, draft, prompts=RUBRIC)
    assert versions[1].critique is not None
    assert [one.name for one in versions[1].critique.criteria] == ["right", "short"]
    assert end.reason is StopReason.CRITERIA_MET


async def test_a_draft_without_a_rubric_fails_without_a_request() -> None:
    _, end = await run(ScriptedEngine([]), Draft(response="It is 5."), prompts=RUBRIC)
    assert end.reason is StopReason.MISSING_FIELD


def test_the_end_follows_from_the_versions_alone() -> None:
    engine = ScriptedEngine([])
    settings = RunSettings.resolve(LoopOptions(), RUBRIC, engine.info)
    first = Version(round=0, text="a", created_at="2026-01-01T00:00:00Z")
    for score, reason in ((8, StopReason.CRITERIA_MET), (7, None)):
        said = RUBRIC.parse_critique(critique(score, names=("brevity",)))
        after = first.model_copy(update={"round": 1, "text": "b", "critique": said})
        end = end_of([first, after], settings, 5)
        assert (None if end is None else end.reason) is reason
        assert end is None or end.detail == "Round 1: the criterion is met."


def test_criteria_come_back_from_json() -> None:
    said = RUBRIC.parse_critique(critique(3, 9))
    assert Critique.model_validate_json(said.model_dump_json()) == said
    assert len(said.criteria) == 2


class TestOverHttp:
    @pytest.fixture
    async def server(self) -> AsyncIterator[StubServer]:
        async def behave(request: web.Request) -> web.StreamResponse:
            turns = (await request.json())["messages"]
            is_better = "It is 4." in turns[0]["content"]
            said = critique(9, 9) if is_better else f"**Review**\n\n{critique(2, 9)}"
            text = said if len(turns) == 1 else tagged("It is 4.")
            return await chat_completion(text)(request)

        async with StubServer() as server:
            server.on(CHAT, behave)
            yield server

    async def test_the_loop_ends_when_the_criteria_are_met_and_resumes_as_stored(
        self, server: StubServer, tmp_path: Path
    ) -> None:
        options: dict[str, Any] = {"base_url": server.base_url, "prompts": "rubric"}
        options["store"] = tmp_path / "s.sqlite"
        first = await arevise(DRAFT, iterations=1, **options)
        assert first.end is not None
        assert first.end.reason is StopReason.ROUNDS_DONE
        assert first.final == "It is 4."
        done = await arevise(DRAFT, iterations=5, **options)
        assert done.end is not None
        assert done.end.reason is StopReason.CRITERIA_MET
        assert [met(version) for version in done.versions[1:]] == [[False, True], [True, True]]
        asked = [len(request.body["messages"]) for request in server.asked(CHAT)]
        assert asked == [1, 3, 1]
        assert await arevise(DRAFT, iterations=5, **options) == done
        assert len(server.asked(CHAT)) == 3
