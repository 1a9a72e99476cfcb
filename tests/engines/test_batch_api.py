"""Jobs of a batch API: what is submitted, what comes back, and what is submitted again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop import arevise_many
from revloop.engines import RetryPolicy
from revloop.errors import EngineGoneError
from revloop.trajectory import StopReason
from tests.helpers.batch_api_server import BatchApiServer, Ending, Lost
from tests.helpers.running_batch import timeless

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from revloop.trajectory import Trajectory

DRAFTS = 12
ITERATIONS = 2
AT_ONCE = RetryPolicy(attempts=6, first_wait_s=0.01, wait_for_server_s=5.0)


@pytest.fixture
async def provider() -> AsyncIterator[BatchApiServer]:
    async with BatchApiServer() as server:
        yield server


def drafts(number: int = DRAFTS) -> list[dict[str, Any]]:
    return [{"id": f"d{n}", "prompt": "Add.", "response": f"Draft {n}"} for n in range(number)]


async def revised(
    server: BatchApiServer, store: Path, *, number: int = DRAFTS, **options: Any
) -> dict[str, Trajectory]:
    """All trajectories by draft."""
    chosen: dict[str, Any] = {
        "kind": "openai-batch",
        "base_url": server.base_url,
        "store": store,
        "iterations": ITERATIONS,
        "retries": AT_ONCE,
        "early_stop": False,
        **options,
    }
    return {str(one.draft.id): one async for one in arevise_many(drafts(number), **chosen)}


def plain(trajectories: dict[str, Trajectory]) -> dict[str, Any]:
    """Trajectories without what the engines' names and times make different."""
    shown = {}
    for name, one in trajectories.items():
        dumped = timeless(one.model_dump(mode="json"))
        for version in dumped["versions"]:
            version["engine"] = None
        shown[name] = {"versions": dumped["versions"], "end": dumped["end"]}
    return shown


async def test_a_round_is_one_job_for_all_critiques_and_one_for_all_revisions(
    provider: BatchApiServer, tmp_path: Path
) -> None:
    made = await revised(provider, tmp_path / "s.sqlite")
    assert all(one.rounds == ITERATIONS for one in made.values())
    assert provider.sizes == [DRAFTS] * (2 * ITERATIONS)
    assert max(provider.submitted.values()) == 1
    assert provider.live == []
