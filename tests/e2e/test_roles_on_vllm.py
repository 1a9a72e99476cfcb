"""One model behind three addresses, in three roles, writes what it writes behind one."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from revloop import arevise_many
from revloop.demo import demo_drafts
from revloop.evaluation import open_judge
from revloop.options import EngineOptions
from tests.helpers.forwarding import Front, front_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop import Trajectory
    from tests.conftest import Served

pytestmark = pytest.mark.vllm

DRAFTS, ROUNDS = 2, 2
GATED = {"keep": "gate"}
CHOSEN = {"critiques": 2, "candidates": 2}


async def revised(
    options: Mapping[str, Any], critic: Front, editor: Front | None, chooser: Front
) -> list[dict[str, Any]]:
    """What the roles write and choose, by draft; times and requests are left out."""
    role = "selector" if "candidates" in options else "judge"
    asked: dict[str, Any] = {**options, role: partial(open_judge, f"reward:{chooser.base_url}")}
    if editor is not None:
        asked["editor"] = EngineOptions(base_url=editor.base_url)
    many = arevise_many(
        demo_drafts(DRAFTS), iterations=ROUNDS, base_url=critic.base_url, temperature=0.0, **asked
    )
    found = {trajectory.draft.key: trajectory async for trajectory in many}
    return [written(found[key]) for key in sorted(found)]


def written(trajectory: Trajectory) -> dict[str, Any]:
    """A trajectory's texts and choices."""
    kept = {"round", "text", "critique", "selection", "comparison"}
    versions = [version.model_dump(include=kept) for version in trajectory.versions]
    return {"versions": versions, "final": trajectory.final, "end": trajectory.end}


@pytest.mark.parametrize(
    ("options", "decided"),
    [(GATED, "comparison"), (CHOSEN, "selection")],
    ids=["gate", "candidates"],
)
async def test_three_addresses_in_three_roles_give_the_trajectories_of_one(
    vllm_server: Served, options: Mapping[str, Any], decided: str
) -> None:
    async with AsyncExitStack() as opened:
        alone, critic, editor, chooser = [
            await opened.enter_async_context(front_of(vllm_server.base_url)) for _ in range(4)
        ]
        together = await revised(options, alone, None, alone)
        apart = await revised(options, critic, editor, chooser)
    assert apart == together
    assert any(version[decided] for one in apart for version in one["versions"])
    asked = [set(front.asked) for front in (critic, editor, chooser)]
    assert asked == [{"critique"}, {"revision"}, {"reward"}]
    assert sorted(alone.asked) == sorted(critic.asked + editor.asked + chooser.asked)
