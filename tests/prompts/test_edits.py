"""Revisions in the form of edits: settings of their sets, and replies as models write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from revloop.edits import EditOutcome, apply, read_edits
from revloop.errors import PromptSetError
from revloop.prompts.parsing import UnusableError, apply_written
from tests.helpers.prompt_folders import prompt_set
from tests.helpers.repository import REPOSITORY
from tests.helpers.scripted_loop import CHAT, CHAT_EDITS, CNR, CNR_EDITS

if TYPE_CHECKING:
    from pathlib import Path

SECTION = (
    (REPOSITORY / "docs" / "prompts.md").read_text(encoding="utf-8").partition("## Edits or")[2]
)
EDITS = 'form = "edits"'
REWRITE = "[rewrite]\nmax_tokens = 200"
REWRITE_FILE = {"rewrite.txt": "Now rewrite A."}


class TestSettingsOfEdits:
    @pytest.mark.parametrize("kind", ["chat", "completion"])
    def test_a_rewrite_has_its_own_table_and_its_own_file(self, tmp_path: Path, kind: str) -> None:
        files = {"rewrite.txt": "Write all of A.", "bridge.txt": "Edit A."}
        prompts = prompt_set(tmp_path, kind=kind, revision=f"{EDITS}\n{REWRITE}", files=files)
        assert prompts.has_edits
        assert prompts.bridge == "Edit A."
        assert not prompts.rewriting.has_edits
        assert prompts.rewriting.bridge == "Write all of A."
        assert prompts.rewriting.rewriting == prompts.rewriting

    @pytest.mark.parametrize(
        ("revision", "files", "message"),
        [
            (EDITS, REWRITE_FILE, r"settings\.toml: .*table \[rewrite\] is missing"),
            (EDITS, {}, r"settings\.toml: .*table \[rewrite\] is missing"),
            (REWRITE, REWRITE_FILE, r"settings\.toml: .*delete the table \[rewrite\]"),
            (f"{EDITS}\n{REWRITE}", {}, r"rewrite\.txt is missing"),
            ("", REWRITE_FILE, r"rewrite\.txt does not belong to this kind of set"),
            (
                f"{EDITS}\nopening_words = 3\n{REWRITE}",
                REWRITE_FILE,
                r"settings\.toml: .*revision\.opening_words.*\[rewrite\]",
            ),
            (f"{EDITS}\n{REWRITE}\n{EDITS}", REWRITE_FILE, r"settings\.toml: .*rewrite\.form"),
            (
                f"{EDITS}\n{REWRITE}",
                {"rewrite.txt": "Write ${response} again."},
                r"rewrite\.txt: \$\{response\} is unknown",
            ),
            ('form = "diff"', {}, r"revision\.form: .*'rewrite' or 'edits'"),
        ],
    )
    def test_what_does_not_fit_together_is_refused_with_the_file(
        self, tmp_path: Path, revision: str, files: dict[str, str], message: str
    ) -> None:
        with pytest.raises(PromptSetError, match=message):
            prompt_set(tmp_path, revision=revision, files=files)

    def test_a_completion_set_refuses_a_chats_settings_of_its_rewrite_too(
        self, tmp_path: Path
    ) -> None:
        revision = f'{EDITS}\n{REWRITE}\nprefill = "x"'
        with pytest.raises(PromptSetError, match=r"rewrite\.prefill needs kind = 'chat'"):
            prompt_set(tmp_path, kind="completion", revision=revision, files=REWRITE_FILE)

    def test_the_sets_criticise_as_those_that_rewrite_do(self) -> None:
        for edits, rewrite in ((CNR_EDITS, CNR), (CHAT_EDITS, CHAT)):
            assert edits.templates["critique.txt"] == rewrite.templates["critique.txt"]
            assert edits.settings.critique == rewrite.settings.critique
            assert edits.rewriting.settings.revision == rewrite.settings.revision
            assert edits.rewriting.bridge == rewrite.bridge

    def test_a_critique_ends_where_a_critic_of_either_form_goes_on(self) -> None:
        assert CNR_EDITS.critique_stops() == (CNR_EDITS.bridge, CNR.bridge)
        assert CNR.critique_stops() == (CNR.bridge,)

    @pytest.mark.parametrize("template", ["bridge.txt", "single.txt"])
    def test_the_example_in_a_prompt_is_what_it_says(self, template: str) -> None:
        example = CHAT_EDITS.templates[template].partition("<edits>\n")[2].partition("</edits>")[0]
        text = "The train leaves at nine. This is very, very important.\nTake:\n- a map\n- a hat"
        assert apply(text, read_edits(example).edits).text == (
            "The train leaves at ten. \nTake:\n- a map of the town\n- a hat"
        )


GIVEN = ("We meet at nine. Bring a coat.",)


def read(reply: str, *given: str) -> str:
    """What the revision in a reply makes of the text."""
    written = CHAT_EDITS.parse_revision(reply, given or GIVEN)
    return apply_written(written, GIVEN[0]).text


@pytest.mark.parametrize(
    "reply",
    [
        "<edits>\n- nine\n+ ten\n</edits>",
        "<edits>\n- nine\n+ ten",
        "<EDITS>- nine\n+ ten</EDITS>",
        "Sure! Here they are:\n\n<edits>\n- nine\n+ ten\n</edits>\n\nI hope this helps.",
        "I would\n- write ten\n- keep the rest\n\n<edits>\n- nine\n+ ten\n</edits>",
        "I write my <edits> now:\n- fix the time\n\n<edits>\n- nine\n+ ten\n</edits>",
        "<edits>\n```diff\n- nine\n+ ten\n```\n</edits>",
        "<edits>\n  - nine\n  + ten\n</edits>",
        "  <edits>\n  - nine\n  + ten\n  </edits>",
        "<edits>\n- at\n+ at\n</edits>\n\n<edits>\n- nine\n+ ten\n</edits>",
        # without its tags
        "- nine\n+ ten",
        "- nine\n+ ten\n</edits>",
        "Here are the edits:\n\n- nine\n+ ten\n\n- at\n+ at",
    ],
)
def test_edits_are_found_where_models_put_them(reply: str) -> None:
    assert read(reply) == "We meet at ten. Bring a coat."


@pytest.mark.parametrize("reply", ["none", "None.", "<edits>\nnone\n</edits>", "No edits needed."])
def test_none_is_found_with_its_tags_or_alone(reply: str) -> None:
    assert read(reply) == GIVEN[0]


@pytest.mark.parametrize(
    ("reply", "given"),
    [
        ("We meet at ten. Bring a coat.", GIVEN[0]),
        ("Changes:\n- the time\n- the coat", GIVEN[0]),
        ("- nine\n+ ten\n\nWe meet at ten.", GIVEN[0]),
        ("- nine\n+ ten\n- coat", GIVEN[0]),
        # a list of pros and cons could be meant
        ("- nine\n+ ten", "Pros and cons:\n+ ten\n- nine"),
        ("", GIVEN[0]),
    ],
)
def test_without_tags_nothing_that_could_be_something_else_is_taken_for_edits(
    reply: str, given: str
) -> None:
    with pytest.raises(UnusableError):
        read(reply, given)


def test_in_a_single_pass_the_tags_are_needed() -> None:
    reply = "Overall score: 5\nNegative aspects:\n- nine\n+ ten"
    with pytest.raises(UnusableError, match=re.escape("there is no <edits>")):
        CHAT_EDITS.parse_single_pass(reply, GIVEN)


def test_tags_in_new_text_are_text_though_the_draft_has_none() -> None:
    reply = "<edits>\n- nine\n+ <edits> </edits> ten </edits>, or\n+ so\n</edits>"
    written = CHAT_EDITS.parse_revision(reply, ("We meet at nine.",))
    assert apply_written(written, "nine").text == "<edits> </edits> ten </edits>, or\nso"


def test_tags_of_the_draft_may_stand_in_edits() -> None:
    text = "Write </edits> after <edits>."
    reply = "<edits>\n- Write </edits>\n+ Put </edits>\n</edits>"
    written = CHAT_EDITS.parse_revision(reply, (text,))
    assert apply_written(written, text).text == "Put </edits> after <edits>."


def test_a_long_passage_is_quoted_in_part() -> None:
    with pytest.raises(UnusableError, match=r"passage: '(word ){12}…'"):
        apply_written(f"- {'word ' * 99}\n+ x", GIVEN[0])


def test_the_example_in_the_docs_is_applied() -> None:
    response, written = re.findall(r"```text\n(.*?)\n```", SECTION, re.DOTALL)
    assert apply(response, read_edits(written).edits).text == (
        "We meet on Tuesday at nine in the old hall. Bring a coat, because the hall is not heated."
        "\n\nSee you there."
    )


def test_the_docs_explain_every_outcome_and_no_other() -> None:
    table = SECTION.partition("| outcome |")[2].partition("\n\n")[0]
    named = set(re.findall(r"\| `(\w+)` \|", table))
    assert named == {outcome.value for outcome in EditOutcome}
