"""The check `mentions`: whole words, whatever their case and Unicode form."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from revloop.checks import Mentions
from tests.helpers.built_in import says, shows


def test_what_must_be_mentioned_is_named_if_it_is_missing() -> None:
    check = Mentions(all=("refund", "30 days"))
    assert says(check, "Your refund comes in 14 days.") == 'The text must mention "30 days".'
    assert says(check, "A REFUND within 30\ndays.") is None


def test_one_of_several_is_enough() -> None:
    check = Mentions(any=("sorry", "apologies"))
    assert says(check, "My apologies!") is None
    assert says(check, "No.") == 'The text must mention at least one of "sorry", "apologies".'


def test_what_must_not_be_mentioned_is_shown_where_it_stands() -> None:
    check = Mentions(none=("as an AI",))
    assert says(check, "Well, As an  AI model") == 'The text must not mention "as an AI".'
    assert shows(check, "Well, As an  AI model: as an ai") == ["As an  AI", "as an ai"]


@pytest.mark.parametrize(
    ("phrase", "text", "is_there"),
    [
        ("cat", "The cat.", True),
        ("cat", "concatenate", False),
        ("cat", "cat_1", False),
        ("C++", "use C++17", True),
        ("don't", "I don\u2019t know", True),
        ('"yes"', "\u201cyes\u201d", True),
        ("stra\u00dfe", "STRASSE", True),
        ("caf\u00e9", "cafe\u0301", True),
        ("cafe", "cafe\u0301", False),
        ("\u0928\u092e", "\u0928\u092e\u0938\u094d\u0924\u0947", False),
        ("well known", "well\u00a0known", True),
        ("well-known", "well\u2011known", True),
        ("\ufb01ne", "fine", True),
        (".", "a.b", True),
        ("a.b", "axb", False),
    ],
)
def test_a_phrase_is_looked_for_in_whole_words(phrase: str, text: str, *, is_there: bool) -> None:
    assert (says(Mentions(all=(phrase,)), text) is None) == is_there
    assert (says(Mentions(none=(phrase,)), text) is None) != is_there


def test_one_phrase_needs_no_list() -> None:
    assert Mentions.model_validate({"all": "x"}) == Mentions(all=("x",))


@pytest.mark.parametrize("settings", [{}, {"all": ""}, {"any": ["a", " "]}, {"every": "a"}])
def test_a_check_of_nothing_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Mentions.model_validate(settings)


@given(st.text(min_size=1).filter(lambda text: text.strip() != ""))
def test_a_text_mentions_itself_in_every_form(text: str) -> None:
    for form in ("NFC", "NFD"):
        assert says(Mentions(all=(text,)), unicodedata.normalize(form, text)) is None
