"""Reading JSONL: unusable lines are reported by number, and the rest is read."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest

from revloop.errors import InputError
from revloop.records import Finding, FindingKind, RecordEntry, only_entries, read_records, read_rows
from tests.helpers.record_samples import BOTTLES, record, write_jsonl

GOOD = json.dumps(BOTTLES).encode()


def findings(path: Path) -> list[Finding]:
    return [item for item in read_records(path) if isinstance(item, Finding)]


def file_of(folder: Path, *lines: bytes) -> Path:
    path = folder / "records.jsonl"
    path.write_bytes(b"\n".join(lines))
    return path


def test_records_come_with_their_lines(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "records.jsonl", [BOTTLES, {**BOTTLES, "id": "b"}])
    assert list(read_records(path)) == [RecordEntry(1, record()), RecordEntry(2, record(id="b"))]


def test_blank_lines_are_not_findings_but_count(tmp_path: Path) -> None:
    path = file_of(tmp_path, b"", GOOD, b"  ", GOOD, b"")
    assert [item.line for item in read_records(path)] == [2, 4]


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = file_of(tmp_path, b"\xef\xbb\xbf" + GOOD + b"\r", GOOD + b"\r")
    assert findings(path) == []


@pytest.mark.parametrize("name", ["records.jsonl", "records.jsonl.gz", "records.jsonl.zst"])
@pytest.mark.parametrize("kind", ["plain", "gzip", "zstd"])
def test_compression_is_known_by_the_content(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    if kind == "zstd":
        pa = pytest.importorskip("pyarrow")
        with pa.CompressedOutputStream(str(path), "zstd") as packed:
            packed.write(GOOD)
    else:
        path.write_bytes(gzip.compress(GOOD) if kind == "gzip" else GOOD)
    assert list(read_records(path)) == [RecordEntry(1, record())]


def test_a_file_with_the_name_of_standard_input_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-").write_bytes(GOOD)
    assert list(read_records(Path("-"))) == [RecordEntry(1, record())]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"response": "x"', "not JSON: Expecting ',' delimiter at its end"),
        (b'{"response": oops}', "not JSON: Expecting value at character 14"),
        (b'{"response": "\xe9"}', "not UTF-8: byte 14"),
        (b"17", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"score": ' + b"9" * 5_000 + b"}", "4300 digits"),
    ],
    ids=["half", "word", "latin-1", "number", "string", "deep", "digits"],
)
def test_a_bad_line_costs_only_itself(tmp_path: Path, line: bytes, words: str) -> None:
    path = file_of(tmp_path, GOOD, line, GOOD)
    (found,) = findings(path)
    assert (found.line, found.kind) == (2, FindingKind.UNREADABLE)
    assert words in found.reason
    assert len(list(read_records(path))) == 3


@pytest.mark.parametrize("text", [b"[\n{}\n]", b"[{}]"], ids=["pretty", "one line"])
def test_a_json_array_is_recognised(tmp_path: Path, text: bytes) -> None:
    first = next(iter(read_rows(file_of(tmp_path, text))))
    assert isinstance(first, Finding)
    assert "JSON array" in first.reason


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"prompt": "Why?"}, FindingKind.MISSING_FIELD),
        ({"prompt": "Why?", "response": "So."}, FindingKind.MISSING_FIELD),
        ({"response": "So.", "revision": ""}, FindingKind.EMPTY_REVISION),
        ({"response": 7, "revision": "So!"}, FindingKind.INVALID_FIELD),
        ({"response": "So.", "revison": "So!"}, FindingKind.INVALID_FIELD),
    ],
)
def test_fields_that_are_wrong_have_their_kind(
    tmp_path: Path, fields: dict[str, object], kind: FindingKind
) -> None:
    (found,) = findings(write_jsonl(tmp_path / "records.jsonl", [fields]))
    assert found.kind is kind
    assert found.is_error


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (rb'"extra": {"x": "\ud800"}', "extra: cannot be written"),
        (b'"extra": {"x": ' + b"[" * 500 + b"]" * 500 + b"}", "extra: cannot be written"),
        (rb'"\ud800": 1', "lone surrogate"),
        (rb'"id": "\ud800"', "id"),
        (b'"score": 1' + b"0" * 400, "score"),
        (b'"score": NaN', "score"),
    ],
    ids=["extra", "deep", "name", "id", "huge", "NaN"],
)
def test_what_could_not_be_written_again_is_refused(
    tmp_path: Path, field: bytes, words: str
) -> None:
    (found,) = findings(file_of(tmp_path, b'{"response": "a", "revision": "b", ' + field + b"}"))
    assert found.kind is FindingKind.INVALID_FIELD
    assert words in found.reason


def test_only_entries_sets_findings_aside(tmp_path: Path) -> None:
    aside: list[Finding] = []
    path = file_of(tmp_path, GOOD, b"{", GOOD)
    assert [entry.line for entry in only_entries(read_records(path), aside)] == [1, 3]
    assert [finding.line for finding in aside] == [2]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jsonl cannot be read: No such file"):
        list(read_rows(tmp_path / "none.jsonl"))


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        list(read_rows(tmp_path))


def test_a_damaged_compressed_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl.gz"
    path.write_bytes(gzip.compress(GOOD)[:-12])
    with pytest.raises(InputError, match=r"records\.jsonl\.gz is cut short or damaged"):
        list(read_rows(path))


def test_lines_are_read_one_by_one(tmp_path: Path) -> None:
    path = file_of(tmp_path, GOOD, GOOD)
    lines = read_records(path)
    assert next(lines) == RecordEntry(1, record())
    path.write_bytes(b"")  # what is not read yet was never in memory in a large file
    lines.close()  # type: ignore[attr-defined] # a generator


@pytest.mark.parametrize("end", [b"", b"\n"], ids=["at the end", "in the middle"])
def test_a_line_without_end_costs_only_itself(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "records.jsonl.gz"
    lines = [b'{"a": 1}\n', b"x" * 5000 + end]
    path.write_bytes(gzip.compress(b"".join([*lines, *([b'{"b": 2}\n'] if end else [])])))
    rows = list(read_rows(path, max_line_bytes=1000))
    assert [row.line for row in rows] == [1, 2, 3][: 3 if end else 2]
    assert "longer than" in getattr(rows[1], "reason", "")


def test_a_compressed_line_of_gigabytes_does_not_fill_the_memory(
    tmp_path: Path,
) -> None:
    path = tmp_path / "records.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as packed:
        for _ in range(16):
            packed.write(b" " * 2**20)
    tracemalloc.start()
    assert [type(row) for row in read_rows(path, max_line_bytes=2**20)] == [Finding]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20
