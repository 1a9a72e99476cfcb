"""Critics' replies: which are used, which are retried, and with which seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop.errors import UnreachableError
from revloop.prompts.parsing import write_revision
from revloop.trajectory import Critique, Draft, End, StopReason, Version
from tests.helpers.scripted_engine import Answer, Reply, ScriptedEngine, cnr_critique, cnr_rounds
from tests.helpers.scripted_loop import CHAT, CNR, DRAFT, SAID, both, outcome, run, tagged, texts

if TYPE_CHECKING:
    from revloop.prompts import PromptSet


class TestTextsThatAreNotWhatTheySeem:
    """What is stored is an exact passage of the reply, or the previous text."""

    CODE = Draft(response="    return x\n")

    @pytest.mark.parametrize("reply", ["    return x\n", "return x", "\n    return x\n\n"])
    @pytest.mark.parametrize("prompts", [CNR, CHAT], ids=["cnr", "chat"])
    async def test_a_text_that_was_not_changed_stays_to_the_letter(
        self, prompts: PromptSet, reply: str
    ) -> None:
        said = write_revision(reply, prompts.settings.revision.tags)
        versions, end = await run(ScriptedEngine([SAID, said]), self.CODE, prompts=prompts)
        assert texts(versions) == ["    return x\n"] * 2
        assert end.reason is StopReason.CONVERGED

    @pytest.mark.parametrize("single_pass", [False, True])
    async def test_indentation_and_the_last_line_break_are_the_critics(
        self, *, single_pass: bool
    ) -> None:
        script = [both("    return y\n")] if single_pass else [SAID, "    return y\n"]
        versions, _ = await run(
            ScriptedEngine(script), self.CODE, iterations=1, single_pass=single_pass
        )
        assert versions[1].text == "    return y\n"

    @pytest.mark.parametrize(
        ("reply", "why"),
        [
            (f"{tagged('A.')}\n{tagged('B.')}", "there is more than one revision"),
            (
                tagged(CHAT.templates["bridge.txt"].splitlines()[0]),
                "it repeats a line of the prompt",
            ),
            (tagged(f"Good.\n\n{cnr_critique(8)}"), "it contains a critique"),
            (tagged(f"{SAID}\n\nGood."), "it repeats the critique"),
            (tagged("<revised_response>Good."), "it contains a stray tag"),
            (f"<think>Hm. {tagged('Good.')}", "it is an unfinished thought"),
            ("I put it between <revised_response> and so on.", "there is no </revised_response>"),
        ],
    )
    async def test_what_is_no_revision_is_asked_for_again(self, reply: str, why: str) -> None:
        engine = ScriptedEngine([SAID, reply, tagged("Good.")])
        versions, _ = await run(engine, prompts=CHAT, iterations=1)
        _, first, second = versions[1].steps
        assert (versions[1].text, second.refusal) == ("Good.", None)
        assert first.refusal is not None
        assert first.refusal.reason.startswith(why)
        assert first.refusal.reply == reply

    @pytest.mark.parametrize("opening", ["<think>", ""])
    async def test_thoughts_reach_no_version_no_critique_and_no_prompt(self, opening: str) -> None:
        thought = f"{opening}Overall score: 9, I write it between {tagged('and')}.</think>\n\n"
        engine = ScriptedEngine([thought + SAID, thought + tagged("Good")])
        versions, _ = await run(engine, prompts=CHAT, iterations=1, stop_score=9)
        assert versions[1].text == "Good"
        assert versions[1].critique == CHAT.parse_critique(SAID)
        assert engine.requests[1].prompt == CHAT.revision_prompt(engine.requests[0].prompt, SAID)

    async def test_tokens_of_a_thought_are_no_prefix_of_the_next_prompt(self) -> None:
        engine = ScriptedEngine([f"<think>Hm.</think>{SAID}", "b"])
        await run(engine, iterations=1)
        assert engine.prompts[1] == engine.prompts[0] + SAID + CNR.bridge
        assert engine.requests[1].prefix is None

    @pytest.mark.parametrize("text", ["Write <think> and </think>.", "</think>", "<think> opens"])
    async def test_a_text_about_thoughts_is_revised_like_any_other(self, text: str) -> None:
        for prompts in (CNR, CHAT):
            said = write_revision(f"{text} So.", prompts.settings.revision.tags)
            script = ScriptedEngine([SAID, said])
            versions, _ = await run(script, Draft(response=text), prompts=prompts, iterations=1)
            assert versions[1].text == f"{text} So."


class TestCutCritiques:
    async def test_a_critique_in_no_certain_form_serves_though_it_was_cut(self) -> None:
        engine = ScriptedEngine([Answer("It is dull, and", "length"), tagged("b")])
        versions, _ = await run(engine, prompts=CHAT, iterations=1)
        first, _ = versions[1].steps
        assert (first.finish_reason, first.refusal) == ("length", None)
        assert versions[1].critique == Critique(raw="It is dull, and")

    async def test_a_cut_thought_is_no_critique(self) -> None:
        script = [Answer("<think>It is", "length")] * 3
        _, end = await run(ScriptedEngine(script), prompts=CHAT, iterations=1)
        assert end.reason is StopReason.TOKEN_LIMIT


class TestTryingAgain:
    async def failed(self, draft: Draft = DRAFT) -> tuple[ScriptedEngine, list[Version], End]:
        engine = ScriptedEngine([*cnr_rounds("b"), "no form", SAID, *[" "] * 3])
        versions, end = await run(engine, draft, iterations=2)
        assert end.reason is StopReason.UNPARSEABLE
        return engine, versions, end

    async def test_seeds_are_new_where_the_replies_could_not_be_used(self) -> None:
        first, versions, end = await self.failed()
        again = ScriptedEngine([SAID, " ", "c"])
        versions, done = await run(again, earlier=versions, failed=end, iterations=2)
        tried = [(step.kind, step.attempt) for step in versions[0].steps]
        assert tried == [("critique", 2), ("revision", 4), ("revision", 5)]
        assert done.reason is StopReason.ROUNDS_DONE
        before = {request.sampling.seed for request in first.requests if not request.stop}
        new = [request.sampling.seed for request in again.requests if not request.stop]
        assert before.isdisjoint(new)
        # the critique was usable: the same request gives the same critique
        assert again.requests[0] == first.requests[3]

    async def test_the_next_round_counts_from_one_again(self) -> None:
        _, versions, end = await self.failed()
        again = ScriptedEngine(cnr_rounds("c", "d"))
        versions, _ = await run(again, earlier=versions, failed=end, iterations=3)
        assert [step.attempt for step in versions[1].steps] == [1, 1]

    async def test_each_retry_continues_the_tries_of_the_one_before(self) -> None:
        _, versions, end = await self.failed()
        _, second = await run(
            ScriptedEngine([SAID, *[" "] * 3]), earlier=versions, failed=end, iterations=2
        )
        _, third = await run(
            ScriptedEngine([SAID, *[" "] * 3]), earlier=versions, failed=second, iterations=2
        )
        assert [step.attempt for step in third.steps if step.kind == "revision"] == [7, 8, 9]

    async def test_a_round_that_the_engine_failed_repeats_its_requests(self) -> None:
        first = ScriptedEngine(["no form", SAID, " ", UnreachableError("gone")])
        versions, end = await run(first, iterations=1)
        again = ScriptedEngine(["no form", SAID, " ", "b"])
        made, _ = await run(again, earlier=versions, failed=end, iterations=1)
        whole, _ = await run(ScriptedEngine(["no form", SAID, " ", "b"]), iterations=1)
        assert again.requests == first.requests
        assert outcome(made[0]) == outcome(whole[1])

    async def test_a_second_attempt_that_the_engine_failed_repeats_that_one(self) -> None:
        _, versions, end = await self.failed()
        script: list[Reply] = [SAID, " ", UnreachableError("gone")]
        _, second = await run(ScriptedEngine(script), earlier=versions, failed=end, iterations=2)
        made, _ = await run(
            ScriptedEngine([SAID, " ", "c"]), earlier=versions, failed=second, iterations=2
        )
        assert [step.attempt for step in made[0].steps] == [2, 4, 5]
