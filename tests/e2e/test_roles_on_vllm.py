"""One model behind several addresses, in several roles, writes what it writes behind one."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from revloop import arevise_many
from revloop.demo import demo_drafts
from revloop.evaluation import open_judge
from revloop.options import EngineOptions
from tests.helpers.forwarding import front_of
from tests.helpers.reward_models import make_reward_model
from tests.helpers.vllm_servers import REWARDS, served

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from revloop import Trajectory
    from tests.conftest import Served

pytestmark = pytest.mark.vllm

DRAFTS, ROUNDS = 2, 2
GATED = {"keep": "gate"}
CHOSEN = {"critiques": 2, "candidates": 2}


async def revised(
    options: Mapping[str, Any], critic: str, editor: str | None, chooser: str
) -> list[dict[str, Any]]:
    """What the roles at these addresses write and choose, by draft; times are left out."""
    role = "selector" if "candidates" in options else "judge"
    asked: dict[str, Any] = {**options, role: partial(open_judge, f"reward:{chooser}")}
    if editor is not None:
        asked["editor"] = EngineOptions(base_url=editor)
    many = arevise_many(
        demo_drafts(DRAFTS), iterations=ROUNDS, base_url=critic, temperature=0.0, **asked
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
        together = await revised(options, alone.base_url, None, alone.base_url)
        apart = await revised(options, critic.base_url, editor.base_url, chooser.base_url)
    assert apart == together
    assert any(version[decided] for one in apart for version in one["versions"])
    asked = [set(front.asked) for front in (critic, editor, chooser)]
    assert asked == [{"critique"}, {"revision"}, {"reward"}]
    assert sorted(alone.asked) == sorted(critic.asked + editor.asked + chooser.asked)


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_three_servers_give_the_trajectories_of_a_critic_that_edits(
    vllm_server: Served, tiny_critic: Path, tmp_path: Path
) -> None:
    reward = make_reward_model(tmp_path / "reward", context_tokens=2048)
    with (
        served(reward, tmp_path, "reward", *REWARDS) as chooser,
        served(tiny_critic, tmp_path, vllm_server.model) as editor,
    ):
        together = await revised(CHOSEN, vllm_server.base_url, None, chooser)
        apart = await revised(CHOSEN, vllm_server.base_url, editor, chooser)
    assert apart == together
    assert any(version["selection"] for one in apart for version in one["versions"])
