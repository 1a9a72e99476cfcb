"""Records, GLEU and the figures of `benchmarks/jfleg`, on sentences made up for these tests."""

from __future__ import annotations

import math
import random
import shlex
from typing import TYPE_CHECKING

import pytest

from benchmarks.jfleg import fluency
from benchmarks.jfleg.__main__ import parser_of_command, runs
from benchmarks.jfleg.faults import changes, kinds_critique, partly_revised, walk_critique
from benchmarks.jfleg.feedback import CRITIQUES, MORE, closest_first, make_records
from benchmarks.jfleg.figures import round_figures, win_rate
from benchmarks.jfleg.gleu import corpus_gleu, sentence_gleu
from benchmarks.jfleg.judging import FOLDER, TIE_MARGIN, compare, judge
from benchmarks.jfleg.results import KEYS, RESULTS, known_runs, tables
from benchmarks.jfleg.sentences import Sentence, read_sentences
from benchmarks.jfleg.stages import PROMPTS
from revloop.prompts import PromptSet
from revloop.records import training_texts

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = "my sister have buyed two cat , it are grey ."
REVISED = "My sister bought two cats . They are grey ."
OTHER = "My sister has bought two cats , they are grey ."
GOOD = "The bakery opens at seven ."
SENTENCES = [
    Sentence(SOURCE, (REVISED, OTHER, OTHER, "My sister has bought two cats ; they are grey .")),
    Sentence(GOOD, (GOOD,) * 4),
]


def test_gleu_is_one_for_a_reference_and_less_for_the_source() -> None:
    one = Sentence(SOURCE, (REVISED,) * 4)
    assert corpus_gleu([one], [REVISED]).value == pytest.approx(100)
    assert corpus_gleu([one], [SOURCE]).value == 0
    assert 0 < sentence_gleu(one, SOURCE) < sentence_gleu(one, REVISED) == pytest.approx(1)


def test_what_is_kept_of_the_source_against_the_reference_counts_against_a_text() -> None:
    one = Sentence("a b c d e f", ("a b c d e x",) * 4)
    # kept of the source only: f, "e f", "d e f", "c d e f"
    kept = math.exp(sum(math.log(n) for n in (4 / 6, 3 / 5, 2 / 4, 1 / 3)) / 4)
    # neither in the source nor in the reference
    new = math.exp(sum(math.log(n) for n in (5 / 6, 4 / 5, 3 / 4, 2 / 3)) / 4)
    assert corpus_gleu([one], ["a b c d e f"]).value == pytest.approx(100 * kept)
    assert corpus_gleu([one], ["a b c d e y"]).value == pytest.approx(100 * new)


def test_a_short_text_is_penalised() -> None:
    one = Sentence("p q r s t", ("a b c d e f",) * 4)
    assert corpus_gleu([one], ["a b c d"]).value == pytest.approx(100 * math.exp(1 - 6 / 4))


def test_the_interval_holds_the_value() -> None:
    found = corpus_gleu([*SENTENCES] * 5, [OTHER, GOOD] * 5)
    assert found.low <= found.value <= found.high
    assert found.low < found.high


def test_a_critique_names_each_change_in_order() -> None:
    assert walk_critique(SOURCE, OTHER).splitlines() == [
        '"my" -> "My"',
        '"have buyed" -> "has bought"',
        '"cat" -> "cats"',
        '"it" -> "they"',
    ]
    assert walk_critique(GOOD, GOOD) == kinds_critique(GOOD, GOOD) == "none"


def test_an_insertion_is_quoted_with_its_neighbour() -> None:
    assert walk_critique("I saw dog", "I saw a dog") == '"saw" -> "saw a"'
    assert walk_critique("dog barks", "The dog barks") == '"dog" -> "The dog"'
    assert walk_critique("it it barks", "it barks") == '"it it" -> "it"'


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("my cat", "My cat", "capitals"),
        ("my cat", "my cats", "number"),
        ("a dog", "the dog", "article"),
        ("I saw dog", "I saw the dog", "article"),
        ("on noon", "at noon", "preposition"),
        ("a recieved letter", "a received letter", "spelling"),
        ("she is walk home", "she is walking home", "verb form"),
        ("he did a mistake", "he made a mistake", "word choice"),
        ("well , yes", "well yes", "punctuation"),
        ("a foot ball", "a football", "spacing"),
        ("it is many", "there are many", "wording"),
    ],
)
def test_a_change_has_a_kind(before: str, after: str, kind: str) -> None:
    assert [one.kind for one in changes(before, after)] == [kind]


def test_the_revision_that_most_people_agree_on_comes_first() -> None:
    assert closest_first(SENTENCES[0])[0] == OTHER
    assert closest_first(SENTENCES[1]) == [GOOD]


def test_smaller_sets_of_records_are_parts_of_larger_ones_and_second_revisions_come_last() -> None:
    many = [Sentence(f"{SOURCE} {n}", tuple(f"{x} {n}" for x in SENTENCES[0][1])) for n in range(9)]
    records = make_records(many, 12, 0, "walk")
    assert make_records(many, 4, 0, "walk") == records[:4]
    assert [one.id.endswith("-0") for one in records] == [True] * 9 + [False] * 3
    assert len({one.id for one in records}) == 12
    assert make_records(many, 9, 1, "walk") != records[:9]


def test_more_records_may_leave_good_texts_alone() -> None:
    *_, good, _ = make_records(SENTENCES, 4, 0, "kinds", "good")
    assert (good.response, good.critique, good.revision) == (OTHER, "none", OTHER)


def test_more_records_may_start_from_a_text_that_is_corrected_in_part() -> None:
    *_, partly, _ = make_records(SENTENCES, 4, 0, "kinds", "partly")
    assert partly.revision == OTHER
    assert len(changes(SOURCE, str(partly.response))) == 2
    assert len(changes(str(partly.response), OTHER)) == 2


def test_the_only_change_is_taken_when_half_are() -> None:
    assert partly_revised("my cat", "my cats", random.Random(0)) == "my cats"
    assert partly_revised(GOOD, GOOD, random.Random(0)) == GOOD


@pytest.mark.parametrize("form", ["rewrite", "edits"])
@pytest.mark.parametrize("critique", CRITIQUES)
@pytest.mark.parametrize("more", MORE)
def test_records_fit_the_prompt_set_of_their_form(form: str, critique: str, more: str) -> None:
    prompts = PromptSet.load(PROMPTS / form)
    for record in make_records(SENTENCES, 4, 0, critique, more):
        (text,) = training_texts(record, prompts)
        assert text.ends


def test_a_tie_is_half_a_win() -> None:
    assert win_rate(70, 62, 28) == 0.6312


def test_texts_tie_within_the_margin() -> None:
    assert compare(SENTENCES[0], OTHER, SOURCE)[0] == "first"
    assert compare(SENTENCES[0], SOURCE, OTHER)[0] == "second"
    assert compare(SENTENCES[0], OTHER, OTHER)[0] == "tie"
    assert 0 < TIE_MARGIN < 0.05


def test_figures_count_harm_on_sentences_that_nobody_changed() -> None:
    unharmed = round_figures(SENTENCES, [OTHER, GOOD])
    harmed = round_figures(SENTENCES, [OTHER, "The bakery opens in seven ."])
    assert (unharmed["good_sentences"], unharmed["good_sentences_changed"]) == (1, 0)
    assert (unharmed["won"], unharmed["tied"], unharmed["lost"]) == (1, 1, 0)
    assert (harmed["good_sentences_changed"], harmed["lost"]) == (1, 1)
    assert (harmed["good_sentences_changed_low"], harmed["good_sentences_changed_high"]) > (0, 99)
    assert unharmed["edits_a_sentence"] == 2
    assert unharmed["win_rate"] == 0.75


def test_what_one_of_four_people_wrote_is_no_harm() -> None:
    mostly_good = [Sentence(GOOD, (GOOD, GOOD, GOOD, "The bakery opens at 7 ."))]
    for text, harmed in [("The bakery opens at 7 .", 0), ("The bakery opens at 6 .", 1)]:
        found = round_figures(mostly_good, [text])
        assert (found["mostly_good_sentences"], found["mostly_good_sentences_changed"]) == (
            1,
            harmed,
        )
        assert found["good_sentences"] == 0


def test_the_judge_of_evaluate_finds_the_references_by_the_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test.src").write_text(f"{SOURCE} \n{GOOD} \n", encoding="utf-8")
    for person in range(4):
        lines = [one.references[person] + " \n" for one in SENTENCES]
        (tmp_path / f"test.ref{person}").write_text("".join(lines), encoding="utf-8")
    assert read_sentences(tmp_path, "test") == SENTENCES
    monkeypatch.setenv(FOLDER, str(tmp_path))
    assert judge("", SOURCE, OTHER)[0] == "second"
    assert judge("", "The bakery opens in seven .", GOOD)[0] == "second"


def test_the_judge_of_fluency_prefers_the_more_likely_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fluency, "score", {SOURCE: -5.2, REVISED: -3.1}.__getitem__)
    assert fluency.judge("", SOURCE, REVISED)[0] == "second"
    assert fluency.judge("", REVISED, SOURCE)[0] == "first"
    assert fluency.judge("", SOURCE, SOURCE)[0] == "tie"


def test_the_judge_of_fluency_reads_texts_as_people_write_them() -> None:
    assert fluency.joined("I do n't know ( yet ) , sorry .") == "I don't know (yet), sorry."


def test_the_results_hold_figures_alone() -> None:
    """No text of JFLEG gets into the repository with them."""
    for run in known_runs():
        assert {type(value) for row in run["rounds"] for value in row.values()} <= {int, float}
        assert {row.pop("verdict") for row in run["sample"]} <= {"first", "second", "tie"}
        assert {type(value) for row in run["sample"] for value in row.values()} <= {int, list}
        assert {type(value) for row in run["sample"] for value in row["gleu"]} == {float}


def test_make_evidence_does_every_run_of_the_results(tmp_path: Path) -> None:
    lines = (RESULTS.parents[2] / "Makefile").read_text(encoding="utf-8").splitlines()
    given = [line.split("$(KEPT)")[1] for line in lines if "$(JFLEG) --keep $(KEPT)" in line]
    assert given
    parser = parser_of_command()
    done = {
        (
            run.records,
            run.form,
            run.seed if run.records else None,
            run.recipe,
            run.variant,
        ): shlex.join(run.revising)
        for line in given
        for run in runs(parser.parse_args(["--model=.", f"--keep={tmp_path}", *line.split()]))
        if run.part == "test"
    }
    known = {tuple(one[name] for name in KEYS): one["revising"] for one in known_runs()}
    assert {key: done.get(key) for key in known} == known


def test_the_untrained_model_revises_once_whatever_the_seeds(tmp_path: Path) -> None:
    arguments = ["--model=.", f"--keep={tmp_path}", "--forms", "rewrite", "--records", "0", "100"]
    found = list(runs(parser_of_command().parse_args(arguments)))
    assert [(run.records, run.seed) for run in found] == [(0, 0), (100, 0), (100, 1)]


def test_the_page_has_the_tables_of_the_results() -> None:
    """`python -m benchmarks.jfleg.results` prints them."""
    page = (RESULTS.parents[2] / "docs" / "evidence.md").read_text(encoding="utf-8")
    for table in tables():
        assert table in page
