"""The model `english`: which passages it reads, which changes it keeps, and how it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop import AsyncReviser
from revloop.engines.base import Completion, Request
from revloop.engines.english.changes import changed, changes_between, is_small
from revloop.engines.english.engine import ENGLISH, ProofreadingEngine
from revloop.engines.english.likelihood import Likelihood, batches
from revloop.engines.english.lines import MOST_WORDS, passages
from revloop.engines.english.opening import load_prompts
from revloop.engines.english.reader import Reader
from revloop.engines.english.spelling import misspellings, vocabulary_of
from revloop.errors import RejectedError
from revloop.options import EngineOptions
from revloop.trajectory import EngineInfo, FinishReason, Sampling, StopReason, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def _kept(before: str, after: str) -> str:
    """The text after its small changes."""
    changes = changes_between(before, after)
    return changed(before, [one for one in changes if is_small(before, one)])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("I recieve it.", "I receive it."),
        ("He is at the home.", "He is in the home."),
        ("She go to school.", "She goes to a school."),
        ("It is in in the box.", "It is in the box."),
        ("It is big big.", "It is big."),
        ("Yesterday she go home.", "Yesterday she went home."),
        ("Two childs play here.", "Two children play here."),
        ("weather was fine.", "The weather was fine."),
        ("It costed alot.", "It cost a lot."),
        ("I know there house.", "I know their house."),
        ("He came , and left", "He came, and left."),
        ("He run `x` and it costed $5, not $4.", "He ran `x` and it cost $5, not $4."),
        ("It is (wich helps) [a note] here.", "It is (which helps) [a note] here."),
        ("If a < b than stop, if c > d go.", "If a < b then stop, if c > d go."),
    ],
)
def test_a_corrected_word_and_a_swapped_small_word_are_small_changes(
    before: str, after: str
) -> None:
    assert _kept(before, after) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("It costs 240 euro now.", "It costs 24 euro now."),
        ("The **frist** part.", "The first part."),
        ("As follows:", "As follows."),
        ("Set it to +1.", "Set it to -1."),
        ("Learn to say 'no' early.", "Learn to say no early."),
        ("Step one: Wash it", "Step one: wash it"),
        ("A misundrestood idea.", "A wrong idea."),
        ("They did not come.", "They did come."),
        ("Read Dune by Herbert.", "Read Dunes by Herbert."),
        ("The old man left.", "The man left."),
        ("Run `git recieve pack` now.", "Run `git receive pack` now."),
        ("Run ``a ` recieve`` now.", "Run ``a ` receive`` now."),
        ("See host.org/teh-page now.", "See host.org/the-page now."),
        ("See https://host.org/teh now.", "See https://host.org/the now."),
        ("See [it](widgt one (frist)) now.", "See [it](widget one (first)) now."),
        ("See [it][frist] now.", "See [it][first] now."),
        ("Write to jonh@host.org now.", "Write to john@host.org now."),
        ("It is in docs/frist_page.md now.", "It is in docs/first_page.md now."),
        ('Put <p clas="x"> there.', 'Put <p class="x"> there.'),
        ("Add --versoin to it.", "Add --version to it."),
        ("Ask @jonh or #teh people.", "Ask @john or #the people."),
        ("Here $a_frist+b$ holds.", "Here $a_first+b$ holds."),
        (r"Write \secton here.", r"Write \section here."),
        ("A zero\u200bwidht space.", "A zero width space."),
        ("The soft\u00adwear is here.", "The software is here."),
    ],
)
def test_numbers_markup_code_names_negations_and_other_words_stay(before: str, after: str) -> None:
    assert _kept(before, after) == before


def test_of_two_changes_side_by_side_only_the_small_one_is_kept() -> None:
    before, after = "She go to the cinema on 3 May.", "She goes to the opera on 3 May."

    assert _kept(before, after) == "She goes to the cinema on 3 May."


def test_all_changes_of_a_text_make_the_other() -> None:
    before, after = "He go to , school every days", "Yes, he goes to the school, every day."

    assert changed(before, changes_between(before, after)) == after


@pytest.mark.parametrize("blank", ["  ", "\t", "\u00a0", "\u202f", " \t "])
def test_blanks_stay_as_they_are(blank: str) -> None:
    before = f"She go{blank}to the cinema{blank}of the town{blank}on Monday."

    after = "She goes to the cinemas of the town on Monday."
    assert _kept(before, after) == before.replace("go", "goes").replace("cinema", "cinemas")


def test_only_prose_is_read() -> None:
    answer = (
        "# A title of five words\n\n- Open the file with a program.\n> It were a good day.\n"
        "```\nx = 1 if a else b or c\n```\n| a | b |\n\n    an indented line of some code\nShort.\n"
    )

    assert [answer[start:end] for start, end in passages(answer)] == [
        "A title of five words",
        "Open the file with a program.",
        "It were a good day.",
    ]


@pytest.mark.parametrize(
    "code",
    [
        "````\nsome words of code here\n```\nsome words of code here\n```\n````",
        "~~~\nsome words of code here\n```\nsome words of code here\n~~~",
        "> ```\n> some words of code here\n> ```",
        "- ```\n  some words of code here\n  ```",
    ],
)
def test_a_block_of_code_ends_with_a_fence_like_its_own(code: str) -> None:
    answer = f"Here are the words before.\n{code}\nHere are the words after."

    assert [answer[start:end] for start, end in passages(answer)] == [
        "Here are the words before.",
        "Here are the words after.",
    ]


def test_a_line_that_begins_with_code_opens_no_block() -> None:
    answer = "```a = b``` is the first line of code.\nHere are the words after."

    assert len(list(passages(answer))) == 2


def test_a_long_line_is_read_a_few_sentences_at_a_time() -> None:
    line = " ".join(f"Sentence {number} has only a few words." for number in range(40))

    read = [line[start:end] for start, end in passages(line)]
    assert " ".join(read) == line
    assert all(len(one.split()) <= MOST_WORDS for one in read)
    assert all(one.endswith(".") for one in read)


def test_a_sentence_that_is_too_long_is_not_read_and_those_beside_it_are() -> None:
    long = " ".join(["It goes on and on"] * 200)
    answer = f"It were short at first. {long}. It were short at last."

    assert [answer[start:end] for start, end in passages(answer)] == [
        "It were short at first.",
        "It were short at last.",
    ]


def test_long_texts_are_scored_a_few_at_a_time() -> None:
    texts = ["a" * 100] * 20 + ["b" * 2000] * 7 + ["c" * 30_000]

    divided = list(batches(texts))
    assert [text for batch in divided for text in batch] == texts
    assert [len(batch) for batch in divided] == [16, 5, 5, 1, 1]
    assert list(batches([])) == []


def test_a_word_that_no_vocabulary_has_may_stand_for_those_one_slip_away() -> None:
    text = "Teh hoise and the huose and some xyzzy."

    found = [(text[one.start : one.end], one.words) for one in misspellings(text, VOCABULARY)]
    assert found == [("Teh", ("The",)), ("hoise", ("house",)), ("huose", ("house",))]


@pytest.mark.parametrize(
    "text",
    [
        "We met Hause there.",
        "Type `hoise` or **hoise** or hoise.py or x_hoise.",
        "Type `is hoise of` or <p hoise of> or [is](is hoise of).",
        "The centre of colour is organised.",
        "The house's isn't hou.",
    ],
)
def test_names_code_other_spellings_and_parts_of_words_are_no_misspellings(text: str) -> None:
    known = frozenset({"center", "color", "organized", "house", "is", "of"})

    assert list(misspellings(text, known)) == []


def test_the_vocabulary_is_the_words_after_a_blank() -> None:
    assert vocabulary_of(["\u0120house", "\u0120House", "hou", "\u01201", "\u0120o'"]) == {"house"}


class _Critic:
    """Writes the correction of each passage that it knows, and a copy of the others."""

    def __init__(self, known: Mapping[str, str], finish: FinishReason = "stop") -> None:
        self.info = EngineInfo(kind="transformers", model="stand-in")
        self.context_tokens = 8192
        self.asked: list[str] = []
        self._known, self._finish = known, finish

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    async def generate(self, request: Request) -> Completion:
        assert isinstance(request.prompt, str)
        passage = request.prompt.removeprefix("Correct this:\n").removesuffix("\n\nFaults:\n")
        self.asked.append(passage)
        return Completion(
            text=f"spelling\n\nCorrected:\n{self._known.get(passage, passage)}",
            finish_reason=self._finish,
            limit_tokens=request.max_tokens,
            usage=Usage(prompt_tokens=7, generated_tokens=5),
            latency_s=0.0,
        )

    async def aclose(self) -> None:
        """Nothing to close."""


class _Likelihood(Likelihood):
    """Finds texts with certain words unlikely."""

    def __init__(self, *unlikely: str) -> None:
        super().__init__(None, None)
        self._unlikely = unlikely

    def nats(self, texts: Sequence[str]) -> list[float]:
        return [-9.0 * float(sum(text.count(word) for word in self._unlikely)) for text in texts]


TEXT = (
    "The frist line is of some words.\n\n```\nthe frist line of the code\n```\n"
    "It were here for hours."
)
CORRECTED = {
    "The first line is of some words.": "The first line is of some worlds.",
    "It were here for hours.": "It was here for hours.",
}


VOCABULARY = frozenset(
    ("the", "first", "line", "of", "some", "words", "were", "here", "for", "hours", "house")
)


def _engine(critic: _Critic) -> ProofreadingEngine:
    likelihood = _Likelihood("frist", "were", "worlds")
    return ProofreadingEngine(Reader(critic, likelihood, VOCABULARY), critic, version="1")


async def test_what_makes_a_passage_likelier_is_corrected_and_nothing_else_changes() -> None:
    critic = _Critic(CORRECTED)

    async with AsyncReviser(engine=_engine(critic), prompts=ENGLISH) as reviser:
        trajectory = await reviser.revise(TEXT)
    assert trajectory.final == TEXT.replace("The frist", "The first").replace("were", "was")
    first = trajectory.versions[1]
    assert first.critique is not None
    assert first.critique.raw == (
        '"The frist line" should be "The first line".\n"were" should be "was".'
    )
    assert [edit.find for edit in first.edits or ()] == ["The frist line", "were"]
    assert trajectory.end is not None
    assert trajectory.end.reason is StopReason.CONVERGED


async def test_the_trained_model_sees_misspelt_words_corrected() -> None:
    critic = _Critic({})

    async with AsyncReviser(engine=_engine(critic), prompts=ENGLISH) as reviser:
        trajectory = await reviser.revise("Here is the huose of the frist hours.", iterations=1)
    assert trajectory.final == "Here is the huose of the first hours."  # huose: no likelier
    assert critic.asked == [trajectory.final]


async def test_critique_and_revision_can_come_in_one_reply() -> None:
    critic = _Critic(CORRECTED)

    async with AsyncReviser(engine=_engine(critic), prompts=ENGLISH, single_pass=True) as reviser:
        trajectory = await reviser.revise(TEXT, iterations=1)
    assert "first" in trajectory.final
    assert len(critic.asked) == len(CORRECTED)  # each passage once


async def test_a_passage_that_stays_is_read_in_the_first_round_alone() -> None:
    critic = _Critic(CORRECTED)

    async with AsyncReviser(engine=_engine(critic), prompts=ENGLISH) as reviser:
        trajectory = await reviser.revise(f"{TEXT}\nThe words of the house are here.")
    assert trajectory.rounds == 2
    assert sorted(critic.asked) == [
        "It was here for hours.",
        "It were here for hours.",
        "The first line is of some words.",  # as corrected before the model reads it
        "The first line is of some words.",
        "The words of the house are here.",
    ]


async def test_the_tokens_of_a_reading_count_once() -> None:
    async with AsyncReviser(engine=_engine(_Critic(CORRECTED)), prompts=ENGLISH) as reviser:
        trajectory = await reviser.revise(TEXT, iterations=1)
    usages = [step.usage for step in trajectory.versions[1].steps]
    assert [usage.generated_tokens for usage in usages] == [10, 0]


async def test_of_a_reply_that_was_cut_nothing_is_taken() -> None:
    critic = _Critic(CORRECTED, finish="length")

    async with AsyncReviser(engine=_engine(critic), prompts=ENGLISH) as reviser:
        trajectory = await reviser.revise(TEXT)
    assert trajectory.final == TEXT.replace("The frist", "The first")  # misspelt


async def test_other_prompts_are_refused() -> None:
    request = Request(prompt="Hello?", sampling=Sampling(), max_tokens=10)

    with pytest.raises(RejectedError, match="proofreads: it answers its own prompt set alone"):
        await _engine(_Critic({})).generate(request)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"model": ENGLISH}, ENGLISH),
        ({"model": "demo"}, "cnr"),
        ({"model": ENGLISH, "base_url": "http://127.0.0.1:1"}, "cnr"),
    ],
)
def test_the_proofreader_brings_its_prompt_set(options: dict[str, str], name: str) -> None:
    assert load_prompts(None, EngineOptions.model_validate(options)).name == name
