"""`real_quotations`: a critique must quote the text that it criticises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop.prompts.parsing import UnusableError, refuse_invented
from tests.helpers.prompt_folders import prompt_set

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "My sister have two cat, and she says: they are 'lazy'."
ON = "real_quotations = true"


@pytest.mark.parametrize(
    "critique",
    [
        "The number of cats is wrong.",
        '"two cat" should be "two cats".',
        "\u201ctwo cat\u201d should be \u201ctwo cats\u201d.",
        '"Two  CAT" should be "two cats".',
        '"two cat," has no plural.',
        '"they are \u2019lazy\u2019" is unkind.',
        'It says "three dogs".\nIt also says "have two".',
        '"my" -> "My"',
    ],
)
def test_a_critique_that_quotes_the_text_or_nothing_passes(critique: str) -> None:
    refuse_invented(critique, [TEXT])


@pytest.mark.parametrize(
    ("critique", "reason"),
    [
        ('"three dogs" should be "two cats".', "quotes what the text does not have: 'three dogs'"),
        ('Here "is" means "are".\n"a" is missing.', "what the text does not have: 'is'"),
        ('"have" should be "have".', "replaces a passage with itself: 'have'"),
        ('"sist" is misspelt.', "what the text does not have: 'sist'"),
    ],
)
def test_a_critique_that_quotes_only_what_is_made_up_is_refused(critique: str, reason: str) -> None:
    with pytest.raises(UnusableError, match=reason):
        refuse_invented(critique, [TEXT])


def test_the_prompt_may_be_quoted(tmp_path: Path) -> None:
    prompts = prompt_set(tmp_path, critique=ON)
    asked = 'It does not answer "how many".'
    assert prompts.parse_critique(asked, ("Two.", "Tell me how many there are.")).raw == asked


@pytest.mark.parametrize("kind", ["chat", "completion"])
def test_a_set_refuses_made_up_quotations_only_if_it_says_so(tmp_path: Path, kind: str) -> None:
    made_up = '"a dog" should be "the dog"'
    plain = prompt_set(tmp_path / "plain", kind=kind)
    assert plain.parse_critique(made_up, (TEXT,)).raw == made_up
    strict = prompt_set(tmp_path / "strict", kind=kind, critique=ON)
    with pytest.raises(UnusableError, match="a dog"):
        strict.parse_critique(made_up, (TEXT,))
    assert strict.digest != plain.digest


def test_a_single_pass_is_read_the_same_way(tmp_path: Path) -> None:
    prompts = prompt_set(tmp_path, kind="completion", critique=ON)
    with pytest.raises(UnusableError, match="a dog"):
        prompts.parse_single_pass(f'"a dog"{prompts.bridge}Yes.', (TEXT,))
