"""Thoughts in the loop: kept beside the step, never in a text, and given more room."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from revloop import AsyncReviser
from revloop.errors import ContentFilterError, ContextFullError, UnreachableError
from revloop.options import LoopOptions, RunSettings
from revloop.prompts.parsing import ThinkingSettings, ThoughtMarks
from revloop.trajectory import Critique, Draft, EngineInfo, StopReason, Usage
from tests.helpers.scripted_engine import Answer, ScriptedEngine, plain
from tests.helpers.scripted_loop import CHAT, CNR, DRAFT, SAID, outcome, run, tagged, texts
from tests.helpers.stub_server import CHAT as STUB_CHAT
from tests.helpers.stub_server import StubServer, chat_completion

if TYPE_CHECKING:
    from revloop.engines.base import Completion, Request
    from tests.helpers.scripted_engine import Reply

CUT = Answer("<think>Let me see", "length")


class ThinkingEngine(ScriptedEngine):
    """Sends thoughts apart from its replies; some servers report their tokens."""

    def __init__(self, script: list[Reply], thoughts: str, *, reported: int | None = None) -> None:
        super().__init__(script)
        self._thoughts = thoughts
        self._reported = reported

    async def generate(self, request: Request) -> Completion:
        done = await super().generate(request)
        usage = done.usage.model_copy(update={"thinking_tokens": self._reported})
        return replace(done, thoughts=self._thoughts, usage=usage)


def limits(engine: ScriptedEngine) -> list[int]:
    return [request.max_tokens for request in engine.requests]


class TestWhatIsStored:
    async def test_all_thoughts_of_a_reply_are_stored_with_their_tokens(self) -> None:
        engine = ThinkingEngine([SAID, "<think>And inside.</think>b"], "Sent apart.")
        versions, _ = await run(engine, iterations=1)
        critique, revision = versions[1].steps
        assert (critique.thoughts, critique.usage.thinking_tokens) == ("Sent apart.", 2)
        assert revision.thoughts == "Sent apart.\n\nAnd inside."
        assert versions[1].text == "b"

    async def test_a_servers_own_count_is_kept(self) -> None:
        engine = ThinkingEngine([SAID, "b"], "Sent apart.", reported=1)
        versions, _ = await run(engine, iterations=1)
        assert versions[1].usage.thinking_tokens == 2

    async def test_without_thoughts_nothing_is_counted(self) -> None:
        versions, _ = await run(ScriptedEngine([SAID, "b"]), iterations=1)
        assert [step.thoughts for step in versions[1].steps] == [None, None]
        assert versions[1].usage.thinking_tokens is None

    async def test_of_unusable_replies_only_the_last_ones_thoughts_are_kept(self) -> None:
        script: list[Reply] = [SAID, *(f"<think>{name}</think> " for name in "xyz")]
        _, end = await run(ScriptedEngine(script), iterations=1)
        assert [step.thoughts for step in end.steps] == [None, None, None, "z"]

    async def test_the_prompt_sets_own_marks_count(self) -> None:
        thinking = ThinkingSettings(marks=(ThoughtMarks(opening="(hm:", closing=":hm)"),))
        prompts = replace(CHAT, settings=CHAT.settings.model_copy(update={"thinking": thinking}))
        engine = ScriptedEngine(["(hm:a:hm)It is dull.", f"(hm:{tagged('x')}:hm){tagged('b')}"])
        versions, _ = await run(engine, prompts=prompts, iterations=1)
        assert (versions[1].text, versions[1].steps[1].thoughts) == ("b", tagged("x"))


class TestRoom:
    @pytest.mark.parametrize("prompts", [CNR, CHAT], ids=["cnr", "chat"])
    async def test_each_try_after_thoughts_took_the_room_has_twice_as_much(
        self, prompts: Any
    ) -> None:
        engine = ScriptedEngine([CUT] * 3)
        _, end = await run(engine, prompts=prompts, critique_max_tokens=100)
        assert end.reason is StopReason.TOKEN_LIMIT
        assert limits(engine) == [step.limit_tokens for step in end.steps] == [100, 200, 400]
        assert "its thoughts filled its limit of 400 tokens (--thinking-tokens" in end.detail

    @pytest.mark.parametrize(
        "cut",
        [
            Answer("", "length"),
            Answer("\n", "length"),
            Answer("<think>Hm", "stop"),
            Answer("<think>Hm.</think><revised_resp", "length"),
        ],
    )
    async def test_so_has_one_after_a_reply_that_thoughts_left_unfinished(
        self, cut: Answer
    ) -> None:
        engine = ScriptedEngine([SAID, cut, tagged("b")])
        versions, _ = await run(engine, prompts=CHAT, iterations=1, revision_max_tokens=100)
        assert versions[1].text == "b"
        assert limits(engine)[1:] == [100, 200]

    async def test_hidden_thoughts_count_too(self) -> None:
        engine = ThinkingEngine([SAID, Answer("<revised", "length"), tagged("b")], "", reported=9)
        await run(engine, prompts=CHAT, iterations=1, revision_max_tokens=100)
        assert limits(engine)[1:] == [100, 200]

    async def test_a_plain_reply_that_is_cut_gets_no_more(self) -> None:
        engine = ScriptedEngine([SAID, Answer("<revised_response>It", "length"), tagged("b")])
        await run(engine, prompts=CHAT, iterations=1, revision_max_tokens=100)
        assert limits(engine)[1:] == [100, 100]

    async def test_many_tries_get_at_most_sixteen_times_the_room(self) -> None:
        engine = ScriptedEngine(lambda _: Answer("", "length"))
        await run(engine, prompts=CHAT, critique_max_tokens=100, tries=12)
        assert limits(engine) == [100, 200, 400, 800, *([1600] * 8)]

    async def test_the_context_limits_it(self) -> None:
        words = len(plain(CHAT.critique_prompt(DRAFT, DRAFT.response)).split())
        engine = ScriptedEngine([CUT] * 3, context_tokens=words + 250, counts=False)
        _, end = await run(engine, prompts=CHAT, critique_max_tokens=100)
        assert end.reason is StopReason.TOKEN_LIMIT
        assert limits(engine)[:2] == [100, 200]
        assert 200 <= limits(engine)[2] <= 250

    async def test_where_only_the_server_knows_its_context_its_refusal_is_no_end(self) -> None:
        script: list[Reply] = [CUT, ContextFullError("too long"), "It is dull.", tagged("b")]
        engine = ScriptedEngine(script)
        versions, _ = await run(engine, prompts=CHAT, iterations=1, critique_max_tokens=100)
        assert versions[1].text == "b"
        assert limits(engine)[:3] == [100, 200, 100]


class TestThoughtsWhoseOpeningMarkIsInThePrompt:
    """Before its closing mark, nothing tells such a thought from an answer but a greeting."""

    CUT = Answer("Let me see: it is dull, and", "length")
    THINKS = Answer("A greeting.</think>Hello!", "stop")

    async def test_one_that_is_cut_is_no_critique(self) -> None:
        script: list[Reply] = [self.CUT, "Hm.</think>It is dull.", tagged("b")]
        engine = ScriptedEngine(script, greeting=self.THINKS)
        versions, _ = await run(engine, prompts=CHAT, iterations=1, critique_max_tokens=100)
        assert versions[1].critique == Critique(raw="It is dull.")
        first, second, _ = versions[1].steps
        assert (first.refusal is not None, second.thoughts) == (True, "Hm.")
        assert limits(engine)[:2] == [100, 200]

    async def test_one_that_is_cut_is_no_revision_and_gets_more_room(self) -> None:
        script: list[Reply] = [f"Hm.</think>{SAID}", self.CUT, f"Hm.</think>{tagged('b')}"]
        engine = ScriptedEngine(script, greeting=self.THINKS)
        versions, _ = await run(engine, prompts=CHAT, iterations=1, revision_max_tokens=100)
        assert versions[1].text == "b"
        assert limits(engine)[1:] == [100, 200]

    @pytest.mark.parametrize(
        ("greeting", "used"),
        [
            (Answer("Hello!", "stop"), True),
            (Answer("<think>A greeting.</think>Hello!", "stop"), True),
            (Answer("<think>A greeting, so", "length"), True),
            (Answer("A greeting.</think>Hello!", "stop"), False),
            (Answer("A greeting, so", "length"), False),
        ],
    )
    async def test_the_greeting_decides_whether_a_cut_critique_is_used(
        self, greeting: Answer, *, used: bool
    ) -> None:
        engine = ScriptedEngine([self.CUT, tagged("b")], greeting=greeting)
        versions, end = await run(engine, prompts=CHAT, iterations=1, tries=1)
        assert (len(versions) > 1) == used
        assert end.reason is (StopReason.ROUNDS_DONE if used else StopReason.TOKEN_LIMIT)

    async def test_a_batch_api_is_not_greeted(self) -> None:
        info = EngineInfo(kind="openai-batch", model="m")
        engine = ScriptedEngine([self.CUT, tagged("b")], greeting=self.THINKS, info=info)
        versions, _ = await run(engine, prompts=CHAT, iterations=1, tries=1)
        assert versions[1].text == "b"

    async def test_an_engine_is_greeted_once_and_only_if_it_matters(
        self, server: StubServer
    ) -> None:
        cut = chat_completion("It is dull, and", finish_reason="length")
        good = chat_completion(tagged("Good."))
        server.on(STUB_CHAT, cut, chat_completion("Hello!"), good, cut, good)
        async with AsyncReviser(base_url=server.base_url, prompts="chat") as reviser:
            for draft in ("A draft.", "Another one."):
                done = await reviser.revise(draft, iterations=1)
                assert done.final == "Good."
        assert len(server.asked(STUB_CHAT)) == 5


class TestStopTexts:
    """A stop text in a thought ends it; the next try is sent without, and cut when it is read."""

    @pytest.mark.parametrize(
        "cut", [Answer("<think>Dull.", "stop"), Answer("<think>Dull.</think>", "stop")]
    )
    async def test_one_that_ended_a_thought_is_left_out_from_then_on(self, cut: Answer) -> None:
        whole = f"<think>Dull.{CNR.bridge}It is.</think>{SAID}{CNR.bridge}never read"
        engine = ScriptedEngine([cut, "no form", Answer(whole, "stop"), "b"])
        versions, _ = await run(engine, iterations=1)
        assert [request.stop for request in engine.requests[:3]] == [(CNR.bridge,), (), ()]
        assert [step.sent_stops for step in versions[1].steps] == [True, False, False, True]
        critique = versions[1].critique
        assert (critique and critique.raw, versions[1].text) == (SAID, "b")
        assert engine.prompts[3] == engine.prompts[0] + SAID + CNR.bridge

    async def test_an_answer_before_it_is_not_cut_at_its_limit(self) -> None:
        cut = Answer("<think>Dull.", "stop")
        long = Answer(f"<think>Hm.</think>{SAID}{CNR.bridge}and so on and", "length")
        versions, _ = await run(ScriptedEngine([cut, long, "b"]), iterations=1)
        assert versions[1].text == "b"
        assert versions[1].steps[1].finish_reason == "stop"

    async def test_a_second_attempt_leaves_it_out_too(self) -> None:
        cut = Answer("<think>Dull.", "stop")
        versions, end = await run(ScriptedEngine([cut] * 2), iterations=1, tries=2)
        again = ScriptedEngine([SAID, "b"])
        await run(again, earlier=versions, failed=end, iterations=1, tries=2)
        whole = ScriptedEngine([cut, cut, SAID, "b"])
        await run(whole, iterations=1, tries=3)
        assert again.requests == whole.requests[2:]
        assert again.requests[0].stop == ()


class TestThinkingTokens:
    @pytest.mark.parametrize(
        ("single_pass", "sent"), [(False, [120, 320]), (True, [420])], ids=["two", "one"]
    )
    async def test_they_come_on_top_of_the_limits(
        self, sent: list[int], *, single_pass: bool
    ) -> None:
        script = [f"It is dull.\n{tagged('b')}"] if single_pass else ["It is dull.", tagged("b")]
        engine = ScriptedEngine(script)
        await run(
            engine,
            prompts=CHAT,
            iterations=1,
            single_pass=single_pass,
            critique_max_tokens=100,
            revision_max_tokens=300,
            thinking_tokens=20,
        )
        assert limits(engine) == sent

    def test_they_decide_texts_and_so_does_thinking_itself(self) -> None:
        info = ScriptedEngine([]).info

        def digest(**options: Any) -> str:
            return RunSettings.resolve(LoopOptions(**options), CHAT, info).digest

        assert digest() == digest(thinking_tokens=0, thinking=True)
        assert len({digest(), digest(thinking_tokens=1), digest(thinking=False)}) == 3


class TestGoingOn:
    """An attempt that is continued sends what one without interruption would have sent."""

    async def test_a_failed_round_is_tried_again_with_the_room_that_came_next(self) -> None:
        first = ScriptedEngine([CUT] * 3)
        versions, end = await run(first, prompts=CHAT, tries=3, critique_max_tokens=100)
        again = ScriptedEngine(["It is dull.", tagged("b")])
        await run(
            again,
            prompts=CHAT,
            earlier=versions,
            failed=end,
            iterations=1,
            critique_max_tokens=100,
        )
        whole = ScriptedEngine([CUT, CUT, CUT, "It is dull.", tagged("b")])
        await run(whole, prompts=CHAT, tries=4, iterations=1, critique_max_tokens=100)
        assert limits(whole)[:4] == [100, 200, 400, 800]
        assert again.requests == whole.requests[3:]

    async def test_a_second_attempt_that_the_engine_failed_repeats_its_rooms(self) -> None:
        options: dict[str, Any] = {"prompts": CHAT, "iterations": 1, "critique_max_tokens": 100}
        versions, end = await run(ScriptedEngine([CUT] * 3), **options)
        broken: list[Reply] = [CUT, "It is dull.", UnreachableError("gone")]
        second = ScriptedEngine(broken)
        _, failed = await run(second, earlier=versions, failed=end, **options)
        third = ScriptedEngine([CUT, "It is dull.", tagged("b")])
        made, _ = await run(third, earlier=versions, failed=failed, **options)
        assert third.requests == second.requests
        assert limits(third)[:2] == [800, 1600]
        whole, _ = await run(
            ScriptedEngine([CUT, "It is dull.", tagged("b")]),
            earlier=versions,
            failed=end,
            **options,
        )
        assert outcome(made[0]) == outcome(whole[0])


class TestRepliesThatAreNoAnswer:
    @pytest.mark.parametrize(
        ("finish", "reason", "why"),
        [
            ("content_filter", StopReason.CONTENT_FILTERED, "content filter cut it off"),
            ("refusal", StopReason.REFUSED, "the model refuses"),
            ("tool_calls", StopReason.TOOL_CALLED, "call of a tool"),
        ],
    )
    @pytest.mark.parametrize("single_pass", [False, True])
    async def test_they_end_the_step_at_once_and_are_stored(
        self, finish: Any, reason: StopReason, why: str, *, single_pass: bool
    ) -> None:
        engine = ScriptedEngine([Answer("I cannot", finish)])
        versions, end = await run(engine, prompts=CHAT, single_pass=single_pass)
        assert texts(versions) == [DRAFT.response]
        assert (end.reason, len(engine.requests)) == (reason, 1)
        assert why in end.detail
        (step,) = end.steps
        assert step.refusal is not None
        assert (step.finish_reason, step.refusal.reply) == (finish, "I cannot")

    async def test_a_request_that_the_filter_refuses_ends_for_the_same_reason(self) -> None:
        engine = ScriptedEngine([ContentFilterError("no")])
        _, end = await run(engine, Draft(response="x"))
        assert (end.reason, len(engine.requests)) == (StopReason.CONTENT_FILTERED, 1)

    async def test_when_it_is_asked_for_again_it_is_with_another_seed(self) -> None:
        first = ScriptedEngine([Answer("I cannot", "refusal")])
        versions, end = await run(first, prompts=CHAT)
        again = ScriptedEngine(["It is dull.", tagged("b")])
        made, _ = await run(again, prompts=CHAT, earlier=versions, failed=end, iterations=1)
        assert made[0].text == "b"
        assert again.requests[0].sampling.seed != first.requests[0].sampling.seed

    async def test_of_several_candidates_the_others_are_used(self) -> None:
        script: list[Reply] = ["It is dull.", Answer("", "refusal"), tagged("b"), SAID]
        versions, _ = await run(ScriptedEngine(script), prompts=CHAT, candidates=2, iterations=1)
        assert versions[1].text == "b"


def test_usage_is_the_sum_of_what_is_known() -> None:
    assert (Usage(thinking_tokens=1) + Usage()).thinking_tokens == 1
