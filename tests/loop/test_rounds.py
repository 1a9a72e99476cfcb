"""The rounds of one draft: what is requested, in which order, and how they end."""

from __future__ import annotations

import asyncio
import re
import zlib
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from revloop.engines.base import Engine, Request
from revloop.errors import RejectedError, StoreError, UnreachableError
from revloop.loop import SHORTEST_CRITIQUE_TOKENS
from revloop.trajectory import (
    Draft,
    End,
    EngineInfo,
    OpenTrajectory,
    Refusal,
    StopReason,
    Version,
)
from tests.helpers.scripted_engine import (
    LATENCY_S,
    Answer,
    Reply,
    ScriptedEngine,
    cnr_critique,
    cnr_rounds,
    plain,
)
from tests.helpers.scripted_loop import CHAT, CNR, DRAFT, SAID, both, outcome, rounds_of, run, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADING_OR_THOUGHT = re.compile(r"###|</|\|>|\[/|◁/")
"""What ends a critique early, or ends thoughts before it."""


class TestVersions:
    def test_the_scripted_engine_is_an_engine(self) -> None:
        assert isinstance(ScriptedEngine([]), Engine)

    async def test_version_0_is_the_response_to_the_letter(self) -> None:
        versions, _ = await run(ScriptedEngine(cnr_rounds("b")), iterations=1)
        first = versions[0]
        assert (first.round, first.text) == (0, " It is\n5. ")
        assert (first.critique, first.steps, first.engine, first.prompt_set) == (
            None,
            (),
            None,
            None,
        )

    async def test_each_round_gives_one_version_in_order(self) -> None:
        versions, end = await run(ScriptedEngine(cnr_rounds("b", "c", "d")), iterations=3)
        assert texts(versions) == [DRAFT.response, "b", "c", "d"]
        assert [version.round for version in versions] == [0, 1, 2, 3]
        assert end == End(reason=StopReason.ROUNDS_DONE, detail="All rounds are done (3).")

    async def test_a_version_tells_how_it_came_to_be(self) -> None:
        said = cnr_critique(7, "Short.", "Wrong.")
        engine = ScriptedEngine(cnr_rounds("b", critique=said), tokens="characters")
        versions, _ = await run(engine, iterations=1)
        version = versions[1]
        assert version.critique is not None
        assert version.critique.raw == said
        assert (version.critique.score, version.critique.positive) == (7, "Short.")
        assert [step.kind for step in version.steps] == ["critique", "revision"]
        assert [step.finish_reason for step in version.steps] == ["stop", "stop"]
        assert version.latency_s == 2 * LATENCY_S
        assert version.usage.generated_tokens == len(said) + len("b")
        assert (version.engine, version.prompt_set) == (engine.info, CNR.digest)
        assert version.created_at.tzinfo is not None

    async def test_each_round_revises_the_version_before_it(self) -> None:
        engine = ScriptedEngine(cnr_rounds("b", "c"))
        await run(engine, iterations=2)
        assert engine.requests[2].prompt == CNR.critique_prompt(DRAFT, "b")

    async def test_no_round_starts_before_the_version_it_builds_on_is_kept(self) -> None:
        engine, asked_before = ScriptedEngine(cnr_rounds("b", "c")), []

        class Slow(OpenTrajectory):
            async def append(self, version: Version) -> Sequence[Version]:
                await asyncio.sleep(0.01)  # a round that ran ahead would run now
                asked_before.append((version.round, len(engine.requests)))
                return await super().append(version)

        await rounds_of(engine, Slow("t", DRAFT)).run(2)
        assert asked_before == [(0, 0), (1, 2), (2, 4)]

    async def test_a_version_that_cannot_be_kept_ends_the_rounds_without_an_end(self) -> None:
        class Full(OpenTrajectory):
            async def append(self, version: Version) -> Sequence[Version]:
                if version.round == 1:
                    raise StoreError("the disk is full")
                return await super().append(version)

        engine, trajectory = ScriptedEngine(cnr_rounds("b", "c")), Full("t", DRAFT)
        with pytest.raises(StoreError, match="disk is full"):
            await rounds_of(engine, trajectory).run(2)
        assert (len(engine.requests), trajectory.rounds, trajectory.end) == (2, 0, None)

    async def test_the_end_comes_after_the_last_version(self) -> None:
        trajectory, ends = OpenTrajectory("t", DRAFT), []
        rounds = rounds_of(ScriptedEngine(cnr_rounds("b")), trajectory)
        await rounds.run(1, lambda _: ends.append(trajectory.end))
        assert ends == [None, None]
        assert trajectory.end == End(
            reason=StopReason.ROUNDS_DONE, detail="All rounds are done (1)."
        )

    async def test_versions_that_another_writer_made_meanwhile_are_built_on(self) -> None:
        made, _ = await run(ScriptedEngine(cnr_rounds("b", "c")), iterations=2)

        class Shared(OpenTrajectory):
            async def append(self, version: Version) -> Sequence[Version]:
                return self._extend(made[1:] if version.round == 1 else [version])

        engine, seen = ScriptedEngine(cnr_rounds("mine", "d")), list[Version]()
        trajectory = Shared("t", DRAFT)
        await rounds_of(engine, trajectory).run(3, seen.append)
        assert texts(seen) == texts(trajectory.versions) == [DRAFT.response, "b", "c", "d"]
        assert engine.requests[2].prompt == CNR.critique_prompt(DRAFT, "c")

    @given(st.text(min_size=1, max_size=60).filter(str.strip))
    @hypothesis_settings(deadline=None)
    async def test_any_text_is_revised_and_becomes_a_version_to_the_letter(self, text: str) -> None:
        engine = ScriptedEngine(cnr_rounds(text), tokens="characters")
        draft = Draft(prompt=text, response=text)
        versions, _ = await run(engine, draft, iterations=1)
        assert texts(versions) == [text, text]
        assert (
            engine.prompts[0] == f"### Prompt:\n{text}\n\n### Response:\n{text}\n\n### Critique:\n"
        )


class TestTwoPasses:
    async def test_the_revision_prompt_extends_the_critique_prompt(self) -> None:
        engine = ScriptedEngine(cnr_rounds("b"))
        await run(engine, iterations=1)
        assert engine.prompts[1] == engine.prompts[0] + SAID + CNR.bridge

    @given(st.text(max_size=60).filter(lambda text: not HEADING_OR_THOUGHT.search(text)))
    @hypothesis_settings(deadline=None)
    async def test_it_holds_the_critique_as_it_was_generated(self, negative: str) -> None:
        said = cnr_critique(negative=negative)
        engine = ScriptedEngine(cnr_rounds("b", critique=said))
        await run(engine, iterations=1)
        assert engine.prompts[1] == engine.prompts[0] + said + CNR.bridge

    async def test_a_critique_that_runs_into_the_bridge_ends_there(self) -> None:
        engine = ScriptedEngine([SAID + CNR.bridge + "too early", "b"])
        versions, _ = await run(engine, iterations=1)
        assert engine.prompts[1] == engine.prompts[0] + SAID + CNR.bridge
        assert versions[1].text == "b"

    async def test_a_chat_continues_after_its_critique(self) -> None:
        engine = ScriptedEngine(["Dull.", "<revised_response>b</revised_response>"])
        versions, _ = await run(engine, prompts=CHAT, iterations=1)
        first, second = engine.requests
        assert second.prompt == CHAT.revision_prompt(first.prompt, "Dull.")
        assert versions[1].text == "b"

    async def test_the_critique_leaves_room_for_the_revision_after_it(self) -> None:
        engine = ScriptedEngine(cnr_rounds("b"), tokens="characters")
        await run(engine, iterations=1)
        critique, revision = engine.requests
        assert critique.reserve_tokens == len(DRAFT.response) + len(CNR.bridge)
        assert critique.room_tokens == SHORTEST_CRITIQUE_TOKENS
        assert revision.room_tokens == len(DRAFT.response)
        assert revision.reserve_tokens == 0

    async def test_the_reserved_room_is_at_most_max_tokens(self) -> None:
        engine = ScriptedEngine(cnr_rounds("b"))
        await run(engine, iterations=1, critique_max_tokens=20, revision_max_tokens=1)
        assert [request.max_tokens for request in engine.requests] == [20, 1]
        assert [request.room_tokens for request in engine.requests] == [20, 1]

    async def test_an_engine_that_cannot_count_gets_no_reserve(self) -> None:
        engine = ScriptedEngine(cnr_rounds("b"), counts=False)
        await run(engine, iterations=1)
        assert engine.requests[0].reserve_tokens == 0
        assert engine.requests[1].room_tokens == 1

    async def test_the_tokens_of_the_critique_go_along_to_the_revision(self) -> None:
        engine = ScriptedEngine(cnr_rounds("b"))
        await run(engine, iterations=1)
        critique, revision = engine.requests
        assert critique.keep_prefix
        assert revision.prefix is not None
        assert revision.prefix.text == plain(critique.prompt) + SAID

    async def test_a_chat_keeps_no_tokens(self) -> None:
        engine = ScriptedEngine(["Dull.", "<revised_response>b</revised_response>"])
        await run(engine, prompts=CHAT, iterations=1)
        assert not engine.requests[0].keep_prefix
        assert engine.requests[1].prefix is None

    async def test_only_the_critique_stops_at_the_bridge(self) -> None:
        engine = ScriptedEngine(cnr_rounds(f"b{CNR.bridge}c"))
        draft = DRAFT.model_copy(update={"prompt": f"Write {CNR.bridge}"})
        versions, _ = await run(engine, draft, iterations=1)
        assert [request.stop for request in engine.requests] == [(CNR.bridge,), ()]
        assert versions[1].text == f"b{CNR.bridge}c"


class TestSinglePass:
    async def test_a_round_is_one_request(self) -> None:
        engine = ScriptedEngine([both("b"), both("c")])
        versions, _ = await run(engine, iterations=2, single_pass=True)
        assert texts(versions) == [DRAFT.response, "b", "c"]
        assert engine.prompts[0] == CNR.critique_prompt(DRAFT, DRAFT.response)
        assert [step.kind for version in versions for step in version.steps] == ["both", "both"]

    async def test_critique_and_revision_share_their_limits(self) -> None:
        engine = ScriptedEngine([both("b")])
        await run(
            engine, iterations=1, single_pass=True, critique_max_tokens=100, revision_max_tokens=50
        )
        assert engine.requests[0].max_tokens == 150
        assert engine.requests[0].stop == ()

    async def test_the_critique_is_kept_with_the_version(self) -> None:
        versions, _ = await run(ScriptedEngine([both("b", 3)]), iterations=1, single_pass=True)
        assert versions[1].critique is not None
        assert (versions[1].critique.raw, versions[1].critique.score) == (cnr_critique(3), 3)

    async def test_a_chat_is_asked_for_both_at_once(self) -> None:
        engine = ScriptedEngine(["Dull.\n<revised_response>b</revised_response>"])
        versions, _ = await run(engine, prompts=CHAT, iterations=1, single_pass=True)
        assert engine.requests[0].prompt == CHAT.single_pass_prompt(DRAFT, DRAFT.response)
        assert versions[1].text == "b"

    async def test_an_answer_without_a_revision_is_asked_for_again(self) -> None:
        engine = ScriptedEngine([SAID, both("b")])
        versions, _ = await run(engine, iterations=1, single_pass=True)
        assert [step.attempt for step in versions[1].steps] == [1, 2]
        assert versions[1].text == "b"

    async def test_a_context_without_room_for_both_ends_it(self) -> None:
        engine = ScriptedEngine([both("b")], context_tokens=70)
        _, end = await run(engine, single_pass=True)
        assert end.reason is StopReason.CONTEXT_FULL


class TestSampling:
    async def seeds(self, draft: Draft = DRAFT, **options: Any) -> list[int]:
        engine = ScriptedEngine(cnr_rounds("b", "c"))
        await run(engine, draft, iterations=2, **options)
        return [request.sampling.seed for request in engine.requests]

    async def test_each_request_has_a_seed_of_its_own(self) -> None:
        assert len(set(await self.seeds())) == 4

    async def test_seeds_repeat_from_run_to_run(self) -> None:
        assert await self.seeds() == await self.seeds()

    async def test_seeds_do_not_depend_on_the_name_of_a_draft(self) -> None:
        assert await self.seeds(DRAFT.model_copy(update={"id": "e"})) == await self.seeds()

    async def test_another_seed_or_another_text_changes_every_one(self) -> None:
        seeds = [*await self.seeds(), *await self.seeds(seed=1)]
        seeds += await self.seeds(DRAFT.model_copy(update={"prompt": "What?"}))
        assert len(set(seeds)) == 12

    async def test_seeds_fit_what_every_server_takes(self) -> None:
        assert all(0 <= seed < 2**31 for seed in await self.seeds())

    async def test_steps_say_what_was_sent(self) -> None:
        engine = ScriptedEngine(cnr_rounds("b"))
        versions, _ = await run(engine, iterations=1, temperature=0.3, top_p=0.8)
        sent = [request.sampling for request in engine.requests]
        assert [step.sampling for step in versions[1].steps] == sent
        assert {(sampling.temperature, sampling.top_p) for sampling in sent} == {(0.3, 0.8)}

    async def test_a_new_try_has_another_seed_and_is_warmer(self) -> None:
        engine = ScriptedEngine(["no form", SAID, "b"])
        await run(engine, iterations=1, retry_temperature=0.9)
        first, second, revision = (request.sampling for request in engine.requests)
        assert first.seed != second.seed
        assert (first.temperature, second.temperature) == (0, 0.9)
        assert revision.temperature == 0

    async def test_no_try_is_repeated_that_would_give_the_same_reply(self) -> None:
        engine = ScriptedEngine(lambda _: Answer(SAID, "length"))
        _, end = await run(engine, retry_temperature=0)
        assert len(engine.requests) == 1
        assert end.detail == (
            "Round 1: the critique could not be used in 1 try (another at temperature 0 would be "
            "the same, see --retry-temperature): it reached its limit of 384 tokens."
        )

    async def test_above_temperature_0_every_try_is_made(self) -> None:
        engine = ScriptedEngine(lambda _: Answer(SAID, "length"))
        await run(engine, temperature=0.5, retry_temperature=0)
        assert len(engine.requests) == 3

    async def test_a_server_that_takes_no_temperature_is_asked_again(self) -> None:
        info = EngineInfo(kind="scripted", model="script", unsent=("temperature",))
        engine = ScriptedEngine(lambda _: Answer(SAID, "length"), info=info)
        await run(engine, retry_temperature=0)
        assert len(engine.requests) == 3

    async def test_a_try_with_more_room_for_thoughts_is_made_at_temperature_0(self) -> None:
        engine = ScriptedEngine([Answer("", "length"), SAID, "b"])
        await run(engine, iterations=1, retry_temperature=0)
        assert len(engine.requests) == 3

    async def test_a_new_try_is_never_cooler(self) -> None:
        engine = ScriptedEngine(["no form", SAID, "b"])
        await run(engine, iterations=1, temperature=1.5, retry_temperature=0.7)
        assert {request.sampling.temperature for request in engine.requests} == {1.5}


class TestTextThatIsOfNoUse:
    async def test_it_is_asked_for_again_in_the_same_words(self) -> None:
        engine = ScriptedEngine(["no form", SAID, " ", "b"])
        versions, _ = await run(engine, iterations=1)
        first, again = engine.requests[:2]
        assert replace(again, sampling=first.sampling) == first
        assert versions[1].text == "b"

    async def test_every_try_is_on_record(self) -> None:
        versions, _ = await run(ScriptedEngine(["no form", SAID, " ", "", "b"]), iterations=1)
        steps = [(step.kind, step.attempt) for step in versions[1].steps]
        assert steps == [
            ("critique", 1),
            ("critique", 2),
            ("revision", 1),
            ("revision", 2),
            ("revision", 3),
        ]

    async def test_tries_are_bounded_and_end_as_unparseable(self) -> None:
        engine = ScriptedEngine(lambda _: "no form")
        versions, end = await run(engine, tries=4)
        assert texts(versions) == [DRAFT.response]
        assert len(engine.requests) == len(end.steps) == 4
        assert end.reason is StopReason.UNPARSEABLE
        assert end.detail == (
            "Round 1: the critique could not be used in 4 tries: there is no 'Overall score:'."
        )

    async def test_a_blank_revision_ends_as_unparseable_with_its_critique_on_record(self) -> None:
        versions, end = await run(ScriptedEngine([*cnr_rounds("b"), SAID, "", " ", "\n"]))
        assert texts(versions) == [DRAFT.response, "b"]
        assert end.reason is StopReason.UNPARSEABLE
        assert end.detail == "Round 2: the revision could not be used in 3 tries: it is blank."
        assert [step.kind for step in end.steps] == ["critique", *["revision"] * 3]

    async def test_one_try_may_be_all(self) -> None:
        engine = ScriptedEngine(["no form"])
        _, end = await run(engine, tries=1)
        assert end.reason is StopReason.UNPARSEABLE

    async def test_the_last_reply_of_each_kind_is_kept_raw_and_every_one_with_its_reason(
        self,
    ) -> None:
        script = ["no form", "\nnone either ", SAID, *["x" * 5_000, " "] * 2]
        _, end = await run(ScriptedEngine(script, tokens="characters"), revision_max_tokens=4_999)
        refusals = [step.refusal for step in end.steps]
        cut = "it reached its limit of 4999 tokens"
        missing = "there is no 'Overall score:'"
        assert refusals == [
            Refusal(reason=missing, characters=7),
            Refusal(reason=missing, reply="\nnone either ", characters=13),
            None,
            Refusal(reason=cut, characters=4_999),
            Refusal(reason="it is blank", characters=1),
            Refusal(reason=cut, reply="x" * 4_000, characters=4_999),
        ]

    async def test_a_reply_that_was_asked_for_again_is_kept_with_the_version(self) -> None:
        versions, _ = await run(ScriptedEngine(["no form", SAID, "b"]), iterations=1)
        first, *others = (step.refusal for step in versions[1].steps)
        assert first is not None
        assert (first.reply, others) == ("no form", [None, None])


class TestLimits:
    async def test_a_revision_at_its_token_limit_is_never_taken_for_finished(self) -> None:
        engine = ScriptedEngine(
            lambda request: SAID if request.keep_prefix else "one two three four"
        )
        versions, end = await run(engine, revision_max_tokens=3)
        assert texts(versions) == [DRAFT.response]
        assert end.reason is StopReason.TOKEN_LIMIT
        assert end.detail == (
            "Round 1: the revision could not be used in 3 tries: it reached its limit of 3 tokens."
        )

    async def test_nor_is_a_critique_whose_parts_are_all_there(self) -> None:
        _, end = await run(ScriptedEngine(lambda _: Answer(SAID, "length")))
        assert end.reason is StopReason.TOKEN_LIMIT
        assert (
            "the critique could not be used in 3 tries: it reached its limit of 384" in end.detail
        )

    async def test_nor_is_a_single_pass(self) -> None:
        _, end = await run(ScriptedEngine(lambda _: Answer(both("b"), "length")), single_pass=True)
        assert end.reason is StopReason.TOKEN_LIMIT

    async def test_a_text_that_was_cut_once_may_be_whole_the_next_time(self) -> None:
        engine = ScriptedEngine([Answer(SAID, "length"), SAID, Answer("b", "length"), "c"])
        versions, _ = await run(engine, iterations=1)
        assert versions[1].text == "c"
        assert [step.finish_reason for step in versions[1].steps] == ["length", "stop"] * 2

    async def test_a_response_that_fills_the_context_ends_it_before_a_word_is_generated(
        self,
    ) -> None:
        engine = ScriptedEngine([], context_tokens=20)
        versions, end = await run(engine)
        assert texts(versions) == [DRAFT.response]
        assert end.reason is StopReason.CONTEXT_FULL
        assert end.detail.startswith("Round 1: The prompt takes 15 of the model's 20 tokens")
        assert (len(engine.requests), end.steps) == (1, ())

    async def test_a_version_that_fills_the_context_is_the_last(self) -> None:
        engine = ScriptedEngine(
            cnr_rounds(" ".join(f"word{n}" for n in range(60)), "never"), context_tokens=110
        )
        versions, end = await run(engine)
        assert [version.round for version in versions] == [0, 1]
        assert end.reason is StopReason.CONTEXT_FULL
        assert end.detail.startswith("Round 2: The prompt takes")

    async def test_a_critique_that_leaves_no_room_for_the_revision_ends_it(self) -> None:
        prompt = plain(CHAT.critique_prompt(DRAFT, DRAFT.response))
        room = SHORTEST_CRITIQUE_TOKENS + 10
        engine = ScriptedEngine(
            ["word " * 60], context_tokens=len(prompt.split()) + room, counts=False
        )
        _, end = await run(engine, prompts=CHAT)
        assert end.reason is StopReason.CONTEXT_FULL
        assert [step.kind for step in end.steps] == ["critique"]

    async def test_a_reply_cut_by_the_context_differs_from_one_cut_by_its_limit(
        self,
    ) -> None:
        engine = ScriptedEngine(
            lambda request: SAID if request.keep_prefix else "word " * 200, context_tokens=120
        )
        _, end = await run(engine)
        assert end.reason is StopReason.CONTEXT_FULL
        assert "Round 1: the revision could not be used in 3 tries: it filled the" in end.detail
        assert "tokens that were left" in end.detail


class TestEngineFailures:
    async def test_a_failure_in_round_3_keeps_the_versions_before_it(self) -> None:
        script: list[Reply] = [*cnr_rounds("b", "c"), SAID, UnreachableError("no route to host")]
        versions, end = await run(ScriptedEngine(script))
        assert texts(versions) == [DRAFT.response, "b", "c"]
        assert end.reason is StopReason.ENGINE_FAILED
        assert end.detail == "Round 3: no route to host"
        assert [step.kind for step in end.steps] == ["critique"]

    async def test_the_loop_itself_tries_no_request_again(self) -> None:
        engine = ScriptedEngine([RejectedError("no such model")])
        _, end = await run(engine)
        assert (end.reason, len(engine.requests)) == (StopReason.REJECTED, 1)

    async def test_an_error_that_is_not_an_engines_is_not_swallowed(self) -> None:
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await run(ScriptedEngine([ZeroDivisionError("a bug")]))

    async def test_cancellation_is_not_swallowed(self) -> None:
        class Endless(ScriptedEngine):
            async def generate(self, request: Request) -> Any:
                self.requests.append(request)
                await asyncio.Event().wait()

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await run(Endless([]))


class TestStoppingEarly:
    async def test_it_converges_and_counts_the_calls_saved(self) -> None:
        engine = ScriptedEngine(cnr_rounds("b", "b\n"))
        versions, end = await run(engine)
        assert texts(versions) == [DRAFT.response, "b", "b"]
        assert (end.reason, end.calls_saved) == (StopReason.CONVERGED, 6)
        assert len(engine.requests) == 4

    async def test_it_ends_in_a_cycle(self) -> None:
        versions, end = await run(ScriptedEngine(cnr_rounds("b", "c", "b")))
        assert texts(versions) == [DRAFT.response, "b", "c", "b"]
        assert (end.reason, end.calls_saved) == (StopReason.CYCLE, 4)

    async def test_a_good_score_saves_the_revision(self) -> None:
        engine = ScriptedEngine([*cnr_rounds("b"), cnr_critique(9)])
        versions, end = await run(engine, stop_score=9)
        assert texts(versions) == [DRAFT.response, "b", "b"]
        assert [step.kind for step in versions[2].steps] == ["critique"]
        assert (end.reason, end.calls_saved) == (StopReason.NOTHING_TO_IMPROVE, 7)
        assert len(engine.requests) + end.calls_saved == 2 * 5

    async def test_a_good_score_in_a_single_pass_keeps_the_version_before_it(self) -> None:
        engine = ScriptedEngine([both("b"), both("worse", 9)])
        versions, end = await run(engine, stop_score=9, single_pass=True)
        assert texts(versions) == [DRAFT.response, "b", "b"]
        assert (end.reason, end.calls_saved) == (StopReason.NOTHING_TO_IMPROVE, 3)

    async def test_a_score_below_the_stop_score_is_revised(self) -> None:
        engine = ScriptedEngine(cnr_rounds("b", critique=cnr_critique(8.9)))
        versions, _ = await run(engine, iterations=1, stop_score=9)
        assert versions[1].text == "b"

    async def test_a_critique_without_a_score_is_revised_whatever_the_stop_score(self) -> None:
        engine = ScriptedEngine(["Dull.", "<revised_response>b</revised_response>"])
        versions, _ = await run(engine, prompts=CHAT, iterations=1, stop_score=0)
        assert versions[1].text == "b"

    async def test_without_it_all_rounds_are_done(self) -> None:
        engine = ScriptedEngine(cnr_rounds("b", "b", "c", "b", "b"))
        versions, end = await run(engine, early_stop=False)
        assert texts(versions) == [DRAFT.response, "b", "b", "c", "b", "b"]
        assert (end.reason, end.calls_saved) == (StopReason.ROUNDS_DONE, 0)


def whimsical(seed: int) -> ScriptedEngine:
    """A critic whose reply depends only on the request; some replies are unusable."""

    def reply(request: Request) -> Reply:
        dice = zlib.crc32(f"{seed} {request.sampling.seed} {request.prompt}".encode())
        if dice % 3 == 0:
            return ("no form", Answer("cut", "length"), "  ")[dice // 3 % 3]
        is_critique = request.stop == (CNR.bridge,)
        said, revision = cnr_critique(1 + dice % 10), f"text {dice % 7}"
        if plain(request.prompt).endswith(CNR.bridge):
            return revision
        return said if is_critique else said + CNR.bridge + revision

    return ScriptedEngine(reply)


class TestResume:
    @given(
        seed=st.integers(0, 10_000),
        iterations=st.integers(1, 6),
        single_pass=st.booleans(),
        stop_score=st.sampled_from([None, 9]),
        early_stop=st.booleans(),
    )
    @hypothesis_settings(deadline=None, max_examples=60)
    async def test_a_trajectory_resumed_from_any_version_gives_the_same_result(
        self, seed: int, iterations: int, **options: Any
    ) -> None:
        options["iterations"] = iterations
        versions, end = await run(whimsical(seed), **options)
        for known in range(1, len(versions) + 1):
            resumed, new_end = await run(whimsical(seed), earlier=versions[:known], **options)
            assert [outcome(v) for v in resumed] == [outcome(v) for v in versions[known:]]
            assert new_end == end

    async def test_known_versions_are_not_handed_over_again(self) -> None:
        versions, _ = await run(ScriptedEngine(cnr_rounds("b", "c")), iterations=2)
        resumed, _ = await run(ScriptedEngine(cnr_rounds("c")), iterations=2, earlier=versions[:2])
        assert [version.round for version in resumed] == [2]

    async def test_a_trajectory_that_is_done_asks_nothing(self) -> None:
        versions, end = await run(ScriptedEngine(cnr_rounds("b", "b")))
        resumed, new_end = await run(ScriptedEngine([]), earlier=versions)
        assert (resumed, new_end) == ([], end)

    async def test_a_finished_trajectory_resumes_for_more_rounds(self) -> None:
        versions, _ = await run(ScriptedEngine(cnr_rounds("b", "c")), iterations=2)
        resumed, end = await run(ScriptedEngine(cnr_rounds("d")), earlier=versions, iterations=3)
        assert texts(resumed) == ["d"]
        assert end.reason is StopReason.ROUNDS_DONE

    async def test_the_critic_sees_the_last_known_version(self) -> None:
        versions, _ = await run(ScriptedEngine(cnr_rounds("b", "c")), iterations=2)
        engine = ScriptedEngine(cnr_rounds("d"))
        await run(engine, earlier=versions, iterations=3)
        assert engine.requests[0].prompt == CNR.critique_prompt(DRAFT, "c")

    async def test_no_two_rounds_share_a_seed(self) -> None:
        versions, _ = await run(whimsical(3), iterations=6, early_stop=False)
        seeds = [step.sampling.seed for version in versions for step in version.steps]
        assert len(seeds) == len(set(seeds))
        assert all(one.round + 1 == other.round for one, other in pairwise(versions))
