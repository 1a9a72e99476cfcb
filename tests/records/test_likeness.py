"""Near duplicates and languages, with the libraries of the extra."""

from __future__ import annotations

import sys

import pytest

from revloop.errors import MissingExtraError
from revloop.records import LanguageDetector, NearDuplicates
from tests.helpers.record_samples import record


@pytest.fixture
def near() -> NearDuplicates:
    pytest.importorskip("rensa", reason="the extra 'records' is not installed")
    return NearDuplicates(0.85)


@pytest.fixture
def detector() -> LanguageDetector:
    pytest.importorskip("py3langid", reason="the extra 'records' is not installed")
    return LanguageDetector()


def test_one_changed_word_is_found_with_its_line(near: NearDuplicates) -> None:
    assert near.like(3, record()) is None
    found = near.like(9, record(response="The brown plastic looks like poison, so that nobody "
                                "drinks it by mistake."))  # fmt: skip
    assert found is not None
    assert found[0] == 3
    assert 0.85 <= found[1] < 1


def test_case_and_white_space_make_no_difference(near: NearDuplicates) -> None:
    near.like(1, record())
    assert near.like(2, record(response=record().response.upper() + " \n")) == (1, 1.0)


def test_other_records_are_not_alike(near: NearDuplicates) -> None:
    near.like(1, record())
    other = record(
        prompt="Who was it?", response="Ada.", revision="Ada Lovelace.", negative="Whole."
    )
    assert near.like(2, other) is None


def test_another_persons_critique_of_the_same_response_is_no_repeat(near: NearDuplicates) -> None:
    long_critique = "It says nothing of light, of water or of oxygen, which are all that matters."
    near.like(1, record(revision=None))
    assert near.like(2, record(revision=None, positive=None, negative=long_critique)) is None


def test_the_likest_line_is_named(near: NearDuplicates) -> None:
    near.like(1, record(score=5, positive="It is short, and it is right that bottles are brown."))
    near.like(2, record())
    assert near.like(3, record(score=3)) == (2, 1.0)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.7, 0.95, 1.0])
def test_every_threshold_finds_what_is_the_same(threshold: float) -> None:
    pytest.importorskip("rensa", reason="the extra 'records' is not installed")
    near = NearDuplicates(threshold)
    near.like(1, record())
    assert near.like(2, record()) == (1, 1.0)


def test_a_text_of_one_letter_is_no_trouble(near: NearDuplicates) -> None:
    tiny = {"prompt": "", "positive": None, "negative": None}
    assert near.like(1, record(response="a", revision="b", **tiny)) is None
    assert near.like(2, record(response="c", revision="d", **tiny)) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Light breaks hydrogen peroxide down into water and oxygen.", "en"),
        ("Licht zersetzt Wasserstoffperoxid in Wasser und Sauerstoff.", "de"),
        ("La lumière décompose le peroxyde d'hydrogène en eau et en oxygène.", "fr"),
        ("光会把过氧化氢分解成水和氧气,所以瓶子要避光保存才能长久有效。", "zh"),
        ("42", "und"),
        ("", "und"),
    ],
)
def test_languages_are_reported(detector: LanguageDetector, text: str, language: str) -> None:
    assert detector.language(text) == language


@pytest.mark.parametrize("library", ["rensa", "py3langid"])
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=rf"{library}: pip install 'revloop\[records\]'"):
        NearDuplicates(0.9) if library == "rensa" else LanguageDetector()


def test_the_languages_that_are_told_apart_are_known(detector: LanguageDetector) -> None:
    assert {"en", "de", "zh"} <= detector.languages
