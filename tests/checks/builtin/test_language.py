"""The check `language`."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from revloop.checks import Language
from tests.helpers.built_in import says

ENGLISH = "The weather was fine yesterday, and we walked along the river until it was dark."
GERMAN = "Das Wetter war gestern sch\u00f6n, und wir gingen am Fluss entlang, bis es dunkel wurde."


def test_a_text_in_the_language_passes_and_another_does_not() -> None:
    assert says(Language("en"), ENGLISH) is None
    assert says(Language("en"), GERMAN) == "The text is in the language 'de'; it must be in 'en'."
    assert says(Language("fr", "de"), GERMAN) is None


def test_code_does_not_count() -> None:
    assert says(Language("de"), f"{GERMAN}\n\n```\n{ENGLISH * 10}\n```\n") is None


@pytest.mark.parametrize("text", ["", "OK.", "1234 5678", "```\n" + ENGLISH])
def test_a_text_that_is_too_short_to_tell_passes(text: str) -> None:
    assert says(Language("de"), text) is None


def test_a_file_says_is() -> None:
    for value in ("en", ["en"]):
        assert Language.model_validate({"kind": "language", "is": value}) == Language("en")


@pytest.mark.parametrize("codes", [("english",), ("xx",), ()])
def test_a_language_that_is_not_told_apart_is_refused(codes: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match=r"language|required"):
        Language(*codes)
