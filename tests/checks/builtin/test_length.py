"""The check `length`: what counts as a word, a sentence and a paragraph, and each limit."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from revloop.checks import Length
from revloop.checks.builtin.words import count_words, paragraphs, sentences
from revloop.errors import ModelConfigError
from tests.helpers.built_in import says
from tests.helpers.repository import TINY_CRITIC

if TYPE_CHECKING:
    from pathlib import Path


def sentences_of(text: str) -> list[str]:
    return [text[start:end].strip() for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("One, two - three!", 3),
        ("state-of-the-art isn't two", 3),
        ("3.5 % of \u00a35", 3),
        ("cafe\u0301 \u0928\u092e\u0938\u094d\u0924\u0947", 2),
        ("\u4e2d\u6587 words", 3),
        ("one\r\ntwo\u00a0three", 3),
        ("--- *** | |", 0),
    ],
)
def test_words_are_counted_as_word_processors_do(text: str, count: int) -> None:
    assert count_words(text) == count


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Who paid 3.50, i.e. too much. Really?!", 2),
        ("J. Smith and e.g. Ann came.", 1),
        ('He said "Stop." Then he left.', 2),
        ("Wait... what? No... Yes.", 3),
        ("- first item\n- second item\n\nEnd", 3),
        ("1. First.\n2. Second.", 2),
        ("# Title\nA sentence\nover two lines. Another.", 3),
        ("Look:\n```\nx. Y. Z.\n```\nDone.", 2),
        ("\u4f60\u597d\u3002\u518d\u89c1\uff01", 2),
        ("| ab. B | c |", 2),
        ("...", 0),
    ],
)
def test_sentences_end_with_their_mark_or_their_block(text: str, expected: list[str] | int) -> None:
    found = sentences_of(text)
    assert (found if isinstance(expected, list) else len(found)) == expected


def test_paragraphs_are_parted_by_blank_lines_outside_code() -> None:
    assert len(paragraphs("a\nb\n\n \n\nc")) == 2
    assert len(paragraphs("a\r\n\r\nb")) == 2
    assert len(paragraphs("```\na\n\nb\n```\n\nc")) == 2
    assert paragraphs("\n\n") == []


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"words_max": 3}, "The text has 4 words; at most 3 are allowed."),
        ({"words_min": 5}, "The text has 4 words; at least 5 are needed."),
        ({"sentences_max": 1}, "The text has 2 sentences; at most 1 are allowed."),
        ({"paragraphs_min": 2}, "The text has 1 paragraph; at least 2 are needed."),
        ({"characters_max": 10}, "The text has 19 characters; at most 10 are allowed."),
        (
            {"times_the_original": 1.5},
            (
                "The text has 19 characters, the original 10; "
                "at most 15 are allowed (1.5 times the original)."
            ),
        ),
    ],
)
def test_a_limit_is_told_with_what_the_text_has(limits: dict[str, Any], message: str) -> None:
    assert says(Length(**limits), "One two. Three four", "An answer.") == message


def test_a_text_at_its_limits_passes() -> None:
    check = Length(words_min=2, words_max=2, sentences_max=1, times_the_original=1.0)
    assert says(check, "Two words.", "Two words.") is None


def test_tokens_are_counted_with_the_tokenizer_of_a_folder() -> None:
    check = Length(tokens_max=3, tokenizer=TINY_CRITIC)
    assert "tokens; at most 3 are allowed." in str(says(check, "Some longer text than that."))
    assert says(check, "a") is None


def test_the_digest_follows_the_tokenizer_and_not_its_path(tmp_path: Path) -> None:
    shutil.copy(TINY_CRITIC / "tokenizer.json", tmp_path)
    one, other = (Length(tokens_max=3, tokenizer=path) for path in (TINY_CRITIC, tmp_path))
    assert one.info == other.info


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "sets no limit: set words_max, for example"),
        ({"words_min": 5, "words_max": 4}, "words_min is 5, more than words_max, 4"),
        ({"tokens_max": 5}, "need a tokenizer"),
        ({"words_max": 5, "tokenizer": TINY_CRITIC}, "needs one of them"),
    ],
)
def test_limits_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Length(**settings)


def test_a_folder_without_a_tokenizer_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelConfigError, match=r"has no tokenizer\.json"):
        Length(tokens_max=3, tokenizer=tmp_path)


@given(st.lists(st.sampled_from(["a", "Bc.", "d!", "\n\n", "- ", "\u4e2d"])))
def test_every_word_is_in_one_sentence_and_one_paragraph(pieces: list[str]) -> None:
    text = " ".join(pieces)
    counted = sum(count_words(text[start:end]) for start, end in sentences(text))
    assert counted == count_words(text) == sum(map(count_words, paragraphs(text)))
