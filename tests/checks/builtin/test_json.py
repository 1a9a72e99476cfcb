"""The check `json`: valid JSON, and schemas."""

from __future__ import annotations

import json
import pickle
import sys
from typing import TYPE_CHECKING, Any

import pytest

from revloop.checks import Json
from revloop.checks.builtin import json_schema
from revloop.errors import InputError, MissingExtraError
from tests.helpers.built_in import says

if TYPE_CHECKING:
    from pathlib import Path


def schema_file(folder: Path, schema: object, name: str = "schema.json") -> Path:
    path = folder / name
    path.write_text(schema if isinstance(schema, str) else json.dumps(schema), encoding="utf-8")
    return path


@pytest.mark.parametrize("text", ["{}", "[1, 2.5e3]", '"a"', "null", ' {"a": {"b": []}}\r\n'])
def test_json_passes(text: str) -> None:
    assert says(Json(), text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,}', "The text is not valid JSON: trailing comma at line 1 column 9."),
        ("", "EOF while parsing a value"),
        ("NaN", "not valid JSON"),
        ("{'a': 1}", "at line 1 column 2"),
        ("[" * 100_000, "recursion limit exceeded"),
        ("```json\n{}\n```", "Leave out the code fence around it."),
        ("{} and more", "trailing characters"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(text: str, message: str) -> None:
    assert message in str(says(Json(), text))


def test_a_schema_tells_what_does_not_match(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "required": ["id"],
        "properties": {"price": {"type": "number"}, "id": {"pattern": "^[a-z]+$"}},
    }
    check = Json(schema=schema_file(tmp_path, schema))
    assert says(check, '{"id": "a", "price": 3}') is None
    assert says(check, '{"price": "3"}') == (
        "The JSON does not match its schema at $: 'id' is a required property. "
        "The JSON does not match its schema at $.price: '3' is not of type 'number'."
    )
    assert "'A1' does not match '^[a-z]+$'" in str(says(check, '{"id": "A1"}'))
    assert len(str(says(check, json.dumps("x" * 100_000)))) < 400


def test_the_digest_follows_the_schema_and_not_its_path(tmp_path: Path) -> None:
    one = Json(schema=schema_file(tmp_path, {"type": "object"}))
    same = Json(schema=schema_file(tmp_path, {"type": "object"}, "other.json"))
    other = Json(schema=schema_file(tmp_path, {"type": "array"}, "third.json"))
    assert one.info == same.info
    assert len({check.info.digest for check in (one, other, Json())}) == 3


def test_a_check_with_a_schema_can_be_sent_to_another_process(tmp_path: Path) -> None:
    check = Json(schema=schema_file(tmp_path, {"type": "object"}))
    copy = pickle.loads(pickle.dumps(check))
    assert copy.info == check.info
    assert says(copy, "[]") == says(check, "[]") is not None


def test_a_pattern_of_a_schema_has_a_time_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_schema, "LIMIT_S", 0.1)
    check = Json(schema=schema_file(tmp_path, {"pattern": "^(a|a)*$"}))
    with pytest.raises(TimeoutError):
        check.result("x", json.dumps("a" * 40 + "b"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"schema\.json is not JSON"),
        ({"type": "objekt"}, r"is not a JSON schema: \$\.type: 'objekt' is not"),
        (3, "is not a JSON schema"),
    ],
)
def test_a_file_that_is_no_schema_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Json(schema=schema_file(tmp_path, content))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json cannot be read"):
        Json(schema=tmp_path / "none.json")


def test_a_reference_to_the_network_is_not_followed(tmp_path: Path) -> None:
    check = Json(schema=schema_file(tmp_path, {"$ref": "http://127.0.0.1:9/schema.json"}))
    with pytest.raises(Exception, match="Unresolvable"):
        check.result("x", "{}")


def test_a_schema_without_the_library_is_refused_with_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    assert says(Json(), "{}") is None
    with pytest.raises(MissingExtraError, match=r"pip install 'revloop\[checks\]'"):
        Json(schema=schema_file(tmp_path, {"title": "Never read before"}))
