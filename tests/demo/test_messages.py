"""The domain: facts, prompts, good messages, corrupted drafts."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.demo.judge import judge
from revloop.demo.messages import (
    HELD_OUT_SOURCE,
    Facts,
    WordSource,
    corrupt,
    draw_draft,
    made_up_word,
    near_word,
    phrasings,
    write,
)
from revloop.demo.phrases import HELD_OUT, KINDS, TRAIN

SEEDS = st.integers(0, 2**32)
TRAINING = WordSource(made_up=0.5, near=0.2)


@given(SEEDS)
def test_facts_are_read_back_from_the_prompt_that_states_them(seed: int) -> None:
    facts = TRAINING.facts(Random(seed))
    assert Facts.from_prompt(facts.prompt()) == facts


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "Write a poem.",
        "Write a poem, one sentence a line.\nName: A\nThing: b c\nDay: d\nTime: 1 pm",
    ],
)
def test_a_prompt_of_another_domain_is_refused(prompt: str) -> None:
    with pytest.raises(ValueError, match="not a prompt of the demo domain"):
        Facts.from_prompt(prompt)


def test_a_prompt_speaks_of_a_note_and_of_an_invitation() -> None:
    words = ("Anna", "red", "lamp", "Monday", "5 pm")
    assert Facts("notice", *words).prompt().startswith("Write a notice,")
    assert Facts("invitation", *words).prompt().startswith("Write an invitation,")


@given(SEEDS)
def test_a_good_message_has_no_fault(seed: int) -> None:
    rng = Random(seed)
    facts = TRAINING.facts(rng)
    assert judge(facts.prompt(), write(facts, rng)).faults == ()


def test_every_phrasing_can_be_misspelt() -> None:
    rng = Random(0)
    facts = TRAINING.facts(rng)
    for kind in KINDS:
        changed = Facts(kind, facts.name, facts.colour, facts.thing, facts.day, facts.time)
        for _ in range(20):
            corrupt(changed, rng, 5, TRAINING)


@given(SEEDS, st.integers(0, 5))
def test_a_draft_has_as_many_faults_as_were_asked_for(seed: int, faults: int) -> None:
    rng = Random(seed)
    source = WordSource()
    facts = source.facts(rng)
    assert judge(facts.prompt(), corrupt(facts, rng, faults, source)).count == faults


@given(SEEDS)
def test_the_same_seed_draws_the_same_draft(seed: int) -> None:
    assert draw_draft(Random(seed), TRAINING) == draw_draft(Random(seed), TRAINING)


def test_one_draft_in_ten_is_free_of_faults_and_the_mean_is_near_the_pilots() -> None:
    rng = Random(7)
    drafts = [draw_draft(rng, HELD_OUT_SOURCE) for _ in range(2000)]
    counts = [judge(draft.prompt, draft.response).count for draft in drafts]
    assert counts.count(0) / len(counts) == pytest.approx(0.1, abs=0.02)
    assert sum(counts) / len(counts) == pytest.approx(2.7, abs=0.1)


def test_held_out_words_are_not_training_words() -> None:
    for words in ("names", "colours", "things"):
        assert not set(getattr(TRAIN, words)) & set(getattr(HELD_OUT, words))


def test_made_up_words_are_never_held_out_words() -> None:
    rng = Random(0)
    held_out = {
        word.lower()
        for words in (HELD_OUT.names, HELD_OUT.colours, HELD_OUT.things)
        for word in words
    }
    assert not held_out & {made_up_word(rng) for _ in range(20_000)}


@given(SEEDS, st.sampled_from(TRAIN.names + TRAIN.things))
def test_a_near_word_is_another_word(seed: int, word: str) -> None:
    assert near_word(word, Random(seed)).lower() != word.lower()


def test_each_kind_has_several_phrasings_of_each_line() -> None:
    facts = WordSource().facts(Random(0))
    assert len(KINDS) >= 8
    for kind in KINDS:
        changed = Facts(kind, facts.name, facts.colour, facts.thing, facts.day, facts.time)
        assert all(len(set(options)) >= 2 for options in phrasings(changed))


@given(SEEDS, st.integers(0, 5))
def test_the_number_of_faults_can_be_asked_for(seed: int, faults: int) -> None:
    draft = draw_draft(Random(seed), TRAINING, faults=(faults, faults))
    assert judge(draft.prompt, draft.response).count == faults
