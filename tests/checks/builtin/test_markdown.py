"""The check `markdown`: well-formed, with or without headings, lists, tables and code blocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.checks import Markdown
from revloop.markdown.fences import fences, without_fences
from tests.helpers.built_in import says, shows

PARTS = {
    "headings": "# Title",
    "lists": "1. one\n2. two",
    "tables": "| a |\n| - |\n| b |",
    "code_blocks": "```\nx\n```",
}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_required_or_forbidden(part: str) -> None:
    noun = part.replace("_", " ")
    with_part, without = f"Words.\n\n{PARTS[part]}\n", "Words."
    required, forbidden = (Markdown.model_validate({part: value}) for value in (True, False))
    assert says(required, with_part) is None
    assert says(required, without) == f"The text must have a {noun.removesuffix('s')}."
    assert says(forbidden, without) is None
    assert says(forbidden, with_part) == f"The text must not have {noun}."
    assert says(Markdown(), with_part) is None


def test_other_spellings_of_a_part_count() -> None:
    assert says(Markdown(headings=True), "Title\n=====\n\nx") is None
    assert says(Markdown(lists=True), "* a\r\n* b") is None
    assert says(Markdown(code_blocks=True), "Words:\n\n    x = 1\n") is None
    assert says(Markdown(headings=False), "```\n# a comment\n```") is None


def test_an_open_code_block_is_told_with_its_line() -> None:
    text = "a\n\n```py\nx = 1\n"
    assert says(Markdown(), text) == "The code block that starts on line 3 is not closed."
    assert shows(Markdown(), text) == ["```py\nx = 1\n"]


def test_a_heading_may_not_skip_a_level_downwards() -> None:
    assert says(Markdown(), "## A\n### B\n# C\n## D") is None
    assert says(Markdown(), "# A\n### **B**\n#### C") == (
        'The heading "B" is of level 3, but the one before it is of level 1: use level 2.'
    )


def test_sections_are_compared_without_case_and_marks() -> None:
    check = Markdown(sections=("Summary", "Next steps"))
    assert says(check, "# **SUMMARY**\n\n## next steps:\n") is None
    assert (
        says(check, "# Summary\n\nNext steps") == "The text must have these headings: Next steps."
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```py\nx\n```", [("py", "x\n", True)]),
        ("~~~\n```\n~~~", [("", "```\n", True)]),
        ("````md\n```\nx\n```\n````", [("md", "```\nx\n```\n", True)]),
        ("- a:\n  ```Python hl\n    x\n  y\n  ```\n", [("python", "  x\ny\n", True)]),
        ("1. ```js\n   x\n   ```", [("js", "x\n", True)]),
        ("> ```\n> x\n> ```", [("", "x\n", True)]),
        ("```\r\nx\r\n```\r\n", [("", "x\n", True)]),
        ("```\nx", [("", "x\n", False)]),
        ("```inline```", []),
        ("```\n```\n```\n", [("", "", True), ("", "", False)]),
        ("", []),
    ],
)
def test_fences_are_found(text: str, expected: list[tuple[str, str, bool]]) -> None:
    found = [(fence.language, fence.code, fence.is_closed) for fence in fences(text)]
    assert found == expected


@given(st.lists(st.sampled_from(["```", "~~~", "a", " ", "\n", "\r\n", "> ", "- ", "py"])))
def test_fences_lie_side_by_side_and_leave_the_rest(pieces: list[str]) -> None:
    text = "".join(pieces)
    found = fences(text)
    ends = [0, *(place for fence in found for place in (fence.start, fence.end)), len(text)]
    assert ends == sorted(ends)
    assert [fence.is_closed for fence in found[:-1]] == [True] * len(found[:-1])
    assert len(without_fences(text)) <= len(text) + len(found)
