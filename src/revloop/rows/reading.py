"""Reading drafts from whatever people have, one row in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from revloop.errors import InputError
from revloop.files.compression import STANDARD_INPUT, is_packed, name_of, opened, readable, unpacked
from revloop.rows import fastchat, tables
from revloop.rows.alike import Bad, unless_all_alike
from revloop.rows.formats import CONVERSIONS, NAMES, PLAIN, Converted, Form, Unusable, at
from revloop.rows.hints import hint_for
from revloop.rows.layout import items_in
from revloop.rows.naming import converted
from revloop.rows.row import Rejected, Row, shown
from revloop.trajectory import Draft
from revloop.values import explain, read_json

if TYPE_CHECKING:
    from revloop.rows.lines import Item
    from revloop.rows.row import Position

DEFAULT_ROW_BYTES = 64 * 2**20
AUTO = "auto"
FORMS = (PLAIN.name, *(form.name for form in CONVERSIONS if form is not PLAIN), fastchat.NAME)
"""The names of all forms of rows."""

_LOOKED_AT = 20

Convert = Callable[[Mapping[str, Any]], Converted]


def read_rows(
    source: str | Path,
    *,
    form: str = AUTO,
    fields: Mapping[str, str] | None = None,
    questions: Path | None = None,
    after: Position | None = None,
    max_row_bytes: int = DEFAULT_ROW_BYTES,
) -> Iterator[Row | Rejected]:
    """The rows of an input, in order; one that cannot be used comes as :class:`Rejected`.

    Args:
        source: A file (JSONL, a JSON array, objects over several lines, ``.csv``, ``.tsv``; plain,
            ``.gz`` or ``.zst``; Parquet), the folder of a saved data set,
            ``hf:OWNER/NAME[:SPLIT]``, or ``-`` for standard input.
        form: One of :data:`FORMS`, or "auto" to recognise it from the first rows.
        fields: Our names (``id``, ``prompt``, ``messages``, ``response``) to those of the input, in
            any form; a dot goes one level down, ``-1`` to the last element of a list.
        questions: The questions of FastChat answers; None: ``question.jsonl`` beside them.
        after: Go on after this row, one of an earlier reading of the same input.
        max_row_bytes: A longer line is rejected, and never held in memory as a whole.

    Raises:
        InputError: The input cannot be read, is in no form that is known, or its first 100 rows
            cannot be used, all for the same reason. Raised when the first row is asked for, or
            where the input breaks off.
        MissingExtraError: It takes a library that is not installed.
    """
    source, fields = str(source), dict(fields or {})
    check_options(form, fields)
    with readable(name_of(source)):
        items = _items(source, max_row_bytes, None)
        first = first_items(items, fields)
        convert = converter(source, first, form, fields, questions)
        if after is None:
            items = chain(first, items)
        elif _can_read_twice(source):
            items = _items(source, max_row_bytes, after)
        else:
            items = (item for item in chain(first, items) if item.number > after.number)
        rows = (row_of(item, convert) for item in items)
        yield from rows if after else unless_all_alike(rows, bad, name_of(source))


def check_options(form: str, fields: Mapping[str, str]) -> None:
    """Make sure that a form is known and that fields can be mapped.

    Raises:
        InputError: It is not, or they cannot.
    """
    if form not in {AUTO, *FORMS}:
        raise InputError(f"There is no format '{form}'. Known: {', '.join((AUTO, *FORMS))}.")
    if unknown := fields.keys() - set(NAMES):
        raise InputError(
            f"A row has no field '{min(unknown)}' that could be mapped. Known: {', '.join(NAMES)}."
        )


def _items(source: str, max_bytes: int, after: Position | None) -> Iterator[Item]:
    """The rows of any input, behind a position where one is given."""
    if source.startswith(tables.HUB):
        return tables.hub_rows(source, after)
    if source != STANDARD_INPUT and Path(source).is_dir():
        return tables.saved_rows(source, after)
    return _file_items(source, max_bytes, after)


def _file_items(source: str, max_bytes: int, after: Position | None) -> Iterator[Item]:
    with opened(source) as file:
        if tables.is_parquet(file.peek(4)):
            if not _can_read_twice(source):
                raise InputError(f"{name_of(source)} is Parquet, and cannot be read as a stream.")
            yield from tables.parquet_rows(source, after)
            return
        seekable = _can_read_twice(source) and not is_packed(file)
        text = unpacked(file, name_of(source))
        yield from items_in(text, source, max_bytes, after=after, seekable=seekable)


def _can_read_twice(source: str) -> bool:
    """Whether an input is no pipe, whose rows come but once."""
    path = Path(source)
    return source.startswith(tables.HUB) or path.is_dir() or path.is_file()


def first_items(items: Iterator[Item], fields: Mapping[str, str]) -> list[Item]:
    """Rows up to the first whose form is sure, or those that are enough to say that none is."""
    found, objects = [], 0
    for item in items:
        found.append(item)
        data = _data(item)
        if isinstance(data, Mapping):
            objects += 1
            if form_of(data, fields) or objects == _LOOKED_AT:
                break
    return found


def form_of(row: Mapping[str, Any], fields: Mapping[str, str]) -> str | None:
    """The form that a row surely has, with fields under other names; None if it is not sure."""
    named = {ours: at(row, path) for ours, path in fields.items()}
    row = {**row, **{ours: value for ours, value in named.items() if value is not None}}
    if fastchat.is_like(row):
        return fastchat.NAME
    return next((form.name for form in CONVERSIONS if form.is_like(row)), None)


def converter(
    source: str,
    first: list[Item],
    form: str,
    fields: Mapping[str, str],
    questions: Path | None,
) -> Convert:
    """What makes drafts of the rows.

    Raises:
        InputError: None of the first rows is in a form that is known, or has a field that is named.
    """
    rows = [row for row in map(_data, first) if isinstance(row, Mapping)]
    for ours, theirs in fields.items():
        if rows and all(at(row, theirs) is None for row in rows):
            raise _nothing_named(name_of(source), rows, theirs, ours)
    if form == AUTO and rows:
        known = form_of(rows[-1], fields)
        if known is None:
            raise _nothing_named(name_of(source), rows, "response", "response")
        form = known
    forms: dict[str, Form] = {known.name: known for known in CONVERSIONS}
    is_fastchat = form == fastchat.NAME
    found = fastchat.fastchat(source, questions) if is_fastchat else forms.get(form, PLAIN)
    return partial(converted, fields=fields, form=found) if fields else found.convert


def _nothing_named(name: str, rows: list[Mapping[str, Any]], wanted: str, ours: str) -> InputError:
    there = ", ".join(list(dict.fromkeys(key for row in rows for key in row))[:_LOOKED_AT])
    looked = "first row" if len(rows) == 1 else f"first {len(rows)} rows"
    hint = hint_for(rows[-1]) if wanted == "response" else None
    default = (
        f"Say which field is meant (--field {ours}=NAME), or which format "
        f"(--format {'|'.join(FORMS)})."
    )
    return InputError(
        f"{name}: there is no '{wanted}'{' that is a text' if wanted in rows[-1] else ''} in the "
        f"{looked}. What is there: {there or 'nothing'}. {hint or default}"
    )


def _data(item: Item) -> Any:
    """What a row holds; None where it cannot be looked into."""
    try:
        return _parsed(item)
    except Unusable:
        return None


def _parsed(item: Item) -> Mapping[str, Any]:
    if item.fault is not None:
        raise Unusable(item.fault)
    if isinstance(item.raw, Mapping):
        return tables.with_text(item.raw)
    try:
        data = read_json(item.raw)
    except ValueError as exc:  # all that can be wrong with JSON: deep nesting, endless digits
        raise Unusable(_what_is_wrong(item.raw, exc)) from exc
    if not isinstance(data, dict):
        raise Unusable("no JSON object")
    return data


def _what_is_wrong(raw: bytes, exc: ValueError) -> str:
    try:
        raw.decode()
    except UnicodeDecodeError as wrong:
        return f"not UTF-8: byte {wrong.start} of the line is wrong"
    what = str(exc).replace(" line 2 column 0", " its end").replace(" line 1 column", " byte")
    if "hex escape" in what:
        what = f"a lone surrogate, which no encoding can carry, or half an escape: {what}"
    return f"not JSON that can be read: {what}"


def bad(row: Row | Rejected) -> Bad | None:
    """What is the matter with a row; None for a good one."""
    return Bad(row.reason, row.raw) if isinstance(row, Rejected) else None


def row_of(item: Item, convert: Convert) -> Row | Rejected:
    """A row of what was read, or why it cannot be used."""
    try:
        row = _parsed(item)
        fields, rest = convert(row)
        if isinstance(item.raw, Mapping) and row is not item.raw:
            rest = tables.with_base64(rest, item.raw)
        draft = Draft.model_validate(fields)
    except Unusable as exc:
        reason = str(exc)
    except ValidationError as exc:
        reason = explain(exc)
    else:
        return Row(item.number, draft, rest, item.end_offset, item.raw)
    return Rejected(item.number, reason, shown(item.raw), item.end_offset)
