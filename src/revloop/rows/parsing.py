"""Raw rows into fields: JSON, and the bytes in tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_jsonable_python

from revloop.rows.row import RawRow, UnusableRow
from revloop.values import read_json


def parse(row: RawRow) -> Mapping[str, Any]:
    """The fields of a row.

    Raises:
        UnusableRow: It cannot be parsed, or is not an object.
    """
    if row.fault is not None:
        raise UnusableRow(row.fault)
    if isinstance(row.raw, Mapping):
        return _with_text(row.raw)
    try:
        data = read_json(row.raw)
    except ValueError as exc:  # deep nesting and endless digits included
        raise UnusableRow(json_fault(row.raw, exc)) from exc
    if not isinstance(data, dict):
        raise UnusableRow("not a JSON object")
    return data


def json_fault(raw: bytes, exc: Exception) -> str:
    """Why the JSON of a row could not be parsed, for the user."""
    try:
        raw.decode()
    except UnicodeDecodeError as wrong:
        return f"not UTF-8: byte {wrong.start} of the line is invalid"
    if isinstance(exc, json.JSONDecodeError):
        is_end = exc.pos >= len(exc.doc.rstrip())
        what = f"{exc.msg} at {'its end' if is_end else f'character {exc.pos + 1}'}"
    else:
        what = str(exc).replace(" line 2 column 0", " its end").replace(" line 1 column", " byte")
    if "hex escape" in what:
        what = f"a lone surrogate, which cannot be encoded, or half an escape: {what}"
    return f"not JSON: {what}"


def with_base64(rest: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """The user's own fields of a table's row with all bytes as base64, UTF-8 or not.

    Args:
        rest: These fields, as parsed.
        row: The row as it was read.
    """
    as_read = {name: row.get(name, value) for name, value in rest.items()}
    found: dict[str, Any] = to_jsonable_python(
        as_read, bytes_mode="base64", inf_nan_mode="constants"
    )
    return found


def _with_text(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row with bytes as text if they are UTF-8; the same object if it has no bytes.

    Some programs write texts as bytes, without the mark of a string.
    """
    return {name: _text(value) for name, value in row.items()} if _has_bytes(row) else row


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if isinstance(value, dict):
        return {name: _text(item) for name, item in value.items()}
    return [_text(item) for item in value] if isinstance(value, list) else value


def _has_bytes(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_bytes, value.values()))
    return any(map(_has_bytes, value)) if isinstance(value, list) else isinstance(value, bytes)
