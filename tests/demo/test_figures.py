"""The figures of the demo, from the real loop with critics of known behaviour."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from revloop import PromptSet, revise
from revloop.demo import demo_drafts
from revloop.demo.critique import correct, write_critique
from revloop.demo.figures import (
    critique_statements,
    fault_counts,
    round_figures,
    unusable_replies,
)
from revloop.demo.judge import judge
from tests.helpers.scripted_engine import ScriptedEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from revloop import Trajectory
    from revloop.engines import Request

DRAFTS = demo_drafts(30)
CNR = PromptSet.load("cnr")
ROUNDS = 3


def draft_in(request: Request) -> tuple[str, str]:
    """Prompt and response of a critique prompt."""
    text = str(request.prompt).removeprefix("### Prompt:\n")
    prompt, _, rest = text.partition("\n\n### Response:\n")
    return prompt, rest.partition("\n\n### Critique:\n")[0]


def perfect(request: Request) -> str:
    """Names every fault, and corrects it."""
    draft = draft_in(request)
    return write_critique(*draft).text() if request.stop else correct(*draft)


def nonsense(request: Request) -> str:
    """Names every fault, but writes an unrelated text."""
    return write_critique(*draft_in(request)).text() if request.stop else "Nonsense."


def speechless(_request: Request) -> str:
    """Never replies in the right format."""
    return "?"


def trajectories(critic: Callable[[Request], str]) -> list[Trajectory]:
    """All drafts, revised by a critic."""
    return [revise(draft, iterations=ROUNDS, engine=ScriptedEngine(critic)) for draft in DRAFTS]


def test_a_perfect_critic_mends_everything_in_one_round() -> None:
    before, *after = round_figures(trajectories(perfect), ROUNDS)
    assert before.fault_free < 0.5
    assert [f.fault_free for f in after] == [1.0] * ROUNDS
    assert [f.mean_faults for f in after] == [0.0] * ROUNDS
    assert [f.unharmed for f in after] == [1.0] * ROUNDS
    assert all(f.losses == 0 for f in after)


def test_a_win_rate_counts_half_of_the_ties() -> None:
    first = round_figures(trajectories(perfect), 1)[1]
    good = sum(judge(draft.prompt or "", draft.response).count == 0 for draft in DRAFTS)
    assert (first.wins, first.ties) == (len(DRAFTS) - good, good)
    assert first.win_rate == (first.wins + good / 2) / len(DRAFTS)


def test_all_that_a_perfect_critic_says_is_true() -> None:
    made, true = critique_statements(trajectories(perfect))
    assert made == true > len(DRAFTS)


def test_a_critic_without_form_ties_everywhere() -> None:
    after = round_figures(trajectories(speechless), ROUNDS)[-1]
    assert (after.wins, after.losses, after.win_rate) == (0, 0, 0.5)


def test_requests_of_no_use_are_counted() -> None:
    tries = 3
    assert unusable_replies(trajectories(speechless)) == (tries * len(DRAFTS), tries * len(DRAFTS))
    assert unusable_replies(trajectories(perfect))[0] == 0


def test_a_critic_that_writes_nonsense_loses_everywhere() -> None:
    after = round_figures(trajectories(nonsense), ROUNDS)[-1]
    assert (after.wins, after.losses, after.win_rate, after.unharmed) == (0, len(DRAFTS), 0.0, 0.0)


def test_a_trajectory_that_ended_early_keeps_its_last_version() -> None:
    trajectory = trajectories(perfect)[0]
    counts = fault_counts(trajectory, 9)
    assert len(counts) == 10
    assert all(before == after for before, after in pairwise(counts[1:]))


def test_no_trajectories_give_no_figures() -> None:
    with pytest.raises(ValueError, match="no trajectories"):
        round_figures([], ROUNDS)


def test_demo_drafts_are_the_same_for_the_same_seed_and_for_any_count() -> None:
    assert demo_drafts(10) == DRAFTS[:10]
    assert demo_drafts(10, seed=1) != DRAFTS[:10]
