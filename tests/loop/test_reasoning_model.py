"""A model with a real chat template that opens a thought: in process, and on a real vLLM server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop import AsyncReviser
from revloop.engines import TransformersEngine
from revloop.trajectory import StopReason
from tests.helpers.chain_model import CRITIQUE, REVISION, THOUGHT, make_chain_model

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from revloop import Trajectory

pytest.importorskip("torch")
DRAFT = "A dull draft."
LONGEST = 24
"""More tokens than any reply has."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_chain_model(tmp_path_factory.mktemp("chain"))


@pytest.fixture
async def engine(model: Path) -> AsyncIterator[TransformersEngine]:
    engine = TransformersEngine.from_model(str(model))
    yield engine
    await engine.aclose()


async def revised(engine: Any, **options: Any) -> Trajectory:
    async with AsyncReviser(engine=engine, prompts="chat", **options) as reviser:
        return await reviser.revise(DRAFT, iterations=1)


def holds_no_thought(done: Trajectory) -> bool:
    made = [
        text for v in done.versions[1:] for text in (v.text, v.critique.raw if v.critique else "")
    ]
    return not any(word in text for word in THOUGHT.split() for text in made)


@pytest.mark.parametrize("single_pass", [False, True], ids=["two passes", "one pass"])
async def test_wherever_replies_are_cut_no_thought_is_in_a_version(
    engine: TransformersEngine, *, single_pass: bool
) -> None:
    rounds = set()
    for limit in range(1, LONGEST):
        done = await revised(
            engine,
            single_pass=single_pass,
            critique_max_tokens=limit,
            revision_max_tokens=limit,
            tries=1,
        )
        rounds.add(done.rounds)
        assert holds_no_thought(done)
        assert done.final in {DRAFT, REVISION}
        assert done.end is not None
        assert done.rounds == 1 or done.end.reason is StopReason.TOKEN_LIMIT
    assert rounds == {0, 1}


async def test_thoughts_get_more_room_until_the_answer_has_some(engine: TransformersEngine) -> None:
    done = await revised(engine, critique_max_tokens=3, revision_max_tokens=4, tries=4)
    assert done.final == REVISION
    limits = [(step.kind, step.limit_tokens) for step in done.steps]
    assert limits[:2] == [("critique", 3), ("critique", 6)]
    assert ("revision", 4) in limits
    assert ("revision", 8) in limits
    used = [step for step in done.steps if step.refusal is None]
    assert [step.thoughts for step in used] == [THOUGHT] * 2
    assert all(step.usage.thinking_tokens for step in used)


async def test_room_for_thoughts_saves_the_tries(engine: TransformersEngine) -> None:
    limits = {"critique_max_tokens": 8, "revision_max_tokens": 12, "thinking_tokens": 8}
    done = await revised(engine, **limits, tries=1)
    assert (done.final, len(done.steps)) == (REVISION, 2)


async def test_a_model_that_is_told_not_to_think_does_not(engine: TransformersEngine) -> None:
    done = await revised(engine, thinking=False)
    assert done.final == REVISION
    assert [step.thoughts for step in done.steps] == [None, None]
    critique = done.versions[1].critique
    assert critique is not None
    assert critique.raw.startswith(CRITIQUE)
