"""A set's fresh.txt: the revision asked for in a new conversation, for an editor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop.errors import PromptSetError
from revloop.prompts import PromptSet
from revloop.prompts.contexts import in_fresh_context
from tests.helpers.prompt_folders import FRESH_BRIDGE, prompt_set
from tests.helpers.scripted_loop import CHAT, DRAFT

if TYPE_CHECKING:
    from pathlib import Path


def turns(prompts: PromptSet) -> list[str]:
    prompt = prompts.revision_prompt_of(DRAFT, "4", "Dull.")
    assert not isinstance(prompt, str)
    return [message.content for message in prompt]


def test_the_editor_sees_prompt_response_and_critique_in_one_turn(tmp_path: Path) -> None:
    fresh = in_fresh_context(prompt_set(tmp_path, files={"fresh.txt": FRESH_BRIDGE}))
    (question,) = turns(fresh)
    assert question == "Q: What is 2 + 2?\nA: 4\nNotes: Dull.\nRewrite A."
    assert fresh.critique_prompt(DRAFT, "4") == PromptSet.load(tmp_path).critique_prompt(DRAFT, "4")


def test_it_is_another_set_and_leaves_its_own_as_it_was(tmp_path: Path) -> None:
    before = prompt_set(tmp_path)
    after = prompt_set(tmp_path, files={"fresh.txt": FRESH_BRIDGE})
    assert (after.digest, after.templates) == (before.digest, before.templates)
    fresh = in_fresh_context(after)
    other = in_fresh_context(prompt_set(tmp_path, files={"fresh.txt": f"{FRESH_BRIDGE}!"}))
    assert len({before.digest, fresh.digest, other.digest}) == 3


def test_a_set_whose_context_is_fresh_stays_as_it_is() -> None:
    plain = PromptSet.load("chat-plain")
    assert in_fresh_context(plain) is plain


def test_chat_has_one_with_its_tags() -> None:
    fresh = in_fresh_context(CHAT)
    (question,) = turns(fresh)
    assert "<review>\nDull.\n</review>" in question
    assert fresh.parse_revision("<revised_response>5</revised_response>") == "5"
    assert fresh.name == "chat (fresh)"


@pytest.mark.parametrize("name", ["cnr", "chat-edits", "rubric"])
def test_others_name_the_sets_that_can(name: str) -> None:
    with pytest.raises(PromptSetError, match=f"'{name}' cannot .* Take chat, chat-plain, "):
        in_fresh_context(PromptSet.load(name))


def test_a_set_with_a_fresh_context_needs_no_file_for_it(tmp_path: Path) -> None:
    with pytest.raises(PromptSetError, match=r"fresh\.txt"):
        prompt_set(tmp_path, revision='context = "fresh"', files={"fresh.txt": FRESH_BRIDGE})


def test_a_fresh_bridge_without_the_response_asks_for_a_new_answer(tmp_path: Path) -> None:
    again = "Q: ${prompt}\nAvoid this: ${critique}"
    anew = prompt_set(tmp_path, revision='context = "fresh"', files={"bridge.txt": again})
    assert turns(anew) == ["Q: What is 2 + 2?\nAvoid this: Dull."]


def test_edits_are_never_asked_for_without_the_response(tmp_path: Path) -> None:
    edits = 'context = "fresh"\nform = "edits"\n[rewrite]\nmax_tokens = 64'
    files = {"bridge.txt": "Q: ${prompt}\nNotes: ${critique}", "rewrite.txt": FRESH_BRIDGE}
    with pytest.raises(PromptSetError, match=r"bridge\.txt: \$\{response\} is missing"):
        prompt_set(tmp_path, revision=edits, files=files)
