"""A trajectory in a notebook: versions with marked changes, and nothing that could run."""

from __future__ import annotations

import re

from tests.helpers.report_samples import HOSTILE, trajectory


def test_changes_are_marked_word_by_word() -> None:
    shown = trajectory("Come on Tuesday at noon.", "Come on Friday at noon.")._repr_html_()
    plain = re.sub(r' style="[^"]*"', "", shown)
    assert "Come on <del>Tuesday</del><ins>Friday</ins> at noon." in plain
    assert "critique of version 0" in plain


def test_a_version_without_changes_says_so() -> None:
    assert "(unchanged)" in trajectory("Same.", "Same.")._repr_html_()


def test_no_text_becomes_markup() -> None:
    shown = trajectory(*HOSTILE, id_="<script>")._repr_html_()
    tags = set(re.findall(r"<(\w+)", shown))
    assert tags <= {"div", "p", "br", "b", "details", "summary", "del", "ins"}
