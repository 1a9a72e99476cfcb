"""What values are built on: digests that are stable, errors that a person can read."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from revloop.trajectory import trajectory
from revloop.values import Frozen, Text, digest_of, duration, explain


class Note(Frozen):
    text: Text


def test_a_value_cannot_be_changed_and_knows_its_keys() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(Note(text="a"), "text", "b")  # noqa: B010 - mypy would see through the plain form
    with pytest.raises(ValidationError, match="not permitted"):
        Note.model_validate({"text": "a", "more": 1})


def test_a_text_that_no_encoding_carries_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"lone surrogate \(U\+D800 at character 1\)"):
        Note(text="a\ud800")


def test_a_digest_does_not_change_with_the_order_of_keys() -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of("a", "b") != digest_of("ab")
    assert len(digest_of("\ud800", length=32)) == 32


def test_an_error_is_told_in_one_line() -> None:
    with pytest.raises(ValidationError) as caught:
        Note.model_validate({"text": 1})
    assert explain(caught.value) == "text: Input should be a valid string"


def test_trajectories_give_the_same_names_on() -> None:
    assert (trajectory.Frozen, trajectory.digest_of) == (Frozen, digest_of)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (119, "119.0 s"),
        (600, "10.0 minutes"),
        (9000, "2.5 hours"),
        (10**6, "11.6 days"),
    ],
)
def test_a_duration_has_the_unit_that_suits_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words
