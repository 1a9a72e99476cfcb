"""A pilot's records become a policy: rounds only where they fix more than they break."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("statsmodels")

from revloop.evaluation import Outcome
from revloop.options import Policy, ScoreBand
from revloop.options.policy import read_policy
from revloop.pilot import (
    Outlay,
    PilotRecord,
    Planned,
    effect_of,
    outlay_rows,
    part_rows,
    policy_toml,
    recommend,
    sentences,
)

if TYPE_CHECKING:
    from pathlib import Path

TOKENS = 10
SIGNS = {"+": (1.0, 1.0), "-": (0.0, 0.0), "=": (0.5, 0.5), "?": (1.0, 0.0)}


def record(signs: str, score: float | None = 5, value: str = "") -> PilotRecord:
    """A record that each round made better (+), worse (-), neither (=) or unclear (?)."""
    outcomes = tuple(
        Outcome(0, value, "original", round_, SIGNS[sign], 0, True, sign == "=", (1, 1))
        for round_, sign in enumerate(signs, start=1)
    )
    taken = tuple(Outlay(TOKENS * n, 2.0 * n, 0.5 * n) for n in range(len(signs) + 1))
    return PilotRecord("d", score, value, outcomes, taken, Outlay(TOKENS // 2, 1.0, 0.25))


def many(number: int, signs: str, score: float | None = 5, value: str = "") -> list[PilotRecord]:
    return [record(signs, score, value)] * number


def sizes(records: list[PilotRecord]) -> list[int]:
    return [part.effect.records for part in recommend(records, 1).by_score]


def test_only_what_wins_in_both_orders_is_fixed() -> None:
    found = effect_of([Planned(record(sign), 1) for sign in "++-=?"])
    assert (found.records, found.fixed, found.broken) == (5, 2, 1)
    assert found.win_rate == (2 * 2 + 1 + 1) / 10


@pytest.mark.parametrize(
    ("fixed", "broken", "says"),
    [
        (12, 2, "met"),
        (6, 0, "met"),
        (5, 0, "too few to tell"),
        (2, 12, "not met"),
        (4, 2, "too few to tell"),
        (0, 0, "nothing changed"),
    ],
)
def test_the_break_even_condition_counts_fixed_against_broken(
    fixed: int, broken: int, says: str
) -> None:
    records = [*many(fixed, "+"), *many(broken, "-"), *many(20, "=")]
    assert effect_of([Planned(one, 1) for one in records]).break_even == says


def test_the_number_that_would_tell_falls_with_the_share_that_changes() -> None:
    few = effect_of([Planned(one, 1) for one in [*many(4, "+"), *many(2, "-"), *many(54, "=")]])
    more = effect_of([Planned(one, 1) for one in [*many(4, "+"), *many(2, "-")]])
    assert few.needed is not None
    assert more.needed is not None
    assert few.needed == pytest.approx(10 * more.needed, rel=0.02)
    assert 60 < more.needed < 80  # two thirds against one half: about 70 by any table of power
    assert effect_of([Planned(record("+"), 1), Planned(record("-"), 1)]).needed is None


@pytest.mark.parametrize("parts", [1, 5])
def test_the_number_that_would_tell_is_one_at_which_the_test_can_tell(parts: int) -> None:
    needed = effect_of([Planned(record("+"), 1)], parts).needed
    assert needed is not None
    told = effect_of([Planned(one, 1) for one in many(needed, "+")], parts)
    assert told.break_even == "met"


def test_no_harm_is_expected_where_nothing_is_revised() -> None:
    told = " ".join(sentences(recommend(many(3, "-"), 1)))
    assert "Expected harm: none, as nothing is revised; of all rounds for all: 100.0%" in told


def test_bands_that_gain_get_rounds_and_bands_that_lose_get_none() -> None:
    records = [*many(30, "++", 3), *many(30, "--", 9)]
    policy = recommend(records, 2).policy
    assert policy == Policy(rounds=0, bands=(ScoreBand(score_at_most=3, rounds=1),))


def test_a_frequent_score_is_a_band_of_its_own() -> None:
    records = [*many(12, "+", 6), *many(3, "+", 8), *many(60, "-", 10)]
    assert sizes(records) == [15, 60]
    few, fewer = [*many(30, "+", 6), *many(12, "=", 10)], [*many(30, "+", 6), *many(9, "=", 10)]
    assert sizes(few) == [30, 12]
    assert sizes(fewer) == [39]


def test_the_more_bands_there_are_the_more_each_of_them_must_show() -> None:
    gains = [*many(6, "+", 9), *many(54, "=", 9)]  # 6 of 6: enough at 5%, not at 5% / 3
    alone, beside = (
        recommend(gains, 1),
        recommend([*many(60, "+", 3), *many(60, "+", 6), *gains], 1),
    )
    assert (alone.policy.rounds, beside.policy.rounds) == (1, 0)
    assert beside.by_score[-1].effect.break_even == "too few to tell"
    needed = alone.by_score[-1].effect.needed
    assert needed is not None
    assert (beside.by_score[-1].effect.needed or 0) > needed


def test_a_later_round_is_paid_for_only_if_it_wins_more() -> None:
    same, better = many(30, "+++"), [*many(15, "+++"), *many(15, "=++")]
    assert recommend(same, 3).policy.rounds == 1
    assert recommend(better, 3).policy.rounds == 2


def test_rounds_that_may_harm_too_many_are_left_out_worst_first() -> None:
    records = [*many(40, "+", 2), *many(95, "+", 5), *many(5, "-", 5), *many(60, "+", 8)]
    assert recommend(records, 1).policy.rounds == 1
    found = recommend(records, 1, max_harm=0.05)
    assert found.policy == Policy(
        rounds=1, bands=(ScoreBand(score_at_most=2, rounds=1), ScoreBand(score_at_most=5, rounds=0))
    )
    assert (found.expected.broken, found.expected.broken_interval.high < 0.05) == (0, True)
    told = " ".join(sentences(found, 0.05))
    assert (
        "no rounds where the first score is at most 5; 1 round above; at most 5.00% harm." in told
    )
    assert "None for score to 5, where 5 of 100 are broken" in told
    assert "cannot show" not in told


def test_a_sample_that_is_too_small_for_the_bound_on_harm_names_one_that_is_not() -> None:
    records = many(100, "+")
    found = recommend(records, 1, max_harm=0.01)
    assert found.policy == Policy(rounds=0)
    told = " ".join(sentences(found, 0.01))
    assert "A sample of 100 cannot show that at most 1.00% are broken" in told
    assert "takes 381" in told
    assert recommend(many(381, "+"), 1, max_harm=0.01).policy.rounds == 1
    assert recommend(many(380, "+"), 1, max_harm=0.01).policy.rounds == 0


def test_records_without_a_score_have_rounds_of_their_own() -> None:
    records = [*many(30, "+", 3), *many(30, "-", None)]
    assert recommend(records, 1).policy == Policy(rounds=1, unscored=0)
    assert recommend(many(30, "+", None), 1).policy == Policy(rounds=1)


def test_a_value_of_the_field_that_gains_nothing_saves_the_critique() -> None:
    records = [
        *many(30, "+", 5, "letter"),
        *many(30, "=", 5, "poem"),
        *many(5, "+", 5, "note"),
        *many(30, "+", 5, "(none)"),
    ]
    policy = recommend(records, 1, "topic").policy
    assert (policy.field, policy.values, policy.rounds) == ("topic", {"poem": 0}, 1)


def test_the_policy_costs_a_critique_where_it_gives_no_round() -> None:
    found = recommend([*many(30, "+", 3), *many(30, "=", 9)], 1)
    assert found.expected.tokens == (TOKENS + TOKENS / 2) / 2
    assert found.all_rounds.tokens == TOKENS
    assert (found.expected.fixed, found.expected.broken) == (30, 0)
    assert list(outlay_rows(found, "EUR")) == [
        ("1 round", "10", "2.0", "0.500000 EUR"),
        ("the policy", "8", "1.5", "0.375000 EUR"),
    ]


def test_what_a_field_leaves_alone_costs_nothing() -> None:
    found = recommend([*many(30, "+", 3, "letter"), *many(30, "=", 3, "poem")], 1, "topic")
    assert found.policy.values == {"poem": 0}
    assert (found.expected.tokens, found.expected.seconds) == (TOKENS / 2, 1.0)
    assert found.expected.cost == 0.25


def test_each_number_of_rounds_of_a_band_has_a_row_and_the_recommended_one_a_star() -> None:
    found = recommend([*many(30, "++", 3), *many(30, "=-", 9)], 2)
    rows = [row[:3] for part in found.by_score for row in part_rows(part)]
    assert rows == [
        ("score to 3, 1 round *", "30", "100.0%"),
        ("score to 3, 2 rounds", "30", "100.0%"),
        ("score above 3, 1 round", "30", "0.0%"),
        ("score above 3, 2 rounds", "30", "0.0%"),
    ]


def test_too_few_to_tell_names_the_sample_that_would() -> None:
    records = [*many(4, "+", 3), *many(2, "-", 3), *many(34, "=", 3), *many(40, "+", 9)]
    found = recommend(records, 1)
    told = " ".join(sentences(found))
    assert found.policy == Policy(rounds=1, bands=(ScoreBand(score_at_most=3, rounds=0),))
    assert "Recommended: no rounds where the first score is at most 3; 1 round above." in told
    needed = found.by_score[0].effect.needed or 0
    assert (
        f"Too few to tell for score to 3, so it gets none: a sample of about {2 * needed:,}" in told
    )


def test_where_a_value_is_undecided_the_scores_decide() -> None:
    some = [*many(30, "+", 3, "letter"), *many(30, "-", 9, "letter"), *many(30, "=", 9, "poem")]
    found = recommend(some, 1, "topic")
    assert found.policy.values == {"poem": 0}
    told = " ".join(sentences(found))
    assert "Too few to tell for letter as a whole, so its first scores decide." in told


def test_a_gate_is_advised_where_drafts_are_broken_and_none_was_measured() -> None:
    found = recommend([*many(40, "+"), *many(2, "-")], 1)
    plain = found._replace(policy=found.policy.model_copy(update={"keep": "last"}))
    gated = found._replace(policy=found.policy.model_copy(update={"keep": "gate"}))
    advice = "With --keep gate and these judges, the 2 broken would stay as they are"
    assert advice in " ".join(sentences(plain))
    assert advice not in " ".join(sentences(gated))


def test_the_file_is_the_policy(tmp_path: Path) -> None:
    policy = Policy(
        rounds=0,
        unscored=1,
        bands=(ScoreBand(score_at_most=6.5, rounds=2),),
        field='a "b"',
        values={"x\ny": 3, "2": 0},
        prompts="chat-edits",
        keep="gate",
        candidates=2,
        judge=("http://127.0.0.1:8001#one", "mine:higher"),
    )
    file = tmp_path / "policy.toml"
    file.write_text(policy_toml(policy, ["made by hand"]), encoding="utf-8")
    assert read_policy(file) == policy
