"""A model as judge: its questions, and its unusable answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from revloop.engines import HttpEngine
from revloop.errors import ContentFilterError, UnreachableError
from revloop.evaluation import JudgePrompts, ModelJudge
from revloop.prompts.parsing import ThinkingSettings, ThoughtMarks
from revloop.trajectory import Judge, told
from tests.helpers.scripted_engine import Answer, ScriptedEngine
from tests.helpers.stub_server import CHAT, StubServer, chat_completion

if TYPE_CHECKING:
    from revloop.trajectory import FinishReason
    from tests.helpers.scripted_engine import Script

PROMPTS = JudgePrompts.load()


def judge_of(script: Script, *, context_tokens: int | None = None, tries: int = 3) -> ModelJudge:
    """A judge whose model follows a script."""
    engine = ScriptedEngine(script, context_tokens=context_tokens)
    return ModelJudge(engine, PROMPTS, tries=tries)


def test_it_is_a_judge() -> None:
    assert isinstance(judge_of([]), Judge)


async def test_a_verdict_keeps_its_reason_and_the_raw_answer() -> None:
    verdict = await judge_of(["B is true.\nVerdict: B"]).judge("Why?", "a", "b")
    assert (verdict.preference, verdict.reason) == ("second", "B is true.")
    assert (verdict.raw, verdict.tries) == ("B is true.\nVerdict: B", 1)


async def test_an_unreadable_answer_is_retried_with_another_seed_and_higher_temperature() -> None:
    engine = ScriptedEngine(["Well.", "Verdict: A"])
    verdict = await ModelJudge(engine, PROMPTS).judge("Why?", "a", "b")
    assert (verdict.preference, verdict.tries) == ("first", 2)
    first, second = (request.sampling for request in engine.requests)
    assert first.seed != second.seed
    assert (first.temperature, second.temperature) == (0.0, 0.7)


async def test_after_the_last_try_it_is_unparseable_and_never_a_tie() -> None:
    verdict = await judge_of(["Hm."] * 2, tries=2).judge("Why?", "a", "b")
    assert (verdict.preference, verdict.raw, verdict.tries) == ("unparseable", "Hm.", 2)


async def test_a_truncated_answer_is_no_verdict() -> None:
    script = iter([Answer("Verdict: A", "length"), Answer("Verdict: B", "stop")])
    assert (await judge_of(script).judge("Why?", "a", "b")).preference == "second"


class TestFields:
    PROMPTS = JudgePrompts.load("judge-rubric")

    async def test_the_model_is_shown_them(self) -> None:
        engine = ScriptedEngine(["Verdict: A"])
        judge = ModelJudge(engine, self.PROMPTS)
        assert judge.info.fields == ("rubric",)
        verdict = await told(judge, {"rubric": ["It is short."], "note": 1}).judge("Why?", "a", "b")
        assert verdict.preference == "first"
        assert "<criteria>\n- It is short.\n</criteria>" in engine.prompts[0]

    @pytest.mark.parametrize("fields", [{}, {"rubric": None}, {"rubric": [[1]]}])
    async def test_a_draft_that_lacks_one_gets_no_verdict_and_costs_no_request(
        self, fields: dict[str, object]
    ) -> None:
        judge = ModelJudge(ScriptedEngine([]), self.PROMPTS)
        verdict = await told(judge, fields).judge("Why?", "a", "b")
        assert verdict.preference == "unparseable"
        assert "'rubric'" in str(verdict.reason)

    def test_a_judge_without_fields_is_recorded_as_before(self) -> None:
        judge = judge_of([])
        assert told(judge, {"rubric": "x"}) is judge
        assert judge.info.model_dump().keys() == {"kind", "name", "digest"}


class TestThoughts:
    async def test_after_thoughts_took_the_room_there_is_twice_as_much(self) -> None:
        script = [Answer("<think>Hm", "length"), Answer("", "length"), Answer("No.", "length")]
        engine = ScriptedEngine(script)
        verdict = await ModelJudge(engine, PROMPTS).judge("Why?", "a", "b")
        assert (verdict.preference, verdict.tries) == ("unparseable", 3)
        assert [request.max_tokens for request in engine.requests] == [1024, 2048, 4096]

    async def test_a_plain_answer_that_is_cut_gets_no_more(self) -> None:
        engine = ScriptedEngine([Answer("A is", "length"), "Verdict: A"])
        await ModelJudge(engine, PROMPTS).judge("Why?", "a", "b")
        assert [request.max_tokens for request in engine.requests] == [1024, 1024]

    async def test_a_verdict_in_a_thought_is_none(self) -> None:
        thought = "<think>Perhaps\nVerdict: A\n</think>"
        script = [thought, f"{thought}B is true.\nVerdict: B"]
        verdict = await judge_of(script).judge("Why?", "a", "b")
        assert (verdict.preference, verdict.reason) == ("second", "B is true.")

    async def test_the_sets_own_marks_count(self) -> None:
        thinking = ThinkingSettings(marks=(ThoughtMarks(opening="(hm:", closing=":hm)"),))
        settings = PROMPTS.settings.model_copy(update={"thinking": thinking})
        prompts = replace(PROMPTS, settings=settings)
        assert prompts.read("(hm:\nVerdict: B\n:hm)Verdict: A") == ("first", "")
        assert settings.digested() != PROMPTS.settings.digested()

    def test_marks_enter_the_digest_only_where_there_are_any(self) -> None:
        assert "thinking" not in PROMPTS.settings.digested()


@pytest.mark.parametrize("finish", ["content_filter", "refusal", "tool_calls"])
async def test_an_answer_that_is_none_is_asked_for_once(finish: FinishReason) -> None:
    engine = ScriptedEngine([Answer("I cannot.", finish)])
    verdict = await ModelJudge(engine, PROMPTS).judge("Why?", "a", "b")
    assert (verdict.preference, verdict.raw, verdict.tries) == ("unparseable", "I cannot.", 1)


async def test_a_question_that_the_filter_refuses_is_unparseable() -> None:
    verdict = await judge_of([ContentFilterError("flagged")]).judge("Why?", "a", "b")
    assert (verdict.preference, verdict.reason) == ("unparseable", "flagged")


async def test_a_question_that_does_not_fit_is_unparseable() -> None:
    verdict = await judge_of([], context_tokens=50).judge("Why?", "a", "b")
    assert verdict.preference == "unparseable"
    assert verdict.reason is not None
    assert "of the model's 50 tokens" in verdict.reason


async def test_an_unreachable_model_is_an_error() -> None:
    with pytest.raises(UnreachableError, match="gone"):
        await judge_of([UnreachableError("gone")]).judge("Why?", "a", "b")


async def test_the_same_texts_are_asked_with_the_same_seed_and_swapped_with_another() -> None:
    engine = ScriptedEngine(lambda _: "Verdict: A")
    judge = ModelJudge(engine, PROMPTS)
    for first, second in (("a", "b"), ("a", "b"), ("b", "a")):
        await judge.judge("Why?", first, second)
    seeds = [request.sampling.seed for request in engine.requests]
    assert (seeds[0] == seeds[1], seeds[0] == seeds[2]) == (True, False)


def test_its_digest_covers_everything_that_decides_its_verdicts() -> None:
    engine = ScriptedEngine([])
    digests = {
        ModelJudge(engine, PROMPTS, seed=seed, tries=tries).info.digest
        for seed, tries in ((0, 3), (1, 3), (0, 2))
    }
    assert len(digests) == 3
    assert ModelJudge(engine, PROMPTS, name="other").info.digest in digests


async def test_it_closes_its_engine() -> None:
    engine = ScriptedEngine([])
    await ModelJudge(engine, PROMPTS).aclose()
    assert engine.is_closed


async def test_it_asks_a_server_as_a_chat(server: StubServer) -> None:
    server.on(CHAT, chat_completion("Both good.\nVerdict: tie"))
    judge = ModelJudge(await HttpEngine.connect(server.base_url), PROMPTS)
    verdict = await judge.judge("Why?", "Because.", "Why not?")
    await judge.aclose()
    assert (verdict.preference, judge.info.name) == ("tie", "critic")
    (received,) = server.asked(CHAT)
    assert "Because." in received.body["messages"][0]["content"]
