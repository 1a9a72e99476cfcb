"""The main job on real parts: the answers that the paper revised, on a tensor-parallel server."""

from __future__ import annotations

import re
import urllib.request
from typing import TYPE_CHECKING

import pytest

from revloop import Store
from revloop.concurrency import task_group
from revloop.engines import HttpEngine, Request
from revloop.trajectory import Sampling

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from revloop import Draft, Trajectory
    from tests.conftest import EngineAtHand, Served

pytestmark = pytest.mark.vllm

DRAFTS = 6
ROUNDS = 3
ALL_ROUNDS = {"early_stop": False}


@pytest.fixture(scope="module")
def drafts(fastchat: Callable[[str], list[Draft]]) -> list[Draft]:
    """The shortest of ChatGPT's answers, for the sake of time."""
    return sorted(fastchat("chatgpt"), key=lambda draft: len(draft.response))[:DRAFTS]


def texts(trajectories: list[Trajectory]) -> list[list[str]]:
    """Every version's text, trajectory by trajectory."""
    return [[version.text for version in t.versions] for t in trajectories]


@pytest.mark.parametrize("single_pass", [False, True], ids=["two passes", "one pass"])
def test_all_rounds_are_done_in_order_and_stored_as_returned(
    engine_of: Callable[[str], EngineAtHand],
    drafts: list[Draft],
    tmp_path: Path,
    single_pass: bool,
) -> None:
    store = tmp_path / "versions.sqlite"
    options = {**ALL_ROUNDS, "single_pass": single_pass, "store": store}
    trajectories = engine_of("http").revise(drafts, iterations=ROUNDS, **options)
    for trajectory, draft in zip(trajectories, drafts, strict=True):
        assert trajectory.draft == draft
        assert trajectory.original == draft.response
        assert [version.round for version in trajectory.versions] == list(range(ROUNDS + 1))
        assert all(version.critique is not None for version in trajectory.versions[1:])
    with Store.open_to_read(store) as opened:
        stored = {t.draft.id: t for t in opened.trajectories()}
    assert [stored[draft.id] for draft in drafts] == trajectories


@pytest.mark.parametrize("single_pass", [False, True], ids=["two passes", "one pass"])
def test_http_and_in_process_give_the_same_text_at_temperature_0(
    engine_of: Callable[[str], EngineAtHand], drafts: list[Draft], single_pass: bool
) -> None:
    options = {**ALL_ROUNDS, "single_pass": single_pass}
    over_http = engine_of("http").revise(drafts, iterations=ROUNDS, **options)
    in_process = engine_of("vllm").revise(drafts, iterations=ROUNDS, **options)
    assert texts(over_http) == texts(in_process)


def test_the_server_serves_the_start_of_revision_prompts_from_its_cache(
    engine_of: Callable[[str], EngineAtHand], vllm_server: Served, drafts: list[Draft]
) -> None:
    at_hand = engine_of("http")
    before = cache_hits(vllm_server.base_url)
    trajectories = at_hand.revise(drafts, iterations=1, seed=1, temperature=0.2)
    counted = cache_hits(vllm_server.base_url) - before
    steps = [step for t in trajectories for step in t.steps]
    assert counted == sum(step.usage.cached_tokens or 0 for step in steps)
    for trajectory in trajectories:
        critique, revision = trajectory.versions[1].steps[0], trajectory.versions[1].steps[-1]
        known = critique.usage.prompt_tokens + critique.usage.generated_tokens
        assert revision.usage.cached_tokens is not None
        # whole blocks of 32 tokens, and never the very last token
        assert revision.usage.cached_tokens > known - 2 * 32


def cache_hits(base_url: str) -> int:
    """Prompt tokens that the server says it took from its prefix cache."""
    with urllib.request.urlopen(f"{base_url}/metrics") as answer:
        text = answer.read().decode()
    found = re.findall(r"^vllm:prefix_cache_hits_total\{[^}]*\} (\S+)$", text, re.MULTILINE)
    return sum(int(float(value)) for value in found)


async def test_long_prompts_of_sampled_requests_do_not_end_the_server(
    vllm_server: Served,
) -> None:
    """vLLM on a CPU ends when it divides the prompt of a request with a seed among steps."""
    engine = await HttpEngine.connect(vllm_server.base_url)
    found: list[int] = []

    async def one(number: int) -> None:
        request = Request(
            prompt=f"{number} " + "The train leaves at nine. " * 60,
            sampling=Sampling(temperature=0.9, seed=number),
            max_tokens=4,
        )
        found.append((await engine.generate(request)).usage.prompt_tokens)

    try:
        async with task_group() as tasks:
            for number in range(12):
                tasks.start_soon(one, number)
    finally:
        await engine.aclose()
    assert len(found) == 12
    assert min(found) > 1_000
