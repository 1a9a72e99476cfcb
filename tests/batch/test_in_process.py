"""Many drafts with engines in this process, whether they report their load or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop import Draft, StopReason, Trajectory, arevise_many

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import EngineAtHand

DRAFTS = [Draft(prompt=f"Why is {it} blue?", response=f"It is {it}.") for it in ("sky", "ice")]


@pytest.mark.vllm
@pytest.mark.parametrize("kind", ["vllm", "transformers"])
def test_drafts_are_revised_over_an_engine_in_this_process(
    engine_of: Callable[[str], EngineAtHand], kind: str
) -> None:
    at_hand = engine_of(kind)

    async def revise() -> list[Trajectory]:
        done = arevise_many(DRAFTS, iterations=1, engine=at_hand.engine, early_stop=False)
        return [trajectory async for trajectory in done]

    found = at_hand.portal.call(revise)
    assert [done.end.reason for done in found if done.end] == [StopReason.ROUNDS_DONE] * 2
