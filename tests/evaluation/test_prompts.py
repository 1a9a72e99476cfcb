"""The judge's prompt set: the question, and the answers that it accepts."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import MissingFieldError, PromptSetError
from revloop.evaluation import JudgePrompts
from revloop.prompts.templates import shipped_folder

if TYPE_CHECKING:
    from pathlib import Path

SHIPPED = JudgePrompts.load()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped set, to change."""
    return shutil.copytree(shipped_folder() / "judge", tmp_path / "mine")


class TestTheQuestion:
    def test_it_contains_prompt_and_texts_in_order(self) -> None:
        (message,) = SHIPPED.question("Why?", "Because.", "Why not?")
        places = [message.content.index(text) for text in ("Why?", "Because.", "Why not?")]
        assert places == sorted(places)
        assert message.role == "user"

    def test_an_unknown_prompt_is_marked(self) -> None:
        (message,) = SHIPPED.question("", "a", "b")
        assert "(The prompt is not known.)" in message.content

    def test_template_syntax_in_a_text_stays_text(self) -> None:
        (message,) = SHIPPED.question("${second}", "${prompt} $", "$$")
        assert "${second}" in message.content
        assert "${prompt} $" in message.content
        assert "$$" in message.content

    def test_a_system_message_comes_first(self, folder: Path) -> None:
        (folder / "system.txt").write_text("You are strict, for $$1.")
        system, user = JudgePrompts.load(folder).question("Why?", "a", "b")
        assert (system.role, system.content, user.role) == (
            "system",
            "You are strict, for $1.",
            "user",
        )


class TestFields:
    @pytest.fixture
    def mine(self, folder: Path) -> Path:
        pair = "By ${extra.rubric}: ${prompt} ${first} ${second}"
        (folder / "pair.txt").write_text(pair)
        (folder / "system.txt").write_text("You know ${extra.reference}.")
        return folder

    def test_the_templates_show_them(self, mine: Path) -> None:
        prompts = JudgePrompts.load(mine)
        assert prompts.fields == {"rubric", "reference"}
        fields = {"rubric": ["right", "${first}"], "reference": 4}
        system, user = prompts.question("Why?", "a", "b", fields)
        assert system.content == "You know 4."
        assert user.content == "By - right\n- ${first}: Why? a b"

    def test_the_table_of_defaults_stands_in(self, mine: Path) -> None:
        with (mine / "judge.toml").open("a") as settings:
            settings.write('\n[fields]\nrubric = "taste"\nreference = ""\n')
        _, user = JudgePrompts.load(mine).question("Why?", "a", "b")
        assert user.content == "By taste: Why? a b"

    def test_without_one_the_field_is_missing(self, mine: Path) -> None:
        with pytest.raises(MissingFieldError, match="the draft has no field 'rubric'"):
            JudgePrompts.load(mine).question("Why?", "a", "b", {"reference": 4})

    def test_a_default_that_no_template_uses_is_refused(self, folder: Path) -> None:
        with (folder / "judge.toml").open("a") as settings:
            settings.write('\n[fields]\nrubrik = "taste"\n')
        with pytest.raises(PromptSetError, match=r"judge\.toml: no template uses .*rubrik"):
            JudgePrompts.load(folder)

    def test_the_digest_of_a_set_without_them_stays_as_it_was(self) -> None:
        assert SHIPPED.digest == "308c9bd5bce32b41"
        assert JudgePrompts.load("judge-rubric").fields == {"rubric"}


class TestReading:
    @pytest.mark.parametrize("opening", ["<think>", "", "<|channel|>analysis<|message|>"])
    def test_a_verdict_in_a_thought_does_not_count(self, opening: str) -> None:
        end = "<|channel|>final<|message|>" if "channel" in opening else "</think>"
        thought = f"{opening}A is longer.\nVerdict: A\n{end}\n\n"
        assert SHIPPED.read(f"{thought}B is true.\nVerdict: B") == ("second", "B is true.")
        assert SHIPPED.read(thought) is None
        assert SHIPPED.read("<think>B is true.\nVerdict: B") is None

    @pytest.mark.parametrize(
        ("answer", "read"),
        [
            ("A is true.\n\nVerdict: A", ("first", "A is true.")),
            ("Verdict: B\n", ("second", "")),
            ("Alike.\nverdict line follows\nVerdict: tie", ("tie", "Alike.\nverdict line follows")),
            ("Fine.\n**Verdict: Tie.**", ("tie", "Fine.")),
            ("Fine.\n### Verdict: [B]", ("second", "Fine.")),
            ("Verdict: A\nSo, as said:\nVerdict: A", ("first", "")),
            ("Fine.\n**Verdict:** B", ("second", "Fine.")),
            ("Fine.\n**Verdict**: **B**", ("second", "Fine.")),
            ("Fine.\nVERDICT: b", ("second", "Fine.")),
            ("Fine.\nVerdict: **A**\n\n", ("first", "Fine.")),
            ("Fine.\r\nVerdict: A\r\n", ("first", "Fine.")),
            ("Fine.\nVerdict: Response A", ("first", "Fine.")),
            ("Fine.\nVerdict: response_b", ("second", "Fine.")),
            ("Fine.\nVerdict: Response **B** is better.", ("second", "Fine.")),
            ("Fine.\nVerdict: [[A]]", ("first", "Fine.")),
            ('Fine.\nVerdict: "A"', ("first", "Fine.")),
            ("Fine.\nVerdict: it's a tie", ("tie", "Fine.")),
            ("Fine.\nFinal verdict: A", ("first", "Fine.")),
            ("Fine.\n\n### Verdict\n\nB", ("second", "Fine.")),
            ("Fine.\nVerdict:\n**A**", ("first", "Fine.")),
            ("Fine.\n[[B]]", ("second", "Fine.")),
            ("Fine.\n**Response A**", ("first", "Fine.")),
            ("Fine.\nTie.", ("tie", "Fine.")),
            ("<think>Verdict: B</think>Fine.\nA", ("first", "Fine.")),
            ("A", ("first", "")),
        ],
    )
    def test_a_verdict_is_read(self, answer: str, read: tuple[str, str]) -> None:
        assert SHIPPED.read(answer) == read

    @pytest.mark.parametrize(
        "answer",
        [
            "",
            "I prefer A",
            "A or B",
            "A\nIt is true.",
            "Response A\nIt is true.\nResponse B",
            "[[A]]\n[[B]]",
            "Verdict: A\n[[B]]",
            "**Verdict:** A\n**Verdict:** Response B",
            "Verdict: neither A nor B",
            "Verdict: not A",
            "Verdict: A or B",
            "Verdict: C",
            "Verdict:",
            "Verdict: A\nVerdict: B",
            "Verdict: A\nBut B has its merits.",
            "I reach the Verdict: A",
            "Verdict: A\nVerdict: B\nVerdict: tie",
        ],
    )
    def test_anything_else_is_no_verdict(self, answer: str) -> None:
        assert SHIPPED.read(answer) is None

    def test_words_and_label_of_ones_own_are_read_as_they_are(self, folder: Path) -> None:
        path = folder / "judge.toml"
        text = path.read_text().replace('"A"', '"[[A]]"').replace('"B"', '"2 (later)"')
        path.write_text(text.replace('"Verdict:"', '"The winner is"'))
        prompts = JudgePrompts.load(folder)
        assert prompts.read("Fine.\nThe winner is [[A]]") == ("first", "Fine.")
        assert prompts.read("Fine.\nThe winner is **2 (later)**") == ("second", "Fine.")
        assert prompts.read("Fine.\nThe winner is 2") is None

    @pytest.mark.parametrize("run", [" ", "*", "A ", "Verdict", "Verdict:\n", "\n \t"])
    def test_long_answers_are_read_in_time(self, run: str) -> None:
        assert SHIPPED.read(run * 50_000 + "\nso") is None

    @given(st.text())
    def test_no_answer_breaks_the_reader(self, answer: str) -> None:
        read = SHIPPED.read(answer)
        assert read is None or read[0] in {"first", "second", "tie"}

    @given(st.text().filter(lambda text: "Verdict" not in text))
    def test_reasons_are_stripped(self, reason: str) -> None:
        assert SHIPPED.read(f"{reason}\nVerdict: B") == ("second", reason.strip())


class TestAFolderOfOnesOwn:
    def test_the_digest_changes_with_every_letter(self, folder: Path) -> None:
        same = JudgePrompts.load(folder).digest
        with (folder / "pair.txt").open("a") as file:
            file.write("!")
        assert (same == SHIPPED.digest, JudgePrompts.load(folder).digest == same) == (True, False)

    def test_a_missing_set_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(PromptSetError, match=r"no judge's prompt set .*judge\.toml and pair"):
            JudgePrompts.load(tmp_path)

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ('first = "A"', 'first = "b"', "three words must differ"),
            ("max_tokens = 1024", "max_tokens = 0", "max_tokens"),
            ("label", "lable", "lable"),
            ("max_tokens = 1024", "max_tokens =", "not TOML"),
        ],
    )
    def test_an_invalid_setting_is_an_error(
        self, folder: Path, old: str, new: str, said: str
    ) -> None:
        path = folder / "judge.toml"
        path.write_text(path.read_text().replace(old, new))
        with pytest.raises(PromptSetError, match=said):
            JudgePrompts.load(folder)

    def test_a_template_without_one_of_the_texts_is_an_error(self, folder: Path) -> None:
        (folder / "pair.txt").write_text("${prompt} ${first}")
        with pytest.raises(PromptSetError, match=r"\$\{second\} is missing"):
            JudgePrompts.load(folder)
