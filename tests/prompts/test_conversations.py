"""``[conversation] form = "turns"``: prompt and response are messages, and the request the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import PromptSetError
from revloop.prompts import PromptSet
from revloop.prompts.contexts import in_fresh_context
from revloop.trajectory import Check, Draft, Message
from tests.helpers.prompt_folders import prompt_set

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.prompts import Rendered

TURNS = PromptSet.load("chat-turns")
SUN = "What is the distance between the Earth and the Sun?"
SAID = "The distance from Earth to the Sun is 93 million miles"
DRAFT = Draft(prompt=SUN, response="It is far.")
EVALUATE = "Evaluate the response."
EDIT = "Edit it. Feedback: ${critique}"
SETTINGS = """\
kind = "chat"
missing_prompt = "(not known)"
[conversation]
form = "turns"
[critique]
max_tokens = 100
[revision]
max_tokens = 200
"""


def written(folder: Path, settings: str = SETTINGS, **files: str) -> PromptSet:
    """A set whose conversation is turns."""
    templates = {"critique": EVALUATE, "bridge": "Now edit it.", **files}
    for name, text in templates.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    (folder / "settings.toml").write_text(settings, encoding="utf-8")
    return PromptSet.load(folder)


def sent(prompt: Rendered) -> list[tuple[str, str]]:
    assert not isinstance(prompt, str)
    return [(message.role, message.content) for message in prompt]


ASKED = [("user", SUN), ("assistant", SAID), ("user", EVALUATE)]


class TestPrompts:
    def test_the_request_follows_prompt_and_response(self, tmp_path: Path) -> None:
        assert sent(written(tmp_path).critique_prompt(DRAFT, SAID)) == ASKED

    def test_every_turn_of_a_conversation_is_a_message_without_its_other_fields(
        self, tmp_path: Path
    ) -> None:
        turns = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "How far is the Moon?", "name": "Ada"},
            {"role": "assistant", "content": "238,855 miles."},
            {"role": "user", "content": SUN},
        ]
        draft = Draft.model_validate({"messages": turns, "response": "It is far."})
        prompt = written(tmp_path).critique_prompt(draft, SAID)
        assert sent(prompt)[:3] == [(turn["role"], turn["content"]) for turn in turns[:3]]
        assert sent(prompt)[3:] == ASKED
        assert not any(isinstance(m, Message) and m.other_fields for m in prompt)

    def test_an_unknown_prompt_is_a_turn_too(self, tmp_path: Path) -> None:
        prompt = written(tmp_path).critique_prompt(Draft(response="a"), "b")
        assert sent(prompt)[:2] == [("user", "(not known)"), ("assistant", "b")]

    def test_the_revision_is_the_critics_second_turn(self, tmp_path: Path) -> None:
        prompt = written(tmp_path).revision_prompt_of(DRAFT, SAID, "It is vague.")
        assert sent(prompt) == [*ASKED, ("assistant", "It is vague."), ("user", "Now edit it.")]

    def test_a_fresh_editor_reads_the_critique_in_the_message_after_the_response(
        self, tmp_path: Path
    ) -> None:
        fresh = in_fresh_context(written(tmp_path, fresh=EDIT))
        prompt = fresh.revision_prompt_of(DRAFT, SAID, "It is ${vague}.")
        assert sent(prompt) == [*ASKED[:2], ("user", "Edit it. Feedback: It is ${vague}.")]

    def test_a_set_may_always_ask_in_a_fresh_context(self, tmp_path: Path) -> None:
        prompts = written(tmp_path, f'{SETTINGS}context = "fresh"\n', bridge=EDIT)
        prompt = prompts.revision_prompt_of(DRAFT, SAID, "Dull.")
        assert sent(prompt) == [*ASKED[:2], ("user", "Edit it. Feedback: Dull.")]

    def test_checks_and_fields_stand_in_the_request(self, tmp_path: Path) -> None:
        prompts = written(tmp_path, critique="${extra.rubric}: evaluate.${checks}")
        draft = Draft(prompt=SUN, response="a", extra={"rubric": "Right?"})
        told = prompts.evidence([Check(name="unit", passed=False, message="No unit.")])
        assert sent(prompts.critique_prompt(draft, "a", told))[-1] == (
            "user",
            "Right?: evaluate.- No unit.",
        )

    @given(st.text(), st.text())
    def test_any_text_is_a_turn_to_the_letter(self, prompt: str, response: str) -> None:
        asked = TURNS.critique_prompt(Draft(prompt=prompt, response="a"), response)
        assert sent(asked)[:-1] == [("user", prompt), ("assistant", response)]


class TestFiles:
    @pytest.mark.parametrize("name", ["turn", "system"])
    def test_those_of_texts_are_refused(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(PromptSetError, match=rf"{name}\.txt does not belong"):
            written(tmp_path, **{name: "Be brief."})

    @pytest.mark.parametrize("name", ["prompt", "response"])
    def test_what_is_a_message_stands_in_no_template(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(PromptSetError, match=rf"\$\{{{name}\}} is unknown \(known: \$"):
            written(tmp_path, critique=f"${{{name}}}")

    def test_a_fresh_request_needs_the_critique(self, tmp_path: Path) -> None:
        with pytest.raises(PromptSetError, match=r"fresh\.txt: \$\{critique\} is missing"):
            written(tmp_path, fresh="Edit it.")


class TestSettings:
    @pytest.mark.parametrize(
        ("old", "new", "says"),
        [
            ('form = "turns"', 'form = "turns"\nseparator = ""', "delete 'separator'"),
            ('form = "turns"', 'separator = ""', "'roles' is missing"),
            ("chat", "completion", r"conversation\.form needs kind = 'chat'"),
        ],
    )
    def test_what_does_not_fit_is_told(self, tmp_path: Path, old: str, new: str, says: str) -> None:
        with pytest.raises(PromptSetError, match=says):
            written(tmp_path, SETTINGS.replace(old, new))

    def test_sets_with_texts_keep_their_digests(self, tmp_path: Path) -> None:
        text: Any = prompt_set(tmp_path).settings.digested()["conversation"]
        assert set(text) == {"roles", "separator"}
        assert TURNS.settings.digested()["conversation"]["form"] == "turns"


def test_the_shipped_set_asks_in_both_ways() -> None:
    second = sent(TURNS.revision_prompt_of(DRAFT, SAID, "Dull."))
    assert [role for role, _ in second] == ["user", "assistant", "user", "assistant", "user"]
    (_, _, (role, text)) = sent(in_fresh_context(TURNS).revision_prompt_of(DRAFT, SAID, "Dull."))
    assert role == "user"
    assert "<review>\nDull.\n</review>" in text
    assert TURNS.parse_revision("It is 93 million miles.") == "It is 93 million miles."
