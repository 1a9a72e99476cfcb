"""The proofreading benchmark: texts with mistakes, records, and what a revision did to them."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks.jfleg.sentences import Sentence
from benchmarks.proofreading.adapter import shrink
from benchmarks.proofreading.counting import Outcome, outcome_of
from benchmarks.proofreading.examples import (
    CRITIQUES,
    Example,
    examples,
    kinds,
    passages,
    walk,
)
from benchmarks.proofreading.figures import answers_figures, generated_figures, jfleg_figures
from benchmarks.proofreading.likelihood import (
    Gain,
    KnownLikelihood,
    only_likely,
    small_changes,
)
from benchmarks.proofreading.mistakes import Mistake, corrupted, misspelt, pieces_of
from benchmarks.proofreading.reading import Changed, read_figures, verdicts
from benchmarks.proofreading.spelling import SpellingCorrector
from benchmarks.proofreading.stages import PROMPTS, Measurement
from benchmarks.proofreading.teaching import lessons, records, stretches
from benchmarks.proofreading.wording import as_written, divided, revised
from benchmarks.proofreading.writing import good_lines
from benchmarks.saving import FOLDER as RESULTS
from revloop.engines.english.changes import changed
from revloop.engines.english.installed import adapter_version
from revloop.prompts import PromptSet
from revloop.records import training_texts

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "She has always been interested in the history of her town, and she knows many people there."


def _drawn(seed: int) -> list[Example]:
    return list(examples(20, seed=seed, part="measuring"))


def test_the_same_seed_gives_the_same_texts() -> None:
    assert _drawn(3) == _drawn(3)
    assert _drawn(3) != _drawn(4)


def test_no_text_comes_twice() -> None:
    texts = [example.text for example in examples(900, seed=0, part="training")]

    assert len(set(texts)) == 900


def test_no_passage_is_both_trained_on_and_measured_on() -> None:
    trained, chosen, measured = (
        {text for texts in passages(part) for text in texts}
        for part in ("training", "choosing", "measuring")
    )

    assert not trained & chosen
    assert not trained & measured
    assert not chosen & measured
    assert len(trained) > len(measured) > len(chosen) > 40


def test_some_texts_are_long_and_some_have_marks_as_answers_have() -> None:
    drawn = [example.right for example in examples(300, seed=0, part="training")]

    assert max(len(text.split()) for text in drawn) > 60
    assert any(text.endswith(":") for text in drawn)
    assert any("**" in text for text in drawn)


def test_records_have_several_mistakes_and_two_fifths_are_good() -> None:
    drawn = list(lessons(300, seed=0))

    bad = [example for example in drawn if example.mistakes]
    assert len({example.text for example in drawn}) == 300
    assert 0.5 < len(bad) / len(drawn) < 0.7
    assert sum(len(example.mistakes) for example in bad) / len(bad) > 4
    assert max(len(example.right.split()) for example in drawn) < 110


def test_no_record_comes_from_a_passage_to_measure_on() -> None:
    texts = [example.right for example in lessons(300, seed=0)]
    others = {
        text for part in ("choosing", "measuring") for texts in passages(part) for text in texts
    }

    assert not any(other in text for text in texts for other in others)


def test_a_long_line_is_divided_between_sentences() -> None:
    line = " ".join(f"Sentence {number} has only a few words." for number in range(40))

    divided_line = list(stretches(line))
    assert " ".join(divided_line) == line
    assert all(len(one.split()) <= 95 for one in divided_line)


def test_of_what_a_model_wrote_the_lines_of_good_prose_are_kept_once() -> None:
    answer = (
        "- **Sun:** Put it into the sun in the morning.\n- A link: see http of it for more.\n"
        "It was very very very very very good.\n1. It\u2019s a good idea to wait.\n"
        "It's a good idea to wait.\nIt was cut in the"
    )

    assert list(good_lines([(answer, True)])) == [
        "**Sun:** Put it into the sun in the morning.",
        "It's a good idea to wait.",
    ]


def test_about_half_of_the_texts_is_good() -> None:
    drawn = list(examples(600, seed=0, part="training"))

    good = [example for example in drawn if not example.mistakes]
    assert 0.4 < len(good) / len(drawn) < 0.6
    assert all(example.text == example.right for example in good)


@pytest.mark.parametrize("seed", range(20))
def test_each_mistake_changes_the_text_where_it_says(seed: int) -> None:
    text, mistakes = corrupted(TEXT, Random(seed), 3, frozenset())

    outcome = outcome_of(Example(text, TEXT, mistakes), text)
    assert len(mistakes) == 3
    assert outcome == ((), mistakes, 0)


def test_mistakes_are_of_many_kinds() -> None:
    kinds = {
        mistake.kind
        for example in examples(300, seed=0, part="training")
        for mistake in example.mistakes
    }

    assert len(kinds) == 12


def test_a_misspelling_is_no_known_word() -> None:
    known = frozenset({"form", "farm", "firm"})

    wrong = {misspelt("form", Random(seed), known) for seed in range(200)}
    assert wrong
    assert not wrong & known


def test_a_corrected_mistake_is_fixed_and_the_other_is_left() -> None:
    right = "He goes to school every day."
    at, other = pieces_of(right).index("goes"), pieces_of(right).index("day")
    mistakes = (Mistake("agreement", at, at + 1), Mistake("number", other, other + 1))
    example = Example("He go to school every days.", right, mistakes)

    outcome = outcome_of(example, "He goes to school every days.")
    assert outcome == (mistakes[:1], mistakes[1:], 0)


def test_a_change_of_a_right_word_is_introduced() -> None:
    example = Example(TEXT, TEXT, ())

    outcome = outcome_of(example, TEXT.replace("town", "city").replace("many", "some"))
    assert outcome == ((), (), 2)


def test_a_walk_puts_each_change_in_brackets() -> None:
    written = walk("He go to school every days.", "He goes to school every day.")

    assert written == "He [ go -> goes ] to school every [ days -> day ]."


@pytest.mark.parametrize("form", CRITIQUES)
def test_every_record_can_be_trained_on(form: str) -> None:
    prompts = PromptSet.load(PROMPTS / form)

    for record in records(50, seed=0, form=form):
        (text,) = training_texts(record, prompts)
        assert text.target.startswith(record.critique or "?")
        assert text.ends


def test_the_critique_of_kinds_names_each_once() -> None:
    mistakes = (Mistake("number", 0, 1), Mistake("gaps", 4, 5), Mistake("number", 8, 9))

    assert kinds(Example("Bad.", "Good.", mistakes)) == "number, gaps"
    assert kinds(Example("Good.", "Good.", ())) == "none"


def test_figures_count_fixed_mistakes_and_harmed_texts() -> None:
    mistakes = (Mistake("number", 0, 1), Mistake("spelling", 4, 5))
    drawn = [Example("Bad.", "Good.", mistakes), Example("Good.", "Good.", ())]
    outcomes = [Outcome(mistakes[:1], mistakes[1:], 0), Outcome((), (), 1)]

    found = generated_figures(drawn, outcomes)
    assert found["fixed"]["share"] == 0.5
    assert found["fixed_by_kind"]["spelling"]["share"] == 0
    assert found["texts_with_something_introduced"]["share"] == 0.5
    assert found["good_texts_changed"]["share"] == 1


def test_a_change_stands_if_it_makes_its_text_more_likely_by_a_margin(tmp_path: Path) -> None:
    before, after = "He go to school every day's.", "He goes to school every days."
    first, second = small_changes(before, after)
    texts = [changed(before, [change]) for change in (first, second)]
    store = tmp_path / "likelihoods.json"
    store.write_text(json.dumps({before: -40.0, texts[0]: -35.0, texts[1]: -38.5}))

    ((*gains,),) = KnownLikelihood(tmp_path / "no model", store).gains([(before, after)])
    assert gains == [Gain(first, 5.0), Gain(second, 1.5)]
    assert only_likely(before, gains, 1.5) == after
    assert only_likely(before, gains, 2.0) == "He goes to school every day's."
    assert only_likely(before, gains, 5.1) == before


def test_an_answer_with_a_wrong_change_counts_once_and_unread_changes_are_listed() -> None:
    first, second, third = (
        Changed("one", "a", "b"),
        Changed("one", "c", "d"),
        Changed("two", "e", "f"),
    )

    found = read_figures([first, second, third], 4, {first: "wrong", second: "wrong"})
    assert found["verdicts"] == {"wrong": 2, "unread": 1}
    assert found["answers_with_a_wrong_change"]["share"] == 0.25
    assert found["changes"][-1] == ["two", "e", "f", "unread"]


def test_each_verdict_is_one_of_three() -> None:
    assert set(verdicts().values()) <= {"wrong", "preference", "right"}


def test_the_figures_are_of_the_adapter_that_ships_and_each_change_was_read() -> None:
    found = json.loads((RESULTS / "proofreading.json").read_bytes())["forms"]["kinds"]

    assert found["adapter"] == adapter_version()
    read = found["answers_read"]
    changes = [Changed(*one) for *one, _ in read["changes"]]
    assert read == read_figures(changes, 240, verdicts())
    assert "unread" not in read["verdicts"]


def test_a_smaller_adapter_is_the_nearest_of_its_rank(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    (before / "adapter_config.json").write_text(json.dumps({"r": 2, "lora_alpha": 4.0}))
    down, up = torch.tensor([[3.0, 0, 0], [0, 1, 0]]), torch.tensor([[2.0, 0], [0, 1]])
    save_file(
        {"x.lora_A.weight": down, "x.lora_B.weight": up}, before / "adapter_model.safetensors"
    )

    shrink(before, after, rank=1)
    assert adapter_version(after) != adapter_version(before)
    smaller = load_file(after / "adapter_model.safetensors")
    product = smaller["x.lora_B.weight"].float() @ smaller["x.lora_A.weight"].float()
    settings = json.loads((after / "adapter_config.json").read_text())
    assert torch.allclose(product, torch.tensor([[6.0, 0, 0], [0, 0, 0]]), atol=0.05)
    assert settings["lora_alpha"] / settings["r"] == 2


def test_another_way_of_revising_has_a_folder_of_its_own(tmp_path: Path) -> None:
    measurement = Measurement(
        folder=tmp_path,
        data=tmp_path,
        base=tmp_path,
        form="kinds",
        records=1,
        seed=0,
        texts=1,
        every=1,
        training=(),
        variant="other",
    )

    assert measurement.results == tmp_path / "other"
    assert replace(measurement, variant="").results == tmp_path


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("I do n't know , he said .", "I don't know, he said."),
        ("It costs 1,000 euros ( or more ) .", "It costs 1,000 euros (or more)."),
        ("No blank before ... this", "No blank before ... this"),
    ],
)
def test_a_sentence_is_read_as_people_write_it_and_written_back(words: str, text: str) -> None:
    assert as_written(words) == text
    assert revised(words, text) == words


def test_a_revision_is_divided_into_words() -> None:
    assert divided("He can't go, but they'll try.") == "He ca n't go , but they 'll try ."


def test_jfleg_counts_good_sentences_that_changed() -> None:
    good = Sentence("This is good .", ("This is good .",) * 4)
    bad = Sentence("This are bad .", ("This is bad .",) * 4)

    found = jfleg_figures([good, bad], ["This was good.", "This is bad."])
    assert found["good_sentences_changed"]["share"] == 1
    assert jfleg_figures([good, bad], ["This is good.", "This is bad."])["gleu"] > found["gleu"]


def test_of_nothing_the_share_is_not_known() -> None:
    bad = Sentence("This are bad .", ("This is bad .",) * 4)

    found = jfleg_figures([bad], ["This is bad."])
    assert found["good_sentences_changed"] == {"of": 0, "share": 0.0, "low": 0.0, "high": 1.0}


def test_an_answer_is_changed_if_one_of_its_lines_is() -> None:
    lines = [("one", "First."), ("one", "Second."), ("two", "Third.")]

    found = answers_figures(lines, ["First.", "Second!", "Third."])
    assert found["answers_changed"] == {"of": 2, "share": 0.5, "low": 0.0945, "high": 0.9055}


class _Checker:
    """Knows one word."""

    def known(self, words: list[str]) -> set[str]:
        return {"house"}.intersection(words)

    def correction(self, word: str) -> str | None:
        return {"huose": "house"}.get(word)


def test_a_spelling_checker_corrects_unknown_words_but_no_names() -> None:
    corrected = SpellingCorrector(_Checker()).corrected

    assert corrected("Huose of Huose. Huose huose house xyzzy") == (
        "House of Huose. House house house xyzzy"
    )
