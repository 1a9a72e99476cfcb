"""What IFEval's figures count, and how the best of N drafts spends its tokens."""

from __future__ import annotations

import json

import pytest

from benchmarks.ifeval.arms import (
    ARMS,
    COMMON,
    LOOP,
    RIVALS,
    SHORT,
    SHORT_ANEW,
    drawn_name,
    file_name,
    message,
)
from benchmarks.ifeval.counting import (
    Answers,
    Drawn,
    at_random,
    best_of,
    by_consensus,
    by_verifiers,
    figures,
    refused_if_cut,
    spent_by_round,
    tokens_each,
    until_spent,
)
from benchmarks.ifeval.gains import by_instruction, compared, difference
from benchmarks.ifeval.showing import gains_table, rounds_table, table
from benchmarks.saving import FOLDER
from revloop import Draft, PromptSet
from revloop.reviser.options import ReviserOptions
from tests.helpers.repository import REPOSITORY

YES, NO = (True,), (False,)


def drawn(*followed: bool, text: str = "", tokens: int = 10) -> Drawn:
    return Drawn(text, tokens, followed)


FIRST_FAILS = [drawn(False, tokens=0), drawn(True), drawn(True)]
NEVER = [drawn(False, tokens=0), drawn(False), drawn(False)]


def test_a_solved_prompt_costs_the_tokens_of_all_prompts() -> None:
    solved = Answers((NO, YES), (0, 30))
    unsolved = Answers((NO, NO), (0, 70))
    found = figures([solved, unsolved])
    assert found["generated_tokens"] == 100
    assert found["tokens_a_solved_prompt"] == 100
    assert found["tokens_a_prompt_gained"] == 100


def test_a_prompt_that_its_draft_followed_is_solved_but_not_gained() -> None:
    found = figures([Answers((YES, YES), (0, 0)), Answers((NO, YES), (0, 50))])
    assert found["tokens_a_solved_prompt"] == 25
    assert found["tokens_a_prompt_gained"] == 50


@pytest.mark.parametrize("prompts", [0, -1])
def test_without_a_prompt_there_is_no_cost_of_one(prompts: int) -> None:
    assert tokens_each(100, prompts) is None


def test_a_prompt_is_followed_when_all_of_its_instructions_are() -> None:
    found = figures([Answers(((True, False), (True, True)), (0, 1))])["rounds"]
    assert [row["prompts"]["share"] for row in found] == [0.0, 1.0]
    assert [row["instructions"]["share"] for row in found] == [0.5, 1.0]


def test_rounds_are_compared_with_the_draft() -> None:
    answers = [Answers((NO, YES, YES), (0, 1, 1)), Answers((YES, YES, NO), (0, 1, 1))]
    rows = figures(answers)["rounds"]
    assert [(row["fixed"], row["broken"]) for row in rows] == [(0, 0), (1, 0), (1, 1)]
    assert [row["generated_tokens"] for row in rows] == [0, 2, 4]


def test_a_budget_is_spent_in_turn_on_every_prompt() -> None:
    bought = until_spent([NEVER, FIRST_FAILS], 30, stop_verified=False)
    assert [len(drafts) for drafts in bought] == [3, 2]


def test_a_draft_that_costs_more_than_is_left_is_not_drawn() -> None:
    bought = until_spent([NEVER, FIRST_FAILS], 19, stop_verified=False)
    assert [len(drafts) for drafts in bought] == [2, 1]


def test_a_prompt_that_a_draft_followed_costs_no_more() -> None:
    bought = until_spent([FIRST_FAILS, NEVER], 30, stop_verified=True)
    assert [len(drafts) for drafts in bought] == [2, 3]
    followed = [drawn(True, tokens=0), drawn(True)]
    assert until_spent([followed], 10, stop_verified=True) == [followed[:1]]


def test_verifiers_choose_what_follows_most_and_the_first_of_equals() -> None:
    drafts = [drawn(False, True), drawn(True, False), drawn(True, True)]
    assert by_verifiers(drafts) is drafts[2]
    assert by_verifiers(drafts[:2]) is drafts[0]


def test_the_consensus_is_what_shares_its_words_with_the_others() -> None:
    drafts = [
        drawn(text="Boil the beans."),
        drawn(text="Soak the beans, then boil them."),
        drawn(text="Soak the beans for a night, then boil them."),
    ]
    assert by_consensus(drafts) is drafts[1]
    assert by_consensus(drafts[:1]) is drafts[0]
    assert by_consensus([drawn(text=""), drawn(text="")]) == drawn(text="")


def test_the_best_of_n_has_the_tokens_of_each_round() -> None:
    rows = best_of([FIRST_FAILS, NEVER], [10, 40], by_verifiers, stop_verified=False)
    assert [row.followed for row in rows] == [(NO, YES, YES), (NO, NO, NO)]
    assert [row.tokens for row in rows] == [(0, 10, 10), (0, 0, 20)]


def test_drafts_that_ran_to_the_limit_are_refused_but_the_first_is_not() -> None:
    pool = [drawn(True, tokens=0), drawn(True, tokens=448), drawn(True, tokens=447)]
    assert [one.followed for one in refused_if_cut(pool, 448)] == [YES, NO, YES]
    assert [one.tokens for one in refused_if_cut(pool, 448)] == [0, 448, 447]


def test_a_draft_at_random_follows_as_many_as_the_mean() -> None:
    assert at_random([FIRST_FAILS, NEVER], 40) == pytest.approx((2 / 3 + 0) / 2)


def test_every_way_has_options_that_exist_and_a_store_of_its_own() -> None:
    for options in (COMMON, *ARMS.values()):
        assert options.keys() <= ReviserOptions.__annotations__.keys()
    assert len({file_name(arm, seed) for arm in ARMS for seed in (0, 1)}) == 2 * len(ARMS)
    assert len({drawn_name(arm, seed) for arm in RIVALS for seed in (0, 1)}) == 2 * len(RIVALS)


def test_both_gates_differ_from_their_way_in_what_is_kept_only() -> None:
    for way in (LOOP, "checks, rewritten"):
        assert ARMS[f"{way}, gate"] == {**ARMS[way], "keep": "gate"}


def test_a_new_answer_is_told_the_instruction_and_a_rewritten_one_what_is_wrong() -> None:
    assert message(LOOP).format("Use no comma.") == "Use no comma."
    assert "not followed: Use no" in message("checks, rewritten").format("Use no comma.")


@pytest.mark.parametrize("way", RIVALS)
def test_a_new_answer_is_asked_for_without_the_last_one(way: str) -> None:
    prompts = PromptSet.load(ARMS[way]["prompts"])
    asked = prompts.revision_prompt_of(
        Draft(prompt="Name a tree.", response="An oak, perhaps."), "An oak, perhaps.", "No comma."
    )
    words = str(asked)
    assert "Name a tree." in words
    assert "No comma." in words
    assert "oak" not in words


def test_a_short_answer_is_asked_for_in_the_words_of_its_rival() -> None:
    draft = Draft(prompt="Name a tree.", response="An oak.")
    prompts = PromptSet.load(ARMS[SHORT]["prompts"])
    words = str(prompts.revision_prompt_of(draft, draft.response, "No comma."))
    assert repr(RIVALS[SHORT].format("Name a tree."))[1:-1] in words
    assert ARMS[SHORT] == {**ARMS[LOOP], "prompts": SHORT_ANEW}
    assert message(SHORT) == message(LOOP)


def test_tokens_by_round_leave_the_draft_out() -> None:
    rows = [Answers((NO, NO, YES), (0, 5, 7)), Answers((NO, YES, YES), (0, 1, 0))]
    assert spent_by_round(rows) == [6, 13]


def test_a_difference_counts_the_seeds_of_a_prompt_together() -> None:
    draft = {str(place): False for place in range(20)}
    all_solved, half = dict.fromkeys(draft, True), {key: int(key) % 2 == 0 for key in draft}
    assert difference([draft, draft], [all_solved, all_solved]) == {
        "points": 100.0,
        "low": 100.0,
        "high": 100.0,
    }
    found = difference([draft, draft], [half, half])
    assert found["points"] == 50.0
    assert 20 <= found["low"] < 40
    assert 60 < found["high"] <= 80


def test_prompts_that_only_one_way_solves_are_counted() -> None:
    before = {"a": True, "b": False, "c": False, "d": True}
    found = compared(before, {"a": False, "b": True, "c": True, "d": True})
    assert (found["more"], found["fewer"], found["mcnemar_p"]) == (2, 1, 1.0)


def test_instructions_are_counted_by_kind() -> None:
    answers = [
        Answers(((True, False), (True, True)), (0, 1)),
        Answers(((False,), (False,)), (0, 1)),
    ]
    rival = [Answers(((True, False), (False, False)), (0, 1)), Answers(((False,), (True,)), (0, 1))]
    assert by_instruction([["title", "comma"], ["comma"]], answers, rival) == {
        "comma": {"given": 2, "draft": 0, "way": 1, "best_of_n": 1},
        "title": {"given": 1, "draft": 1, "way": 1, "best_of_n": 0},
    }


def test_tables_have_a_row_for_each_way() -> None:
    one = figures([Answers((NO, YES), (0, 1000)), Answers((NO, NO), (0, 1000))])
    other = figures([Answers((NO, NO), (0, 900)), Answers((NO, NO), (0, 900))])
    seeds = {"0": {LOOP: one}, "1": {LOOP: other}}
    followed = "50.0% (9.4% to 90.5%); 0.0% (0.0% to 65.8%)"
    ends = "1, 0; 0, 0 | 50.0%; 0.0% | 2,000; 1,800 | 2,000; none |"
    assert table(seeds).splitlines()[2:] == [f"| {LOOP} | 2 | {followed} | {ends}"]
    by_round = rounds_table(seeds).splitlines()
    assert by_round[0] == "| way | round 0 | round 1 |"
    assert by_round[2:] == [f"| {LOOP} | 0.0%, 0.0% | 50.0%, 0.0% |"]


def test_the_gains_of_a_way_stand_with_their_intervals() -> None:
    points = {"points": 12.5, "low": 6.0, "high": 19.0}
    less = {"points": -1.0, "low": -5.0, "high": 3.0}
    found = {"over_draft": points, "over_best_of_n": less, "over_best_of_n_uncut": points}
    rows = gains_table({LOOP: found}).splitlines()
    gained = "+12.5 (+6.0 to +19.0)"
    assert rows[2] == f"| {LOOP} | {gained} | -1.0 (-5.0 to +3.0) | {gained} |"


def test_the_page_of_evidence_has_the_results() -> None:
    found = json.loads((FOLDER / "ifeval.json").read_bytes())
    page = (REPOSITORY / "docs" / "evidence.md").read_text(encoding="utf-8")
    assert table(found["seeds"]) in page
    assert rounds_table(found["seeds"]) in page
    assert gains_table(found["gains"]) in page


def test_the_page_of_checks_has_the_rounds_of_the_results() -> None:
    found = json.loads((FOLDER / "ifeval.json").read_bytes())
    page = (REPOSITORY / "docs" / "checks.md").read_text(encoding="utf-8")
    shown = [row for row in rounds_table(found["seeds"]).splitlines() if row in page]
    assert {row.split(" | ")[0] for row in shown} >= {f"| {LOOP}", "| checks, rewritten"}
