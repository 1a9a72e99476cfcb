"""A prompt set with edits on a real server, whose critic was trained to rewrite: it falls back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop import Draft

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import EngineAtHand

pytestmark = pytest.mark.vllm

DRAFTS = [
    Draft(id=f"d{number}", prompt="When do we meet?", response=f"We meet at {number} in the hall.")
    for number in (9, 10)
]
BLOCK_TOKENS = 32


@pytest.mark.parametrize("single_pass", [False, True], ids=["two passes", "one pass"])
def test_without_usable_edits_the_text_is_that_of_a_rewrite(
    engine_of: Callable[[str], EngineAtHand], single_pass: bool
) -> None:
    at_hand = engine_of("http")
    options: dict[str, Any] = {"iterations": 1, "tries": 2}
    limited: dict[str, Any] = {**options, "revision_max_tokens": 200, "single_pass": single_pass}
    edited = at_hand.revise(DRAFTS, prompts="cnr-edits", **limited)
    rewritten = at_hand.revise(DRAFTS, prompts="cnr", **options)
    for trajectory, other in zip(edited, rewritten, strict=True):
        version = trajectory.versions[1]
        asked = ["both"] * 2 + ["critique"] if single_pass else ["critique"] + ["revision"] * 2
        assert [step.kind for step in version.steps] == [*asked, "rewrite"]
        assert version.edits is None
        assert version.unusable_edits is not None
        # same prompts from the critique on, at temperature 0
        assert version.text == other.versions[1].text


def test_edits_and_the_rewrite_after_them_take_the_critiques_prompt_from_the_cache(
    engine_of: Callable[[str], EngineAtHand],
) -> None:
    (trajectory,) = engine_of("http").revise(DRAFTS[:1], iterations=1, prompts="cnr-edits", tries=1)
    critique, edits, rewrite = trajectory.versions[1].steps
    known = critique.usage.prompt_tokens + critique.usage.generated_tokens
    for step in (edits, rewrite):
        assert step.usage.cached_tokens is not None
        assert step.usage.cached_tokens > known - 2 * BLOCK_TOKENS
