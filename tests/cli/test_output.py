"""What reaches a terminal: harmless letters, and stages told once."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.cli.output import printable, stages

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(ANY_TEXT)
def test_no_control_character_but_line_end_and_tab_is_printed(text: str) -> None:
    shown = printable(text)
    assert not [c for c in shown if unicodedata.category(c) == "Cc" and c not in "\n\t"]


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_letters_digits_and_marks_are_printed_as_they_are(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "␛[2J"),
        ("\x07", "␇"),
        ("a\rb", "a␍b"),
        ("\x7f", "␡"),
        ("\x9b31m", "<U+009B>31m"),
        ("user\u202etxt.exe", "user<U+202E>txt.exe"),
        ("\u200f", "<U+200F>"),
        ("one\ntwo\tthree", "one\ntwo\tthree"),
        ("a \U0001f469\u200d\U0001f52c", "a \U0001f469\u200d\U0001f52c"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",) * 2,
    ],
)
def test_what_could_act_on_a_terminal_becomes_a_picture_of_itself(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_stages_are_told_once_each_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with stages("starting") as tell:
        for second, stage in enumerate(["loading", "loading", "warming up", "warming up"]):
            tell(second, stage)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert lines == ["  0 s: loading", "  2 s: warming up"]
