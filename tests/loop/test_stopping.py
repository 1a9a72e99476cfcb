"""When a trajectory ends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.loop.stopping import end_of
from revloop.options import LoopOptions, RunSettings
from revloop.prompts import PromptSet
from revloop.trajectory import Critique, EngineInfo, StopReason, Version
from tests.helpers.scripted_engine import ScriptedEngine
from tests.helpers.scripted_loop import CHAT, DRAFT, run, tagged

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENGINE = EngineInfo(kind="scripted", model="script")
PROMPTS = PromptSet.load("cnr")
VERIFY = PromptSet.load("chat-verify")


def run_settings(**options: Any) -> RunSettings:
    return RunSettings.resolve(LoopOptions(**options), PROMPTS, ENGINE)


def versions_of(*texts: str, score: float | None = None) -> list[Version]:
    """Versions with these texts; the last one's critique gave the score."""
    versions = [Version(round=i, text=text, created_at=NOW) for i, text in enumerate(texts)]
    critique = Critique(raw="said", score=score)
    return [*versions[:-1], versions[-1].model_copy(update={"critique": critique})]


def reason(versions: list[Version], iterations: int = 5, **options: Any) -> StopReason | None:
    end = end_of(versions, run_settings(**options), iterations)
    return None if end is None else end.reason


def test_there_is_a_first_round_for_a_response_that_came_in() -> None:
    assert reason(versions_of("a")) is None


def test_rounds_continue_while_each_version_is_new() -> None:
    assert reason(versions_of("a", "b", "c")) is None


def test_it_ends_when_all_rounds_are_done() -> None:
    end = end_of(versions_of("a", "b", "c"), run_settings(), 2)
    assert end is not None
    assert (end.reason, end.detail) == (StopReason.ROUNDS_DONE, "All rounds are done (2).")
    assert end.calls_saved == 0


def test_a_stored_trajectory_with_more_rounds_than_asked_for_is_done() -> None:
    assert reason(versions_of("a", "b", "c", "d"), 2) is StopReason.ROUNDS_DONE


def test_it_converges_when_a_round_changes_nothing() -> None:
    end = end_of(versions_of("a", "b", "b"), run_settings(), 5)
    assert end is not None
    assert (end.reason, end.detail) == (StopReason.CONVERGED, "Round 2 changed nothing.")


@pytest.mark.parametrize("same", ["two  words", " two words ", "two\nwords", "two\u00a0words"])
def test_white_space_aside_an_equal_version_has_converged(same: str) -> None:
    assert reason(versions_of("two words", same)) is StopReason.CONVERGED


def test_a_round_that_changed_white_space_alone_is_said_to() -> None:
    end = end_of(versions_of("a", "two words", "two\n  words"), run_settings(), 5)
    assert end is not None
    assert end.detail == "Round 2 changed nothing but white space."


@pytest.mark.parametrize("other", ["twowords", "Two words", "two words."])
def test_another_letter_is_another_version(other: str) -> None:
    assert reason(versions_of("two words", other)) is None


def test_a_way_back_to_an_earlier_version_is_a_cycle_that_names_it() -> None:
    end = end_of(versions_of("a", "b", "c", "b "), run_settings(), 5)
    assert end is not None
    assert (end.reason, end.detail) == (StopReason.CYCLE, "Round 3 went back to version 1.")


def test_a_way_back_to_the_original_is_a_cycle() -> None:
    assert reason(versions_of("a", "b", "a")) is StopReason.CYCLE


def test_without_early_stop_neither_cycle_nor_convergence_ends_it() -> None:
    assert reason(versions_of("a", "b", "b"), early_stop=False) is None
    assert reason(versions_of("a", "b", "a"), early_stop=False) is None


def test_a_score_that_reaches_the_stop_score_ends_it() -> None:
    end = end_of(versions_of("a", "b", score=8.5), run_settings(stop_score=8.5), 5)
    assert end is not None
    assert end.reason is StopReason.NOTHING_TO_IMPROVE
    assert end.detail == "Round 1: the critique's score is 8.5."


def test_a_score_below_the_stop_score_does_not_end_it() -> None:
    assert reason(versions_of("a", "b", score=8.4), stop_score=8.5) is None


def test_without_a_stop_score_the_best_score_does_not_end_it() -> None:
    assert reason(versions_of("a", "b", score=10)) is None


def test_a_critique_without_a_score_reaches_no_stop_score() -> None:
    assert reason(versions_of("a", "b", score=None), stop_score=0) is None


def test_the_response_that_came_in_reaches_no_stop_score() -> None:
    assert reason([Version(round=0, text="a", created_at=NOW)], stop_score=0) is None


def test_two_calls_are_saved_for_each_round_left_out() -> None:
    end = end_of(versions_of("a", "b", "b"), run_settings(), 5)
    assert end is not None
    assert end.calls_saved == 2 * 3


def test_one_call_is_saved_for_each_single_pass_round_left_out() -> None:
    end = end_of(versions_of("a", "b", "b"), run_settings(single_pass=True), 5)
    assert end is not None
    assert end.calls_saved == 3


def test_a_critique_that_finds_nothing_saves_its_own_revision_too() -> None:
    versions = versions_of("a", "b", "b", score=9)
    end = end_of(versions, run_settings(stop_score=9), 5)
    assert end is not None
    assert end.calls_saved == 2 * 3 + 1


def test_a_single_pass_that_finds_nothing_has_made_its_revision_already() -> None:
    end = end_of(versions_of("a", "a", score=9), run_settings(stop_score=9, single_pass=True), 5)
    assert end is not None
    assert end.calls_saved == 4


def test_converging_in_the_last_round_saves_nothing_and_is_still_named() -> None:
    end = end_of(versions_of("a", "a"), run_settings(), 1)
    assert end is not None
    assert (end.reason, end.calls_saved) == (StopReason.CONVERGED, 0)


@given(st.lists(st.sampled_from(["a", "b", "c", "a "]), min_size=1, max_size=6), st.integers(1, 6))
def test_only_a_new_version_with_rounds_left_continues(texts: list[str], iterations: int) -> None:
    words = [text.strip() for text in texts]
    goes_on = reason(versions_of(*texts), iterations) is None
    assert goes_on == (words[-1] not in words[:-1] and len(texts) - 1 < iterations)


@pytest.mark.parametrize(
    ("texts", "first"), [("abc", "All rounds are done (2)."), ("abb", "Round 2")]
)
def test_a_stop_score_never_compared_is_reported_once(texts: str, first: str) -> None:
    end = end_of(versions_of(*texts), run_settings(stop_score=8), 2)
    assert end is not None
    assert end.detail.startswith(first)
    assert end.detail.endswith(" No critique gave a readable score, so none could reach 8.")


def test_a_stop_score_compared_or_not_set_is_not_reported() -> None:
    for end in (
        end_of(versions_of("a", "b", "c", score=3), run_settings(stop_score=8), 2),
        end_of(versions_of("a", "b", "c"), run_settings(), 2),
        end_of(versions_of("a", "b")[:1], run_settings(stop_score=8), 0),
    ):
        assert end is not None
        assert "score" not in end.detail


NO_CHANGE = "Overall score: 7\nPositive aspects: All verified.\nNegative aspects: none\n"


@pytest.mark.parametrize(
    "line",
    ["No change needed", "no change needed.", '**"No change needed."**', "- No change needed\n"],
)
async def test_a_critique_that_wants_no_change_ends_it_without_a_revision(line: str) -> None:
    engine = ScriptedEngine([NO_CHANGE + line])
    versions, end = await run(engine, prompts=VERIFY)
    assert [version.text for version in versions] == [DRAFT.response] * 2
    assert (end.reason, end.calls_saved) == (StopReason.NOTHING_TO_IMPROVE, 9)
    assert end.detail == "Round 1: the critique wants no change."


@pytest.mark.parametrize(
    "said", ["No change needed but one: it lacks a plus.", "No change needed.\nWell, one: a plus."]
)
async def test_a_critique_that_still_wants_one_is_followed(said: str) -> None:
    engine = ScriptedEngine([NO_CHANGE + said, tagged("5 +")])
    versions, _ = await run(engine, prompts=VERIFY, iterations=1)
    assert versions[1].text == "5 +"


async def test_other_sets_read_no_such_line() -> None:
    engine = ScriptedEngine([NO_CHANGE + "No change needed", tagged("5 +")])
    versions, _ = await run(engine, prompts=CHAT, iterations=1)
    assert versions[1].text == "5 +"
