"""Prompt sets: the exact rendered prompts, and unusable folders."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import PromptSetError
from revloop.prompts import Kind, PromptSet, Rendered, shipped_prompt_sets
from revloop.prompts.parsing import UnusableError, write_revision
from revloop.prompts.parsing.thoughts import marks_shown
from revloop.trajectory import Critique, Draft, Message
from tests.helpers.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CNR = PromptSet.load("cnr")
CHAT = PromptSet.load("chat")
SHIPPED = REPOSITORY / "prompts"

ONE_TURN = Draft(prompt="What is 2 + 2?", response="5")
MANY_TURNS = Draft(
    messages=(
        Message(role="system", content="Be brief."),
        Message(role="user", content="Hello"),
        Message(role="assistant", content="Hi!\n"),
        Message(role="user", content="What is 2 + 2?"),
    ),
    response="5",
)
NO_PROMPT = Draft(response="5")
CRITIQUE = "Overall score: 1\nPositive aspects: short\nNegative aspects: wrong"

# no marks of thoughts (test_thoughts.py): Hypothesis also draws constants of the source
texts = st.text(max_size=60).filter(lambda text: marks_shown(text) is None)
tricky = texts | st.lists(
    st.sampled_from(
        [
            "${prompt}",
            "${response}",
            "$prompt",
            "$$",
            "$",
            "{}",
            "{{ x }}",
            "%s",
            "\\1",
            "### Response:\n",
            "### Revised response:\n",
            "\n\n### Critique:\n",
            "</response>",
            "<revised_response>",
            "<|endoftext|>",
            "</s>",
            "\r\n",
            "\x00",
        ]
    ),
    max_size=6,
).map("".join)


def text_of(prompt: Rendered) -> str:
    """The text of a completion prompt, or the only message of a chat prompt."""
    if isinstance(prompt, str):
        return prompt
    assert [message.role for message in prompt] == ["user"]
    return prompt[0].content


class TestCnr:
    def test_the_critique_prompt_of_one_turn(self) -> None:
        assert CNR.critique_prompt(ONE_TURN, "4, I think.") == (
            "### Prompt:\nWhat is 2 + 2?\n\n### Response:\n4, I think.\n\n### Critique:\n"
        )

    def test_the_critique_prompt_of_many_turns(self) -> None:
        assert CNR.critique_prompt(MANY_TURNS, "5") == (
            "### Prompt:\n"
            "System: Be brief.\n"
            "\n"
            "User: Hello\n"
            "\n"
            "Assistant: Hi!\n"
            "\n"
            "\n"
            "User: What is 2 + 2?\n"
            "\n"
            "### Response:\n"
            "5\n"
            "\n"
            "### Critique:\n"
        )

    def test_the_critique_prompt_where_no_prompt_is_known(self) -> None:
        assert CNR.critique_prompt(NO_PROMPT, "5") == (
            "### Prompt:\n(not recorded)\n\n### Response:\n5\n\n### Critique:\n"
        )

    def test_the_revision_prompt(self) -> None:
        first = CNR.critique_prompt(ONE_TURN, "5")
        assert CNR.revision_prompt(first, CRITIQUE) == (
            "### Prompt:\n"
            "What is 2 + 2?\n"
            "\n"
            "### Response:\n"
            "5\n"
            "\n"
            "### Critique:\n"
            "Overall score: 1\n"
            "Positive aspects: short\n"
            "Negative aspects: wrong\n"
            "\n"
            "### Revised response:\n"
        )

    def test_the_single_pass_prompt_is_the_critique_prompt(self) -> None:
        for draft in (ONE_TURN, MANY_TURNS, NO_PROMPT):
            assert CNR.single_pass_prompt(draft, "5") == CNR.critique_prompt(draft, "5")

    def test_a_critique_ends_where_the_bridge_begins(self) -> None:
        assert CNR.critique_stops() == ("\n\n### Revised response:\n",)


class TestChat:
    def test_the_critique_prompt_of_one_turn(self) -> None:
        assert text_of(CHAT.critique_prompt(ONE_TURN, "4, I think.")) == (
            "Here is a prompt and a response to it.\n"
            "\n"
            "<prompt>\n"
            "What is 2 + 2?\n"
            "</prompt>\n"
            "\n"
            "<response>\n"
            "4, I think.\n"
            "</response>\n"
            "\n"
            "Review the response as a demanding expert would. Is it correct? Does it do what the "
            "prompt asks? Is it complete, clear and concise? Describe each problem specifically "
            "enough for someone else to fix it. Do not rewrite the response yet.\n"
            "\n"
            'Begin with a line that says "Overall score:" and a whole number from 1 (useless) to '
            '10 (nothing to improve). Then write "Positive aspects:" and what is good about the '
            'response and should stay. Then write "Negative aspects:" and what is wrong or '
            'missing, point by point, or the word "none".\n'
        )

    def test_the_critique_prompt_of_many_turns(self) -> None:
        text = text_of(CHAT.critique_prompt(MANY_TURNS, "5"))
        assert text.startswith(
            "Here is a prompt and a response to it.\n"
            "\n"
            "<prompt>\n"
            "System: Be brief.\n"
            "\n"
            "User: Hello\n"
            "\n"
            "Assistant: Hi!\n"
            "\n"
            "\n"
            "User: What is 2 + 2?\n"
            "</prompt>\n"
            "\n"
            "<response>\n"
            "5\n"
            "</response>\n"
            "\n"
            "Review the response"
        )

    def test_the_critique_prompt_where_no_prompt_is_known(self) -> None:
        text = text_of(CHAT.critique_prompt(NO_PROMPT, "5"))
        assert "<prompt>\n(The prompt is not known.)\n</prompt>\n\n<response>\n5\n" in text

    def test_the_revision_prompt_goes_on_with_the_chat(self) -> None:
        first = CHAT.critique_prompt(ONE_TURN, "5")
        assert CHAT.revision_prompt(first, CRITIQUE) == (
            *first,
            Message(role="assistant", content=CRITIQUE),
            Message(
                role="user",
                content=(
                    "Now rewrite the response. Fix each problem that you described. Keep "
                    "everything that is good about it, with its code, lists and figures, and add "
                    "nothing that the prompt does not ask for. Address whoever wrote the prompt, "
                    "and do not mention the review.\n"
                    "\n"
                    "Write the opening tag <revised_response>, then the whole rewritten response, "
                    "then the closing tag </revised_response>. Write nothing before the opening "
                    "tag and nothing after the closing tag.\n"
                ),
            ),
        )

    def test_the_single_pass_prompt_of_one_turn(self) -> None:
        assert text_of(CHAT.single_pass_prompt(ONE_TURN, "5")) == (
            "Here is a prompt and a response to it.\n"
            "\n"
            "<prompt>\n"
            "What is 2 + 2?\n"
            "</prompt>\n"
            "\n"
            "<response>\n"
            "5\n"
            "</response>\n"
            "\n"
            "First, review the response as a demanding expert would. Is it correct? Does it do "
            "what the prompt asks? Is it complete, clear and concise? Describe each problem "
            "specifically enough for someone else to fix it. Begin with a line that says "
            '"Overall score:" and a whole number from 1 (useless) to 10 (nothing to improve). Then '
            'write "Positive aspects:" and what is good about the response and should stay. Then '
            'write "Negative aspects:" and what is wrong or missing, point by point, or the word '
            '"none".\n'
            "\n"
            "After that, rewrite the response. Fix each problem that you described. Keep "
            "everything that is good about it, with its code, lists and figures, and add nothing "
            "that the prompt does not ask for. Address whoever wrote the prompt, and do not "
            "mention the review. Write the opening tag <revised_response>, then the whole "
            "rewritten response, then the closing tag </revised_response>. Write nothing after the "
            "closing tag.\n"
        )

    def test_the_single_pass_prompt_has_prompt_and_response_as_the_critique_prompt(self) -> None:
        for draft in (ONE_TURN, MANY_TURNS, NO_PROMPT):
            single = text_of(CHAT.single_pass_prompt(draft, "5")).partition("\n\nFirst, review")
            critique = text_of(CHAT.critique_prompt(draft, "5")).partition("\n\nReview")
            assert single[0] == critique[0]

    def test_a_critique_has_a_turn_of_its_own_and_needs_no_stop(self) -> None:
        assert CHAT.critique_stops() == ()

    def test_a_system_message_comes_first_where_the_set_has_one(self, tmp_path: Path) -> None:
        folder = copied("chat", tmp_path)
        (folder / "system.txt").write_text("You are an editor.\n")
        prompts = PromptSet.load(folder)
        assert prompts.critique_prompt(ONE_TURN, "5") == (
            Message(role="system", content="You are an editor.\n"),
            *CHAT.critique_prompt(ONE_TURN, "5"),
        )


class TestTextIsData:
    @given(tricky, tricky)
    def test_prompt_and_response_come_through_to_the_letter(self, prompt: str, text: str) -> None:
        rendered = CNR.critique_prompt(Draft(prompt=prompt, response="r"), text)
        assert rendered == f"### Prompt:\n{prompt}\n\n### Response:\n{text}\n\n### Critique:\n"

    @given(tricky, tricky)
    def test_they_come_through_to_a_chat_too(self, prompt: str, text: str) -> None:
        draft = Draft(prompt=prompt, response="r")
        for rendered in (CHAT.critique_prompt(draft, text), CHAT.single_pass_prompt(draft, text)):
            expected = f"\n\n<prompt>\n{prompt}\n</prompt>\n\n<response>\n{text}\n</response>\n\n"
            assert expected in text_of(rendered)

    @given(tricky, tricky)
    def test_each_turn_comes_through_to_the_letter(self, first: str, second: str) -> None:
        turns = (Message(role="user", content=first), Message(role="assistant", content=second))
        rendered = CNR.critique_prompt(Draft(messages=turns, response="r"), "5")
        assert rendered == (
            f"### Prompt:\nUser: {first}\n\nAssistant: {second}\n\n"
            "### Response:\n5\n\n### Critique:\n"
        )

    @given(tricky, tricky)
    def test_the_revision_prompt_starts_with_critique_prompt_and_critique(
        self, text: str, critique: str
    ) -> None:
        first = CNR.critique_prompt(ONE_TURN, text)
        second = CNR.revision_prompt(first, critique)
        assert isinstance(first, str)
        assert isinstance(second, str)
        assert second == first + critique + CNR.bridge

    @given(tricky, tricky)
    def test_the_revision_chat_starts_with_critique_chat_and_critique(
        self, text: str, critique: str
    ) -> None:
        first = CHAT.critique_prompt(ONE_TURN, text)
        second = CHAT.revision_prompt(first, critique)
        assert second[:2] == (*first, Message(role="assistant", content=critique))

    def test_one_user_message_is_a_prompt_of_one_turn(self) -> None:
        one = Draft(messages=(Message(role="user", content="Hi"),), response="5")
        assert CNR.critique_prompt(one, "5") == CNR.critique_prompt(
            Draft(prompt="Hi", response="5"), "5"
        )

    def test_one_message_of_another_role_keeps_its_name(self) -> None:
        one = Draft(messages=(Message(role="system", content="Hi"),), response="5")
        assert text_of(CNR.critique_prompt(one, "5")).startswith("### Prompt:\nSystem: Hi\n\n")


class TestSinglePass:
    @given(texts, tricky.filter(str.strip))
    def test_critique_and_revision_come_back_from_around_the_bridge(
        self, negative: str, revision: str
    ) -> None:
        critique = f"Overall score: 3\nPositive aspects: none\nNegative aspects: {negative}"
        generated = critique + CNR.bridge + revision
        before = generated.index(CNR.bridge)
        read, revised = CNR.parse_single_pass(generated)
        assert read.raw == critique[:before]
        assert revised == generated[before + len(CNR.bridge) :]

    @given(texts.filter(str.strip), tricky.filter(str.strip))
    def test_a_chat_divides_at_the_first_opening_tag(self, critique: str, revision: str) -> None:
        generated = f"{critique}<revised_response>\n{revision}\n</revised_response>"
        read, revised = CHAT.parse_single_pass(generated, given=(revision,))
        assert (read.raw, revised) == (critique, revision)

    def test_a_second_bridge_belongs_to_the_revision(self) -> None:
        _, revised = CNR.parse_single_pass(f"{CRITIQUE}{CNR.bridge}a{CNR.bridge}b")
        assert revised == f"a{CNR.bridge}b"

    @pytest.mark.parametrize(
        ("generated", "why"),
        [
            ("", "there is no '### Revised response:'"),
            (CRITIQUE, "there is no '### Revised response:'"),
            (f"{CRITIQUE}\n\n### Revised response:", "there is no '### Revised response:'"),
            (f"{CRITIQUE}{CNR.bridge} \n", "it is blank"),
            (f"{CNR.bridge}4", "it is blank"),
            (f"Dull.{CNR.bridge}4", "there is no 'Overall score:'"),
            (f"<think>{CRITIQUE}{CNR.bridge}4", "it is an unfinished thought"),
        ],
    )
    def test_a_missing_part_makes_the_answer_unusable(self, generated: str, why: str) -> None:
        with pytest.raises(UnusableError, match=why):
            CNR.parse_single_pass(generated)

    @pytest.mark.parametrize(
        ("generated", "why"),
        [
            ("", "there is no <revised_response>"),
            ("Dull.", "there is no <revised_response>"),
            ("<revised_response>4</revised_response>", "it is blank"),
            ("Dull.<revised_response>4", "there is no </revised_response>"),
            ("Dull.<revised_response>\n</revised_response>", "it is blank"),
        ],
    )
    def test_a_missing_part_makes_the_answer_of_a_chat_unusable(
        self, generated: str, why: str
    ) -> None:
        with pytest.raises(UnusableError, match=why):
            CHAT.parse_single_pass(generated)

    def test_a_chat_without_tags_divides_at_the_bridge(self, tmp_path: Path) -> None:
        folder = copied("chat", tmp_path)
        edit(folder / "settings.toml", r"\ntags = .*", "")
        (folder / "bridge.txt").write_text("\n---\n")
        read, revised = PromptSet.load(folder).parse_single_pass("Dull.\n---\nBright.")
        assert (read.raw, revised) == ("Dull.", "Bright.")

    def test_a_thought_that_writes_in_the_form_is_no_answer(self) -> None:
        thought = "Overall score: 1\nI write it between <revised_response> and </revised_response>."
        answer = "Overall score: 7\n<revised_response>\nGood.\n</revised_response>"
        for opening in ("<think>", ""):
            read, revised = CHAT.parse_single_pass(f"{opening}{thought}</think>\n{answer}")
            assert (read.score, revised) == (7, "Good.")


def replies(prompts: PromptSet) -> st.SearchStrategy[str]:
    """Any text that a critic could write, mostly close to a prompt set's format."""
    lines = [line for text in prompts.templates.values() for line in text.splitlines(keepends=True)]
    marks = ["<revised_response>", "</revised_response>", "<think>", "</think>", "<|channel|>final"]
    spaces = ["\n", "\r\n", " ", "    "]
    pieces = st.sampled_from([*lines, *marks, *spaces, CRITIQUE, prompts.bridge]) | texts
    return st.lists(pieces, max_size=8).map("".join)


@pytest.mark.parametrize("prompts", [CNR, CHAT], ids=["cnr", "chat"])
class TestAnyReply:
    @given(data=st.data(), before=texts.filter(str.strip))
    def test_what_is_stored_is_a_passage_of_the_reply_to_the_letter_or_the_text_before(
        self, prompts: PromptSet, data: st.DataObject, before: str
    ) -> None:
        reply = data.draw(replies(prompts))
        reads: tuple[tuple[Kind, Callable[[str], str]], ...] = (
            ("revision", prompts.parse_revision),
            ("both", lambda said: prompts.parse_single_pass(said)[1]),
        )
        for kind, read in reads:
            try:
                found = read(prompts.without_thoughts(kind, reply)[0])
                draft = Draft(response=before)
                stored = prompts.accept(found, Critique(raw="Dull."), before, draft).text
            except UnusableError as refused:
                assert refused.reason  # noqa: PT017 - either is right
                continue
            assert stored in reply or (stored == before and before.strip() in reply)
            assert stored.strip()
            if stored != before:
                assert not stored.lstrip().startswith("<think>") or prompts.is_chat
                assert "revised_response>" not in stored or not prompts.is_chat
                assert "Now rewrite the response." not in stored or not prompts.is_chat

    @given(st.text(max_size=80).filter(str.strip), st.text(max_size=20).filter(str.strip))
    def test_any_text_that_is_written_in_the_form_comes_back_to_the_letter(
        self, prompts: PromptSet, text: str, before: str
    ) -> None:
        tags = prompts.settings.revision.tags
        for one in (f"    {text}\n", f"\n{text}\r\n", text):
            written = write_revision(one, tags)
            assert prompts.parse_revision(written, given=(one, before)) == one


class TestShipped:
    def test_ten_sets_come_with_revloop(self) -> None:
        chat = ["chat", "chat-edits", "chat-plain", "chat-prefill", "chat-turns", "chat-verify"]
        assert shipped_prompt_sets() == [*chat, "cnr", "cnr-edits", "english", "rubric"]

    @pytest.mark.parametrize("name", shipped_prompt_sets())
    def test_no_template_has_a_placeholder_between_tags_to_copy(self, name: str) -> None:
        prompts = PromptSet.load(name)
        tags = prompts.settings.revision.tags
        for text in prompts.templates.values():
            assert not re.search(r"\(the complete|\(a number", text)
            if tags is not None and tags.opening in text:
                between = text.partition(tags.opening)[2].partition(tags.closing)[0]
                revision = prompts.parse_revision(write_revision(between, tags))
                with pytest.raises(UnusableError):
                    prompts.accept(revision, Critique(raw="Dull."), "5", ONE_TURN)

    def test_a_copy_of_a_shipped_set_is_the_same_set(self, tmp_path: Path) -> None:
        prompts = PromptSet.load(copied("cnr", tmp_path))
        assert (prompts.name, prompts.digest) == ("cnr", CNR.digest)
        assert prompts.templates == CNR.templates

    def test_a_folder_may_be_named_by_a_string(self, tmp_path: Path) -> None:
        assert PromptSet.load(str(copied("cnr", tmp_path))).digest == CNR.digest


class TestDigest:
    @pytest.mark.parametrize("file", ["critique.txt", "bridge.txt", "turn.txt", "single.txt"])
    def test_it_changes_with_any_letter_of_a_template(self, tmp_path: Path, file: str) -> None:
        folder = copied("chat", tmp_path)
        with (folder / file).open("a") as template:
            template.write(" ")
        assert PromptSet.load(folder).digest != CHAT.digest

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("temperature = 0.0", "temperature = 0.1"),
            ("max_tokens = 384", "max_tokens = 383"),
            ("(not recorded)", "(not  recorded)"),
            ('"User"', '"Asker"'),
            ("Overall score:", "Score:"),
            ("required = true", "required = false"),
        ],
    )
    def test_it_changes_with_any_setting(self, tmp_path: Path, old: str, new: str) -> None:
        folder = copied("cnr", tmp_path)
        edit(folder / "settings.toml", re.escape(old), new)
        assert PromptSet.load(folder).digest != CNR.digest

    def test_it_does_not_change_with_a_comment(self, tmp_path: Path) -> None:
        folder = copied("cnr", tmp_path)
        edit(folder / "settings.toml", r"\A# ", "# Ours: ")
        assert PromptSet.load(folder).digest == CNR.digest

    def test_a_system_message_changes_it(self, tmp_path: Path) -> None:
        folder = copied("chat", tmp_path)
        (folder / "system.txt").write_text("You are an editor.")
        assert PromptSet.load(folder).digest != CHAT.digest


class TestFoldersThatCannotBeUsed:
    def test_a_name_that_is_nothing_lists_the_sets_there_are(self) -> None:
        names = r"\(chat, chat-edits, chat-plain, chat-prefill, chat-turns, chat-verify, cnr, "
        with pytest.raises(PromptSetError, match=f"'cnn' does not exist.*{names}"):
            PromptSet.load("cnn")

    def test_a_folder_without_settings(self, tmp_path: Path) -> None:
        with pytest.raises(PromptSetError, match=r"has no settings\.toml.*or a folder with"):
            PromptSet.load(tmp_path)

    @pytest.mark.parametrize("file", ["critique.txt", "bridge.txt", "turn.txt", "single.txt"])
    def test_a_missing_file_is_named(self, tmp_path: Path, file: str) -> None:
        folder = copied("chat", tmp_path)
        (folder / file).unlink()
        with pytest.raises(PromptSetError, match=rf"{file} is missing\."):
            PromptSet.load(folder)

    def test_a_misspelt_file_is_named_with_the_likely_name(self, tmp_path: Path) -> None:
        folder = copied("cnr", tmp_path)
        (folder / "critique.txt").rename(folder / "critic.txt")
        with pytest.raises(PromptSetError, match=r"critic\.txt .* did you mean critique\.txt\?"):
            PromptSet.load(folder)

    def test_a_file_of_the_other_kind_is_refused(self, tmp_path: Path) -> None:
        folder = copied("cnr", tmp_path)
        shutil.copy(SHIPPED / "chat" / "single.txt", folder)
        with pytest.raises(
            PromptSetError, match=r"single\.txt does not belong to this kind of set"
        ):
            PromptSet.load(folder)

    def test_a_stranger_without_a_likely_name_gets_no_guess(self, tmp_path: Path) -> None:
        folder = copied("cnr", tmp_path)
        (folder / "zzz.txt").write_text("?")
        with pytest.raises(PromptSetError, match=r"zzz\.txt does not belong .*turn\.txt\)$"):
            PromptSet.load(folder)

    def test_a_folder_in_place_of_a_file(self, tmp_path: Path) -> None:
        folder = copied("cnr", tmp_path)
        (folder / "bridge.txt").unlink()
        (folder / "bridge.txt").mkdir()
        with pytest.raises(PromptSetError, match=r"bridge\.txt cannot be read: Is a directory"):
            PromptSet.load(folder)

    def test_an_unknown_placeholder_is_named_with_the_known_ones(self, tmp_path: Path) -> None:
        folder = copied("cnr", tmp_path)
        edit(folder / "critique.txt", r"\$\{prompt\}", "${promt}")
        with pytest.raises(
            PromptSetError,
            match=r"critique\.txt: \$\{promt\} is unknown "
            r"\(known: \$\{checks\}, \$\{prompt\}, \$\{response\}, \$\{extra\.NAME\}\)",
        ):
            PromptSet.load(folder)

    def test_a_placeholder_where_none_is_known(self, tmp_path: Path) -> None:
        folder = copied("cnr", tmp_path)
        (folder / "bridge.txt").write_text("${response}")
        with pytest.raises(PromptSetError, match=r"bridge\.txt: .* \(known: none\)"):
            PromptSet.load(folder)

    @pytest.mark.parametrize(
        ("file", "name"),
        [("critique.txt", "prompt"), ("critique.txt", "response"), ("turn.txt", "role")],
    )
    def test_a_placeholder_that_is_left_out(self, tmp_path: Path, file: str, name: str) -> None:
        folder = copied("cnr", tmp_path)
        edit(folder / file, rf"\$\{{{name}\}}", "")
        with pytest.raises(PromptSetError, match=rf"\$\{{{name}\}} is missing"):
            PromptSet.load(folder)

    @pytest.mark.parametrize("dollar", ["$ 5", "$5", "${", "${prompt", "${a b}", "$"])
    def test_a_stray_dollar_is_named_by_its_line(self, tmp_path: Path, dollar: str) -> None:
        folder = copied("cnr", tmp_path)
        with (folder / "critique.txt").open("a") as template:
            template.write(f"It costs $$3.\nNot {dollar}")
        with pytest.raises(PromptSetError, match=r"critique\.txt, line 9: write \$\$ for a dollar"):
            PromptSet.load(folder)

    def test_a_doubled_dollar_is_one_dollar(self, tmp_path: Path) -> None:
        folder = copied("cnr", tmp_path)
        (folder / "bridge.txt").write_text("Pay $$5: ")
        assert PromptSet.load(folder).bridge == "Pay $5: "

    @pytest.mark.parametrize("file", ["critique.txt", "settings.toml"])
    def test_bytes_that_are_not_utf8(self, tmp_path: Path, file: str) -> None:
        folder = copied("cnr", tmp_path)
        (folder / file).write_bytes(b"caf\xe9 ${prompt}")
        with pytest.raises(PromptSetError, match=rf"{file} is not UTF-8: byte 3 is invalid"):
            PromptSet.load(folder)

    @pytest.mark.parametrize("file", ["bridge.txt", "system.txt"])
    def test_an_empty_template(self, tmp_path: Path, file: str) -> None:
        folder = copied("chat", tmp_path)
        (folder / file).write_text("")
        with pytest.raises(PromptSetError, match=rf"{file} is empty"):
            PromptSet.load(folder)

    def test_a_byte_order_mark_is_no_part_of_a_file(self, tmp_path: Path) -> None:
        folder = copied("cnr", tmp_path)
        for file in folder.iterdir():
            file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
        assert PromptSet.load(folder).digest == PromptSet.load("cnr").digest

    def test_settings_that_are_not_toml_are_named_by_their_line(self, tmp_path: Path) -> None:
        folder = copied("cnr", tmp_path)
        (folder / "settings.toml").write_text('kind = "completion"\nmissing_prompt =\n')
        with pytest.raises(PromptSetError, match=r"settings\.toml is not TOML: .*line 2"):
            PromptSet.load(folder)

    @pytest.mark.parametrize(
        ("pattern", "new", "says"),
        [
            ('kind = "completion"', 'kind = "chatty"', "kind: Input should be 'completion' or"),
            ('kind = "completion"\n', "", "kind: Field required"),
            ("temperature =", "temprature =", r"sampling\.temprature: .*'temperature'"),
            ("temperature = 0.0", "temperature = -1", r"sampling\.temperature: .*or equal to 0"),
            ("temperature = 0.0", "temperature = nan", r"sampling\.temperature: Input should"),
            ("max_tokens = 384", 'max_tokens = "lots"', r"critique\.max_tokens: .*integer"),
            ("max_tokens = 384", "max_tokens = 0", r"critique\.max_tokens: .*equal to 1"),
            (r"scale = \[1, 10\]", "scale = [10, 1]", r"critique\.labels: the scale's lowest"),
            (r"scale = \[1, 10\]", "scale = 10", r"critique\.labels\.scale: must be a list"),
            ('score = "Overall score:"', 'score = ""', r"critique\.labels\.score: is empty"),
            (r"system = ", "sytem = ", r"conversation\.roles"),
            (r', assistant = "Assistant"', "", r"conversation\.roles.*assistant"),
            (r"\Z", "\n[extra]\n", "extra: is not known"),
        ],
    )
    def test_a_setting_that_is_wrong_is_named(
        self, tmp_path: Path, pattern: str, new: str, says: str
    ) -> None:
        folder = copied("cnr", tmp_path)
        edit(folder / "settings.toml", pattern, new)
        with pytest.raises(PromptSetError, match=rf"settings\.toml: .*{says}"):
            PromptSet.load(folder)


def copied(name: str, parent: Path) -> Path:
    """A copy of a shipped set, for tests to damage."""
    return shutil.copytree(SHIPPED / name, parent / name)


def edit(path: Path, pattern: str, new: str) -> None:
    """Replace every match of the pattern, which must occur in the file."""
    text, times = re.subn(pattern, lambda _: new, path.read_text(encoding="utf-8"))
    assert times
    path.write_text(text, encoding="utf-8")
