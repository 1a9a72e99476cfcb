"""A round's requests with a fresh context, prefills and stop texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.trajectory import Draft
from tests.helpers.prompt_folders import prompt_set
from tests.helpers.scripted_engine import ScriptedEngine, plain
from tests.helpers.scripted_loop import DRAFT, run

if TYPE_CHECKING:
    from pathlib import Path

FRESH = 'context = "fresh"'
TAGS = 'tags = { opening = "<r>", closing = "</r>" }'


async def test_a_fresh_context_holds_the_version_that_was_criticised(tmp_path: Path) -> None:
    prompts = prompt_set(tmp_path, revision=FRESH)
    engine = ScriptedEngine(["Dull.", "four", "Short.", "It is four."])
    versions, _ = await run(engine, prompts=prompts, iterations=2)
    assert [version.text for version in versions[1:]] == ["four", "It is four."]
    assert engine.requests[1].prompt == prompts.revision_prompt_of(DRAFT, DRAFT.response, "Dull.")
    assert engine.requests[3].prompt == prompts.revision_prompt_of(DRAFT, "four", "Short.")


async def test_the_reserve_is_what_the_revision_needs_beyond_the_critiques_prompt(
    tmp_path: Path,
) -> None:
    prompts = prompt_set(tmp_path, revision=FRESH)
    engine = ScriptedEngine(["Dull.", "four"], tokens="characters")
    await run(engine, prompts=prompts, iterations=1)
    critique, revision = engine.requests
    longer = len(prompts.bridge) - len(prompts.fixed_text("critique.txt"))
    assert longer > 0
    assert critique.reserve_tokens == len(DRAFT.response) + longer
    assert (revision.room_tokens, revision.reserve_tokens) == (len(DRAFT.response), 0)


async def test_a_bridge_shorter_than_the_critiques_template_reserves_nothing_for_itself(
    tmp_path: Path,
) -> None:
    bridge = {"bridge.txt": "${prompt}${response}${critique}"}
    prompts = prompt_set(tmp_path, revision=FRESH, files=bridge)
    engine = ScriptedEngine(["Dull.", "four"], tokens="characters")
    await run(engine, prompts=prompts, iterations=1)
    assert engine.requests[0].reserve_tokens == len(DRAFT.response)


async def test_a_critique_that_fits_leaves_room_for_a_fresh_revision(tmp_path: Path) -> None:
    prompts = prompt_set(tmp_path, revision=FRESH)
    engine = ScriptedEngine(
        lambda request: " It is\n4. " if "Notes" in plain(request.prompt) else "x" * 500,
        tokens="characters",
        context_tokens=170,
    )
    versions, end = await run(engine, prompts=prompts, iterations=1, critique_max_tokens=64)
    assert len(plain(engine.requests[0].prompt)) + 64 + engine.requests[0].reserve_tokens <= 170
    assert versions[1].text == " It is\n4. ", end


async def test_each_request_has_the_stop_texts_of_its_table(tmp_path: Path) -> None:
    prompts = prompt_set(tmp_path, critique='stop = ["C"]', revision='stop = ["R"]')
    engine = ScriptedEngine(["Dull.C more", "fourR more"])
    versions, _ = await run(engine, prompts=prompts, iterations=1)
    assert [request.stop for request in engine.requests] == [("C",), ("R",)]
    assert versions[1].text == "four"


async def test_a_critique_begins_with_its_prefill(tmp_path: Path) -> None:
    prompts = prompt_set(tmp_path, critique='prefill = "It could be"', revision=FRESH)
    engine = ScriptedEngine([" clearer.", "four"])
    versions, _ = await run(engine, prompts=prompts, iterations=1)
    assert engine.requests[0].prefill == "It could be"
    assert versions[1].critique is not None
    assert versions[1].critique.raw == "It could be clearer."
    assert engine.requests[1].prompt == prompts.revision_prompt_of(
        DRAFT, DRAFT.response, "It could be clearer."
    )


async def test_without_tags_a_revision_is_what_follows_its_prefill(tmp_path: Path) -> None:
    prompts = prompt_set(tmp_path, revision='prefill = "The better answer: "')
    engine = ScriptedEngine(["Dull.", "four"])
    versions, _ = await run(engine, prompts=prompts, iterations=1)
    assert [request.prefill for request in engine.requests] == ["", "The better answer: "]
    assert versions[1].text == "four"


async def test_a_revision_begins_with_the_opening_words_of_the_version_before(
    tmp_path: Path,
) -> None:
    prompts = prompt_set(tmp_path, revision="opening_words = 1")
    draft = Draft(prompt="What is 2 + 2?", response="It is five, I think.")
    engine = ScriptedEngine(["Wrong.", " is four, I know.", "Dull.", " is 4, as ever, friend."])
    versions, _ = await run(engine, draft, prompts=prompts, iterations=2)
    assert [request.prefill for request in engine.requests] == ["", "It", "", "It"]
    assert versions[1].text == "It is four, I know."
    assert versions[2].text == "It is 4, as ever, friend."


async def test_a_prefill_may_hold_the_opening_tag(tmp_path: Path) -> None:
    single = {"single.txt": "${prompt} ${response}"}
    revision = f'{TAGS}\nprefill = "<r>\\n"\nstop = ["</r>"]'
    prompts = prompt_set(tmp_path, revision=revision, files=single)
    engine = ScriptedEngine(["Dull.", "four\n</r> Done."])
    versions, _ = await run(engine, prompts=prompts, iterations=1)
    assert versions[1].text == "four"


async def test_a_single_pass_begins_with_the_prefill_of_the_critique(tmp_path: Path) -> None:
    prompts = prompt_set(
        tmp_path,
        critique='prefill = "It could be"',
        revision=f'{TAGS}\nstop = ["END"]',
        files={"single.txt": "${prompt} ${response}"},
    )
    engine = ScriptedEngine([" clearer.\n<r>four</r>"])
    versions, _ = await run(engine, prompts=prompts, iterations=1, single_pass=True)
    (request,) = engine.requests
    assert (request.prefill, request.stop) == ("It could be", ("END",))
    assert versions[1].critique is not None
    assert versions[1].critique.raw.startswith("It could be clearer.")
    assert versions[1].text == "four"
