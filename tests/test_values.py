"""Digests are stable, validation errors readable, and values defined in one module."""

from __future__ import annotations

import ast

import pytest
from pydantic import ValidationError

from revloop.values import AnyText, Frozen, Text, digest_of, duration, explain
from tests.helpers.repository import REPOSITORY

SOURCE = REPOSITORY / "src" / "revloop"


class Note(Frozen):
    text: Text


class Message(Frozen):
    text: AnyText


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


def test_an_error_lists_every_field_by_the_name_it_is_shown_under() -> None:
    with pytest.raises(ValidationError) as caught:
        Note.model_validate({"text": "a\ud800", "more": 1})
    assert explain(caught.value, {"text": "--text"}) == (
        "--text: contains a lone surrogate (U+D800 at character 1), which UTF-8 cannot encode; "
        "more: is not known"
    )


class Sheet(Frozen):
    note: Note
    title: Text = ""


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"titel": "", "note": {"text": ""}}, "titel: is not known (did you mean 'title'?)"),
        ({"note": {"text": "", "txt": 1}}, "note.txt: is not known (did you mean 'text'?)"),
        ({"note": {"text": "", "xyzzy": 1}}, "note.xyzzy: is not known"),
        ({"note": 3}, "note: must be an object of names and values"),
    ],
)
def test_an_unknown_field_is_told_with_the_nearest(given: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Sheet.model_validate(given)
    assert explain(caught.value, model=Sheet) == told


def test_a_message_may_quote_what_utf8_cannot_encode() -> None:
    message = Message(text="It answers a\ud800b.")
    assert message.text == "It answers a\\ud800b."
    assert Message.model_validate_json(message.model_dump_json()) == message


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (119.9, "119.9 s"), (120, "2.0 minutes"), (7200, "2.0 hours")],
)
def test_a_duration_is_told_in_the_largest_unit_of_which_it_has_two(
    seconds: float, said: str
) -> None:
    assert duration(seconds) == said


def test_values_are_imported_from_the_module_that_defines_them() -> None:
    defined = {"AnyText", "Frozen", "Text", "digest_of", "duration", "explain", "json_text"}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("revloop"):
                names = {alias.name for alias in node.names} & defined
                assert not names or node.module == "revloop.values", f"{path}: {names}"
