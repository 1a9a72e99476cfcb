"""Settings of a prompt set: a fresh context, prefills and stop texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import PromptSetError
from revloop.options import LoopOptions, RunSettings
from revloop.prompts import PromptSet
from revloop.prompts.settings import first_words
from revloop.trajectory import Draft, EngineInfo, Message
from tests.helpers.prompt_folders import prompt_set

if TYPE_CHECKING:
    from pathlib import Path

FRESH = 'context = "fresh"'
DRAFT = Draft(prompt="What is ${prompt}?", response="5")


class TestFreshContext:
    def test_the_revision_prompt_holds_prompt_response_and_critique(self, tmp_path: Path) -> None:
        prompts = prompt_set(tmp_path, revision=FRESH)
        assert prompts.revision_prompt_of(DRAFT, "4", "Say ${response}.") == (
            Message(
                role="user",
                content="Q: What is ${prompt}?\nA: 4\nNotes: Say ${response}.\nRewrite A.",
            ),
        )

    def test_the_system_message_comes_first(self, tmp_path: Path) -> None:
        prompts = prompt_set(tmp_path, revision=FRESH, files={"system.txt": "Be brief."})
        prompt = prompts.revision_prompt_of(DRAFT, "4", "Dull.")
        assert prompt[0] == Message(role="system", content="Be brief.")
        assert len(prompt) == 2

    def test_a_conversation_continues_as_before(self, tmp_path: Path) -> None:
        prompts = prompt_set(tmp_path)
        asked = prompts.critique_prompt(DRAFT, "4")
        made = prompts.revision_prompt_of(DRAFT, "4", "Dull.")
        assert made == prompts.revision_prompt(asked, "Dull.")
        assert made[-1] == Message(role="user", content="Now rewrite A.")

    @pytest.mark.parametrize("name", ["prompt", "critique"])
    def test_the_bridge_needs_the_prompt_and_the_critique(self, tmp_path: Path, name: str) -> None:
        bridge = "${prompt} ${response} ${critique}".replace(f"${{{name}}}", "")
        with pytest.raises(PromptSetError, match=rf"bridge\.txt: \$\{{{name}\}} is missing"):
            prompt_set(tmp_path, revision=FRESH, files={"bridge.txt": bridge})

    def test_in_a_conversation_the_bridge_has_no_placeholders(self, tmp_path: Path) -> None:
        with pytest.raises(PromptSetError, match=r"bridge\.txt: \$\{critique\} is unknown"):
            prompt_set(tmp_path, files={"bridge.txt": "Use ${critique}."})

    def test_the_bridge_is_counted_without_its_placeholders(self, tmp_path: Path) -> None:
        assert prompt_set(tmp_path, revision=FRESH).bridge == "Q: \nA: \nNotes: \nRewrite A."


class TestChatOnly:
    @pytest.mark.parametrize(
        ("critique", "revision", "name"),
        [
            ("", FRESH, r"revision\.context"),
            ("", 'prefill = "x"', r"revision\.prefill"),
            ('prefill = "x"', "", r"critique\.prefill"),
            ("", "opening_words = 4", r"revision\.opening_words"),
        ],
    )
    def test_a_completion_set_refuses_it_by_name(
        self, tmp_path: Path, critique: str, revision: str, name: str
    ) -> None:
        with pytest.raises(PromptSetError, match=rf"{name} needs kind = 'chat'"):
            prompt_set(tmp_path, kind="completion", critique=critique, revision=revision)

    def test_stop_texts_suit_a_completion_set_too(self, tmp_path: Path) -> None:
        prompts = prompt_set(tmp_path, kind="completion", critique='stop = ["END"]')
        assert prompts.critique_stops() == ("Now rewrite A.", "END")


class TestStopTexts:
    def test_a_chat_set_has_those_of_its_settings(self, tmp_path: Path) -> None:
        prompts = prompt_set(tmp_path, critique=r'stop = ["\n\n\n", "END"]')
        assert prompts.critique_stops() == ("\n\n\n", "END")

    def test_an_empty_one_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(PromptSetError, match=r"critique\.stop\.0: is empty"):
            prompt_set(tmp_path, critique='stop = [""]')


class TestSinglePass:
    def test_a_set_without_tags_may_leave_it_out_and_refuses_it(self, tmp_path: Path) -> None:
        prompts = prompt_set(tmp_path)
        with pytest.raises(PromptSetError, match=r"has no single\.txt.*Leave --single-pass out"):
            prompts.single_pass_prompt(DRAFT, "5")

    def test_it_is_refused_before_the_run(self, tmp_path: Path) -> None:
        prompts = prompt_set(tmp_path)
        engine = EngineInfo(kind="http", model="m")
        RunSettings.resolve(LoopOptions(), prompts, engine)
        with pytest.raises(PromptSetError, match=r"has no single\.txt"):
            RunSettings.resolve(LoopOptions(single_pass=True), prompts, engine)

    def test_a_fresh_context_without_tags_cannot_have_one(self, tmp_path: Path) -> None:
        single = {"single.txt": "${prompt} ${response}"}
        with pytest.raises(PromptSetError, match=r"single\.txt: nothing tells the revision"):
            prompt_set(tmp_path, revision=FRESH, files=single)
        tags = 'tags = { opening = "<r>", closing = "</r>" }'
        assert prompt_set(tmp_path, revision=f"{FRESH}\n{tags}", files=single).single_pass


class TestOpeningWords:
    RESPONSE = " Here are  some\ntips to manage your time, and more."

    def test_the_reply_is_begun_with_them(self, tmp_path: Path) -> None:
        prompts = prompt_set(tmp_path, revision='opening_words = 2\nprefill = "Better: "')
        assert prompts.settings.revision.begun(self.RESPONSE) == ("Better: Here are", "Here are")

    def test_with_tags_the_prefill_is_read_too(self, tmp_path: Path) -> None:
        tags = 'tags = { opening = "<r>", closing = "</r>" }'
        revision = f'{tags}\nopening_words = 1\nprefill = "<r>"'
        single = {"single.txt": "${prompt} ${response}"}
        prompts = prompt_set(tmp_path, revision=revision, files=single)
        assert prompts.settings.revision.begun(self.RESPONSE) == ("<r>Here", "<r>Here")

    @pytest.mark.parametrize(
        ("response", "begun"),
        [("", ""), ("Four.", ""), ("a b c d", "a"), ("a b c d e f g h", "a b")],
    )
    def test_they_are_at_most_a_quarter_of_the_response(
        self, tmp_path: Path, response: str, begun: str
    ) -> None:
        prompts = prompt_set(tmp_path, revision="opening_words = 2")
        assert prompts.settings.revision.begun(response) == (begun, begun)

    @given(st.text(max_size=60), st.integers(0, 9))
    def test_they_are_a_passage_of_the_response_to_the_letter(self, text: str, most: int) -> None:
        assert text.lstrip().startswith(first_words(text, most))
        assert len(first_words(text, most).split()) <= most


class TestTries:
    def test_they_are_the_sets_unless_the_user_chooses(self, tmp_path: Path) -> None:
        prompts = prompt_set(tmp_path, top="tries = 8\nretry_temperature = 0.9")
        engine = EngineInfo(kind="http", model="m")
        of_set = RunSettings.resolve(LoopOptions(), prompts, engine)
        assert (of_set.tries, of_set.retry_temperature) == (8, 0.9)
        chosen = RunSettings.resolve(LoopOptions(tries=2, retry_temperature=0), prompts, engine)
        assert (chosen.tries, chosen.retry_temperature) == (2, 0)

    def test_cnr_has_the_defaults_that_older_runs_had(self) -> None:
        settings = PromptSet.load("cnr").settings
        assert (settings.tries, settings.retry_temperature) == (3, 0.7)


class TestDigest:
    def test_that_of_cnr_stays_so_that_its_runs_can_be_resumed(self) -> None:
        assert PromptSet.load("cnr").digest == "276d58f54daffa64"

    @pytest.mark.parametrize(
        ("critique", "revision"),
        [
            ('prefill = "x"', ""),
            ('stop = ["x"]', ""),
            ("", 'prefill = "x"'),
            ("", 'stop = ["x"]'),
            ("", FRESH),
            ("", "opening_words = 4"),
        ],
    )
    def test_each_setting_changes_it(self, tmp_path: Path, critique: str, revision: str) -> None:
        plain = prompt_set(tmp_path / "plain")
        assert prompt_set(tmp_path / "a", critique=critique, revision=revision).digest != (
            plain.digest
        )

    def test_a_setting_at_its_default_does_not(self, tmp_path: Path) -> None:
        explicit = prompt_set(
            tmp_path / "explicit",
            critique='prefill = ""\nstop = []',
            revision='context = "conversation"\nprefill = ""\nopening_words = 0\nstop = []',
            top="tries = 3\nretry_temperature = 0.7",
        )
        assert explicit.digest == prompt_set(tmp_path / "plain").digest


def test_an_unknown_context_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(PromptSetError, match="'conversation' or 'fresh'"):
        prompt_set(tmp_path, revision='context = "stale"')
