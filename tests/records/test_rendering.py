"""Training text: identical to what the loop sends, and parsed back by the loop."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop import AsyncReviser, Message, PromptSet
from revloop.errors import InputError
from revloop.prompts import texts_given
from revloop.prompts.parsing import RevisionTags
from revloop.records import Lesson, Record, training_texts
from tests.helpers.record_samples import BOTTLES, TURNS, record
from tests.helpers.repository import REPOSITORY
from tests.helpers.scripted_engine import ScriptedEngine

CNR, CHAT = PromptSet.load("cnr"), PromptSet.load("chat")
CNR_EDITS, CHAT_EDITS = PromptSet.load("cnr-edits"), PromptSet.load("chat-edits")
GOLDEN = Path(__file__).parent / "bottles.txt"

texts = st.text(max_size=80)
filled = texts.filter(lambda text: bool(text.strip()))
tricky = st.sampled_from(
    ["Overall score: 3", "\nNegative aspects: no", "\n\n### Revised response:\n", "${prompt}", "$$"]
)
any_text = st.lists(st.one_of(texts, tricky), min_size=1, max_size=4).map("".join)
scores = st.one_of(st.integers(1, 10), st.floats(1, 10))


@pytest.fixture
def free(tmp_path: Path) -> PromptSet:
    """A completion set for critiques in free form."""
    folder = tmp_path / "free"
    shutil.copytree(REPOSITORY / "prompts" / "cnr", folder)
    text = (folder / "settings.toml").read_text(encoding="utf-8")
    before, _, rest = text.partition("[critique.labels]")
    _, _, after = rest.partition("[revision]")
    (folder / "settings.toml").write_text(f"{before}[revision]{after}", encoding="utf-8")
    return PromptSet.load(folder)


class TestCompletion:
    def test_the_record_on_bottles_is_rendered_to_the_letter(self) -> None:
        (text,) = training_texts(record(), CNR)
        assert isinstance(text.prompt, str)
        assert text.prompt + text.target == GOLDEN.read_text(encoding="utf-8").removesuffix("\n")
        assert text.target.startswith("Overall score: 4\nPositive aspects: It is short")
        assert (text.id, text.lesson, text.ends) == ("bottles", Lesson.BOTH, True)

    def test_the_prompt_is_what_the_loop_sends(self) -> None:
        (text,) = training_texts(record(), CNR)
        assert text.prompt == CNR.critique_prompt(record().draft, str(BOTTLES["response"]))

    def test_prompt_and_critique_are_what_the_loop_sends_for_the_revision(self) -> None:
        (text,) = training_texts(record(), CNR)
        assert isinstance(text.prompt, str)
        whole = text.prompt + text.target
        critique, _, _ = text.target.partition(CNR.bridge)
        assert whole.startswith(str(CNR.revision_prompt(text.prompt, critique)))

    @given(any_text, any_text, scores, texts, texts, filled)
    def test_the_loop_reads_back_what_was_rendered(
        self, prompt: str, response: str, score: float, good: str, bad: str, revision: str
    ) -> None:
        made = Record(
            prompt=prompt,
            response=response + ".",
            score=score,
            positive=good,
            negative=bad + ".",
            revision=revision,
        )
        (text,) = training_texts(made, CNR)
        critique, revised = CNR.parse_single_pass(
            text.target, texts_given(made.draft, made.response)
        )
        parts = (critique.score, critique.positive, critique.negative)
        assert parts == (score, good.strip(), (bad + ".").strip())
        assert revised == revision

    @given(scores, any_text, any_text, any_text)
    def test_headings_in_a_text_are_read_back_or_refused(
        self, score: float, good: str, bad: str, revision: str
    ) -> None:
        made = Record(
            prompt="Why?",
            response="So.",
            score=score,
            positive=good,
            negative=bad + ".",
            revision=revision + ".",
        )
        try:
            (text,) = training_texts(made, CNR)
        except InputError as refused:
            assert "cannot be read back" in str(refused)  # noqa: PT017 - either is right
            return
        critique, revised = CNR.parse_single_pass(
            text.target, texts_given(made.draft, made.response)
        )
        parts = (critique.positive, critique.negative, revised)
        assert parts == (good.strip(), (bad + ".").strip(), revision + ".")

    def test_a_heading_in_the_prompt_or_the_revision_is_text_like_any_other(self) -> None:
        heading = "### Revised response:\nOverall score: 1"
        (text,) = training_texts(record(prompt=heading, revision=heading), CNR)
        assert text.target.endswith(heading)

    def test_a_critique_alone_goes_on_to_the_bridge_and_does_not_end(self) -> None:
        (text,) = training_texts(record(revision=None), CNR)
        assert text.target.endswith(CNR.bridge)
        assert (text.lesson, text.ends) == (Lesson.CRITIQUE, False)

    def test_a_revision_alone_follows_an_empty_critique(self) -> None:
        alone = record(positive=None, negative=None, score=None)
        (text,) = training_texts(alone, CNR)
        opening = CNR.critique_prompt(alone.draft, alone.response)
        assert text.prompt == CNR.revision_prompt(opening, "")
        assert (text.target, text.lesson, text.ends) == (BOTTLES["revision"], Lesson.REVISION, True)

    def test_a_conversation_is_laid_out_as_in_the_loop(self) -> None:
        talk = record(prompt=None, messages=TURNS)
        (text,) = training_texts(talk, CNR)
        assert "User: Name a prime.\n\nAssistant: Seven." in str(text.prompt)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"score": 11}, "11 is outside the scale .*1 to 10"),
            ({"score": None}, "no score"),
            ({"positive": None, "negative": None, "critique": "Bad."}, "no positive"),
            ({"positive": "a\n\n### Revised response:\nb"}, "cannot be read back"),
            ({"positive": "a\nNegative aspects: b"}, "cannot be read back"),
        ],
    )
    def test_what_has_no_place_in_the_layout_is_refused(
        self, changes: dict[str, object], words: str
    ) -> None:
        with pytest.raises(InputError, match=words):
            training_texts(record(**changes), CNR)

    def test_a_free_critique_that_has_the_headings_already_stands_as_it_is(self) -> None:
        critique = "Read.\nOverall score: 3\nPositive aspects: a\nNegative aspects: b"
        made = record(score=None, positive=None, negative=None, critique=critique)
        (text,) = training_texts(made, CNR)
        assert text.target == f"{critique}{CNR.bridge}{BOTTLES['revision']}"

    def test_a_part_that_is_not_there_leaves_its_heading_empty(self) -> None:
        (text,) = training_texts(record(negative=None), CNR)
        assert f"\nNegative aspects:{CNR.bridge}" in text.target


class TestFreeForm:
    def test_a_free_critique_stands_as_it_is(self, free: PromptSet) -> None:
        made = record(positive=None, negative=None, score=None, critique=" Light, not looks.\n")
        (text,) = training_texts(made, free)
        assert text.target == f"Light, not looks.{free.bridge}{BOTTLES['revision']}"

    def test_aspects_without_headings_are_paragraphs(self, free: PromptSet) -> None:
        (text,) = training_texts(record(positive="Short.", negative="Wrong."), free)
        assert text.target.startswith(f"Short.\n\nWrong.{free.bridge}")

    def test_a_bridge_in_the_critique_is_refused(self, free: PromptSet) -> None:
        made = record(positive=None, negative=None, critique=f"a{free.bridge}b")
        with pytest.raises(InputError, match="cannot be read back"):
            training_texts(made, free)


class TestOtherSets:
    def test_tags_of_a_completion_set_enclose_the_revision(self, free: PromptSet) -> None:
        tags = RevisionTags(opening="<new>", closing="</new>")
        revision = free.settings.revision.model_copy(update={"tags": tags})
        settings = free.settings.model_copy(update={"revision": revision})
        tagged = replace(free, settings=settings)
        (text,) = training_texts(record(), tagged)
        _, revised = tagged.parse_single_pass(text.target)
        assert revised == BOTTLES["revision"]

    def test_headings_that_are_not_required_are_read_back_or_refused(self) -> None:
        with pytest.raises(InputError, match="cannot be read back"):
            training_texts(record(positive="a\nNegative aspects: b"), CHAT)


class TestChat:
    def test_each_turn_of_the_critic_is_an_example(self) -> None:
        first, second = training_texts(record(), CHAT)
        opening = CHAT.critique_prompt(record().draft, record().response)
        assert (first.prompt, first.lesson) == (opening, Lesson.CRITIQUE)
        assert second.prompt == CHAT.revision_prompt(opening, first.target)
        assert isinstance(second.prompt, tuple)
        assert second.prompt[-2] == Message(role="assistant", content=first.target)
        assert CHAT.parse_revision(second.target) == BOTTLES["revision"]

    def test_a_free_critique_is_taken_where_headings_are_not_required(self) -> None:
        made = record(positive=None, negative=None, score=None, critique="Bad.", revision=None)
        (text,) = training_texts(made, CHAT)
        assert (text.target, text.ends) == ("Bad.", True)

    def test_a_revision_alone_answers_nothing(self) -> None:
        with pytest.raises(InputError, match="answers the critique before it"):
            training_texts(record(positive=None, negative=None), CHAT)

    @given(any_text)
    def test_a_revision_with_tags_is_read_back_where_the_draft_holds_them(
        self, revision: str
    ) -> None:
        tagged = f"{revision}</revised_response><revised_response>."
        made = record(prompt=tagged, revision=tagged)
        _, second = training_texts(made, CHAT)
        given = texts_given(made.draft, made.response)
        assert CHAT.parse_revision(second.target, given) == tagged

    @pytest.mark.parametrize(
        ("revision", "why"),
        [
            ("a</revised_response><revised_response>b", "there is more than one revision"),
            ("<revised_response>a", "it contains a stray tag"),
            (CHAT.templates["bridge.txt"].splitlines()[0], "it repeats a line of the prompt"),
            ("So.\nPositive aspects: a\nNegative aspects: b", "it contains a critique"),
        ],
    )
    def test_a_revision_that_the_loop_would_not_take_is_refused(
        self, revision: str, why: str
    ) -> None:
        with pytest.raises(InputError, match=f"the revision cannot be read back .*{why}"):
            training_texts(record(revision=revision), CHAT)

    def test_white_space_around_a_revision_is_trained_on(self) -> None:
        for prompts in (CNR, CHAT):
            *_, last = training_texts(record(revision="    return x\n"), prompts)
            assert "    return x\n" in last.target
            assert last.target.endswith("    return x\n\n</revised_response>") or prompts is CNR

    def test_a_revision_that_reads_like_a_thought_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"the revision cannot be read back .*a thought"):
            training_texts(record(revision="<think>Hm.</think>So."), CNR)


class TestEdits:
    def test_a_revision_is_the_edits_that_make_it(self) -> None:
        made = record(response="We meet at nine.", revision="We meet at ten. Bring a coat.")
        (text,) = training_texts(made, CNR_EDITS)
        assert text.target.endswith("\n\n### Edits:\n- nine\n+ ten. Bring a coat")
        *_, last = training_texts(made, CHAT_EDITS)
        assert last.target == "<edits>\n- nine\n+ ten. Bring a coat\n</edits>"

    def test_an_unchanged_revision_teaches_to_change_nothing(self) -> None:
        (text,) = training_texts(record(revision=str(BOTTLES["response"])), CNR_EDITS)
        assert text.target.endswith("\n\n### Edits:\nnone")

    @given(filled, filled)
    def test_any_revision_is_read_back_to_the_letter(self, response: str, revision: str) -> None:
        made = record(response=response, revision=revision)
        for prompts in (CNR_EDITS, CHAT_EDITS):
            try:
                *_, last = training_texts(made, prompts)
            except InputError:  # as in the other form: it reads like a critique, say
                with pytest.raises(InputError):
                    training_texts(made, prompts.rewriting)
                continue
            written = last.target.partition(prompts.bridge)[2] or last.target
            read = prompts.parse_revision(written, texts_given(made.draft, response))
            assert prompts.revised(read, response).text == revision


async def test_the_loop_sends_what_was_trained_on() -> None:
    """The requests of a real round, with a critic that says what the record says."""
    (text,) = training_texts(record(), CNR)
    critique, _, revision = text.target.partition(CNR.bridge)
    engine = ScriptedEngine([critique, revision])
    async with AsyncReviser(engine=engine) as reviser:
        trajectory = await reviser.revise(record().draft, iterations=1)
    assert trajectory.final == BOTTLES["revision"]
    assert engine.prompts == [text.prompt, f"{text.prompt}{critique}{CNR.bridge}"]
