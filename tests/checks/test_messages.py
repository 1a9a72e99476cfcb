"""Messages of checks are bounded and plain."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from revloop.checks.messages import plain, tail


@given(st.text() | st.text("\x1b[]0;m\x07\\a\r\n"))
def test_no_control_character_is_left(output: str) -> None:
    left = {letter for letter in plain(output) if unicodedata.category(letter) == "Cc"}
    assert left <= {"\n", "\t"}


@given(st.text("ab\n", max_size=60), st.integers(10, 50))
def test_the_tail_of_an_output_fits_and_ends_as_it_does(output: str, room: int) -> None:
    last = tail(output, room)
    assert len(last) <= room
    assert output.endswith(last.removeprefix("[…]\n"))
