"""Scripted lengths: a function of the prompt, as long as real answers, in a critic's format."""

from __future__ import annotations

import statistics
from itertools import pairwise
from random import Random

import pytest

from benchmarks.edits.pairs import Pair
from benchmarks.lengths import (
    ANSWERS,
    CRITIQUES,
    WORDS,
    EditedWords,
    LengthScript,
    ScriptedEngine,
    drafts,
)
from revloop import AsyncReviser, InputError, PromptSet
from revloop.engines import Request
from revloop.engines.tokens import PromptTokenizer
from revloop.trajectory import Message, Sampling, StopReason
from tests.helpers.repository import REPOSITORY
from tests.helpers.scripted_engine import ScriptedEngine as EngineAtHand

SCRIPT = LengthScript(seed=1)
TOKENIZER = PromptTokenizer.from_folder(REPOSITORY / "src" / "revloop" / "demo" / "critic")
CONTEXT_TOKENS = 2048


def test_a_prompt_gets_the_same_answer_each_time() -> None:
    assert SCRIPT.answer("Some prompt") == LengthScript(seed=1).answer("Some prompt")


def test_another_prompt_and_another_seed_get_other_answers() -> None:
    answer = SCRIPT.answer("Some prompt")
    assert SCRIPT.answer("Some other prompt") != answer
    assert LengthScript(seed=2).answer("Some prompt") != answer


def test_answers_are_as_long_as_those_of_chat_models() -> None:
    """Their mean is 1,300 characters, 302 tokens at 4.3 characters each."""
    random = Random(0)
    drawn = [ANSWERS.draw(random) for _ in range(5000)]
    assert statistics.mean(drawn) == pytest.approx(302, rel=0.03)
    assert statistics.median(drawn) == pytest.approx(1199 / 4.3, rel=0.03)
    assert ANSWERS.least <= min(drawn) < max(drawn) == ANSWERS.most


def test_critiques_are_shorter() -> None:
    random = Random(0)
    assert statistics.mean(CRITIQUES.draw(random) for _ in range(5000)) == pytest.approx(
        102, rel=0.05
    )


def test_a_word_is_one_token_of_the_demo_critic() -> None:
    assert [word for word in WORDS if TOKENIZER.count(f" {word}") != 1] == []


def test_texts_have_the_form_of_the_prompt_set_and_the_tokens_that_were_drawn() -> None:
    prompts = SCRIPT.prompts
    for draft in drafts(40, seed=3):
        asked = prompts.critique_prompt(draft, draft.response)
        critique = SCRIPT.answer(str(asked))
        assert prompts.parse_critique(critique.text) is not None
        assert TOKENIZER.count(critique.text) == pytest.approx(critique.tokens, abs=3)
        revision = SCRIPT.answer(str(prompts.revision_prompt(asked, critique.text)))
        assert prompts.parse_revision(revision.text) == revision.text
        assert TOKENIZER.count(revision.text) == pytest.approx(revision.tokens, abs=3)


def test_the_longest_texts_fit_in_the_context() -> None:
    assert 64 + 2 * ANSWERS.most + CRITIQUES.most < CONTEXT_TOKENS - 100


def test_the_first_drafts_are_the_same_for_any_number() -> None:
    assert drafts(3, seed=5) == drafts(9, seed=5)[:3]
    assert drafts(3, seed=5) != drafts(3, seed=6)


async def test_the_engine_is_asked_for_just_the_tokens_of_the_script() -> None:
    engine = EngineAtHand(["generated"])
    completion = await ScriptedEngine(engine, SCRIPT).generate(
        Request(
            prompt="Some prompt", sampling=Sampling(), max_tokens=7, stop=("x",), keep_prefix=True
        )
    )
    scripted = SCRIPT.answer("Some prompt")
    (asked,) = engine.requests
    assert (asked.max_tokens, asked.exact) == (scripted.tokens, True)
    assert (asked.stop, asked.keep_prefix, asked.prefix) == ((), False, None)
    assert (completion.text, completion.finish_reason) == (scripted.text, "stop")


async def test_the_messages_of_a_chat_are_refused() -> None:
    prompt = (Message(role="user", content="Hello"),)
    request = Request(prompt=prompt, sampling=Sampling(), max_tokens=7)
    with pytest.raises(InputError, match="supports text prompts, not chats"):
        await ScriptedEngine(EngineAtHand([]), SCRIPT).generate(request)


async def test_no_trajectory_converges() -> None:
    engine = ScriptedEngine(EngineAtHand(["generated"] * 10), SCRIPT)
    (draft,) = drafts(1)
    async with AsyncReviser(engine=engine) as reviser:
        trajectory = await reviser.revise(draft, iterations=5)
    assert trajectory.end is not None
    assert trajectory.end.reason is StopReason.ROUNDS_DONE
    assert len({version.text for version in trajectory.versions}) == 6


def edits_script(share: float, prompt_set: str = "cnr-edits") -> LengthScript:
    """Edits take a quarter of a rewrite's tokens."""
    prompts = PromptSet.load(prompt_set)
    return LengthScript(seed=1, prompts=prompts, edited=EditedWords(share, (0.25,)))


def test_edits_and_rewrites_of_a_text_end_with_the_same_words_of_which_a_share_is_new() -> None:
    edits, rewrites = edits_script(0.1), edits_script(0.1, "cnr")
    for draft in drafts(20, seed=3):
        asked = edits.prompts.critique_prompt(draft, draft.response)
        critique = edits.answer(str(asked)).text
        assert critique == rewrites.answer(str(asked)).text
        written = edits.answer(str(edits.prompts.revision_prompt(asked, critique)))
        rewrite = rewrites.answer(str(rewrites.prompts.revision_prompt(asked, critique)))
        assert edits.prompts.revised(written.text, draft.response).text == rewrite.text
        assert Pair(draft.response, rewrite.text).share == pytest.approx(0.1, abs=0.05)
        assert TOKENIZER.count(rewrite.text) == pytest.approx(rewrite.tokens, abs=3)
        assert written.tokens == round(0.25 * rewrite.tokens)


async def test_a_few_edits_change_a_text_in_every_round_and_keep_its_length() -> None:
    engine = ScriptedEngine(EngineAtHand(["generated"] * 20), edits_script(0.01))
    (draft,) = drafts(1)
    async with AsyncReviser(engine=engine, prompts="cnr-edits") as reviser:
        trajectory = await reviser.revise(draft, iterations=10)
    texts = [version.text for version in trajectory.versions]
    assert all(version.edits for version in trajectory.versions[1:])
    assert len(texts) == 11
    assert all(one != other for one, other in pairwise(texts))
    assert len(texts[-1].split()) == pytest.approx(len(draft.response.split()), rel=0.2)


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1, 0.2])
def test_the_ratios_of_edits_are_those_that_were_counted(share: float) -> None:
    ratios = EditedWords.measured(share).ratios
    assert len(ratios) == 10
    assert share < statistics.mean(ratios) < 5 * share


def test_a_prompt_without_a_response_cannot_be_edited() -> None:
    script = edits_script(0.1)
    with pytest.raises(InputError, match="does not name the response"):
        script.answer(f"Some prompt{script.prompts.bridge}")
