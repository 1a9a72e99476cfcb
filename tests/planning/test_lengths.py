"""Mean lengths from a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop import PromptSet, Trajectory, arevise
from revloop.errors import InputError
from revloop.planning import TokenLengths
from tests.helpers.scripted_engine import ScriptedEngine, cnr_rounds

if TYPE_CHECKING:
    from tests.helpers.scripted_engine import Reply

CRITIQUE = "Overall score: 4\nPositive aspects: Short.\nNegative aspects: Vague."
DRAFT = {"id": "d1", "prompt": "Why does it rain?", "response": "It rains because of clouds."}


async def made(*replies: Reply, single_pass: bool = False) -> Trajectory:
    engine = ScriptedEngine(list(replies))
    return await arevise(DRAFT, iterations=2, engine=engine, single_pass=single_pass)


async def test_the_lengths_are_those_of_the_requests() -> None:
    texts = ("It rains because of cold clouds.", "It rains since clouds are cold.")
    trajectory = await made(*cnr_rounds(*texts, critique=CRITIQUE))
    lengths = TokenLengths.of([trajectory])
    steps = trajectory.steps
    critiques = [step.usage for step in steps if step.kind == "critique"]
    revisions = [step.usage for step in steps if step.kind == "revision"]
    assert lengths.critique_tokens == sum(u.generated_tokens for u in critiques) / 2
    assert lengths.revision_tokens == sum(u.generated_tokens for u in revisions) / 2
    assert lengths.read_tokens == pytest.approx(sum(u.prompt_tokens for u in critiques) / 2)
    assert lengths.rounds == 2


async def test_a_single_pass_is_shared_out_by_letters() -> None:
    bridge = PromptSet.load("cnr").bridge
    replies = [f"{CRITIQUE}{bridge}{text}" for text in ("One two.", "One two three.")]
    trajectory = await made(*replies, single_pass=True)
    lengths = TokenLengths.of([trajectory])
    assert lengths.generated_tokens == pytest.approx(trajectory.usage.generated_tokens / 2)
    assert lengths.critique_tokens > lengths.revision_tokens


EDITS = "- clouds\n+ cold clouds"
UNUSABLE = "- snow\n+ ice"
REWRITE = "It rains because of cold clouds over the hills."


async def made_by_edits(*replies: Reply, single_pass: bool = False) -> Trajectory:
    engine = ScriptedEngine(list(replies))
    return await arevise(
        DRAFT,
        iterations=1,
        engine=engine,
        prompts="cnr-edits",
        single_pass=single_pass,
        tries=1,
    )


async def test_a_rewrite_after_edits_counts_as_a_revision() -> None:
    trajectory = await made_by_edits(CRITIQUE, UNUSABLE, REWRITE)
    lengths = TokenLengths.of([trajectory])
    critique, edits, rewrite = (step.usage for step in trajectory.steps)
    assert lengths.critique_tokens == critique.generated_tokens
    assert lengths.revision_tokens == edits.generated_tokens + rewrite.generated_tokens
    assert lengths.read_tokens == pytest.approx(critique.prompt_tokens)


async def test_edits_of_a_single_pass_are_shared_out_by_their_own_letters() -> None:
    bridge = PromptSet.load("cnr-edits").bridge
    trajectory = await made_by_edits(f"{CRITIQUE}{bridge}{EDITS}", single_pass=True)
    lengths = TokenLengths.of([trajectory])
    share = len(EDITS) / (len(EDITS) + len(CRITIQUE))
    assert lengths.revision_tokens == pytest.approx(trajectory.usage.generated_tokens * share)


async def test_early_stops_are_seen_in_the_rounds() -> None:
    longer = await made(*cnr_rounds("A b c.", "A b c d.", critique=CRITIQUE))
    shorter = longer.model_copy(update={"versions": longer.versions[:2]})
    lengths = TokenLengths.of([longer, shorter])
    assert lengths.rounds == 1.5
    assert lengths.rounds_of(5) == 1.5
    assert lengths.rounds_of(1) == 1


async def test_a_store_without_rounds_tells_no_lengths() -> None:
    trajectory = await made(*cnr_rounds("A b c.", "A b c d.", critique=CRITIQUE))
    begun = trajectory.model_copy(update={"versions": trajectory.versions[:1]})
    for trajectories in ([], [begun]):
        with pytest.raises(InputError, match="holds no rounds with token counts"):
            TokenLengths.of(trajectories)


LENGTH = st.floats(1, 1000)


@given(LENGTH, LENGTH, LENGTH)
def test_a_round_reads_and_writes_all_of_its_longest_sequence(
    prompt: float, critique: float, revision: float
) -> None:
    lengths = TokenLengths(prompt_tokens=prompt, critique_tokens=critique, revision_tokens=revision)
    assert lengths.longest_tokens == pytest.approx(prompt + critique + 2 * revision)
    assert lengths.read_tokens < lengths.mean_context_tokens < lengths.longest_tokens
    assert lengths.rounds_of(5) == 5
