"""How rows are laid out in a file: recognised by content, or one error with advice."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.distributed.source import RayInput
from revloop.errors import InputError
from revloop.rows import Position, read_rows
from revloop.rows.layout import FileLayout, layout_of
from tests.helpers.row_samples import EVENING, GOOD, MORNING, file_of, good, good_and_bad

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [{"id": str(n), "prompt": f"Why {n}?", "response": f"So {n}."} for n in range(50)]
PRETTY = "\n".join(json.dumps(row, indent=2) for row in ROWS)
ARRAY = json.dumps(ROWS, indent=2)
LONG = {"prompt": "Why?", "response": "So. " * 50_000}


def written(folder: Path, content: str | bytes, name: str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def ids(path: Path, **options: Any) -> list[object]:
    return [row.draft.id for row in good(path, **options)]


def on_ray(path: Path) -> list[dict[str, Any]]:
    pytest.importorskip("pyarrow")
    source = RayInput(str(path), split_bytes=1000)
    files = source.files()
    first = source.first(files[0])
    return [row for split in source.splits(files) for row in source.rows(split, first)]


LAYOUTS = {
    "array under jsonl": (ARRAY, "d.jsonl"),
    "array on one line under jsonl": (json.dumps(ROWS), "d.jsonl"),
    "array with a comma first": ("[" + "\n,".join(map(json.dumps, ROWS)) + "]", "d.jsonl"),
    "an object a line in an array": ("[\n" + ",\n".join(map(json.dumps, ROWS)) + "]", "d.ndjson"),
    "array with a byte-order mark": ("\ufeff" + ARRAY, "d.jsonl"),
    "objects under jsonl": (PRETTY, "d.jsonl"),
    "objects under json": (PRETTY, "d.json"),
    "objects with a byte-order mark": ("\ufeff\n" + PRETTY, "d.json"),
    "lines under json": ("\n".join(map(json.dumps, ROWS)), "d.json"),
    "packed array": (gzip.compress(ARRAY.encode()), "d.jsonl"),
    "packed objects": (gzip.compress(PRETTY.encode()), "d.jsonl.gz"),
}
EVERY_LAYOUT = pytest.mark.parametrize(("content", "name"), LAYOUTS.values(), ids=LAYOUTS)


@EVERY_LAYOUT
def test_rows_are_read_however_they_lie(tmp_path: Path, content: str | bytes, name: str) -> None:
    path = written(tmp_path, content, name)
    assert ids(path) == [row["id"] for row in ROWS]
    rows = good(path)
    assert good(path, after=rows[30].position) == rows[31:]


@EVERY_LAYOUT
def test_they_are_read_so_on_many_machines_too(
    tmp_path: Path, content: str | bytes, name: str
) -> None:
    rows = on_ray(written(tmp_path, content, name))
    assert [json.loads(row["draft"])["id"] for row in rows] == [row["id"] for row in ROWS]
    assert len({row["key"] for row in rows}) == len(ROWS)


@pytest.mark.parametrize("indent", [0, 2, "\t"])
def test_an_object_longer_than_what_is_looked_at_is_known(
    tmp_path: Path, indent: int | str
) -> None:
    text = json.dumps(LONG, indent=indent)
    assert len(good(written(tmp_path, f"{text}\n{text}", "d.jsonl"))) == 2


LINES = {
    "an array that is a bad row": [b'["Draft 9"]', GOOD],
    "an array that is half": [b'[{"response": "So', GOOD],
    "an object that is half": [b'{"response": "So', GOOD],
    "only a brace": [b"{", GOOD],
    "nothing in it": [b"{", b"}", GOOD],
    "a good row": [GOOD, b"{", GOOD],
    "a long row": [json.dumps(LONG).encode(), GOOD],
    "braces": [b"{" * 300_000, GOOD],
}


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES)
def test_what_may_be_lines_is_lines(tmp_path: Path, lines: list[bytes]) -> None:
    path = file_of(tmp_path, *lines)
    with path.open("rb") as file:
        assert layout_of(file, path.name) is FileLayout.LINES
    rows, bad = good_and_bad(path)
    assert [row.number for row in rows] + [one.number for one in bad]
    assert len(rows) + len(bad) == len(lines)


def test_a_broken_object_is_reported_with_the_command_that_helps(tmp_path: Path) -> None:
    path = written(tmp_path, PRETTY + "\n{\n  oh", "d.jsonl")
    with pytest.raises(InputError, match=r"broken in object 51.*jq -c \. FILE"):
        list(read_rows(path))


def test_objects_are_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    one = json.dumps({"response": "x" * 10_000, "n": 1}, indent=1)
    path = written(tmp_path, "\n".join([one] * 3000), "d.jsonl")
    tracemalloc.start()
    assert sum(1 for _ in read_rows(path)) == 3000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * 2**20


FOREIGN = {
    "UTF-16": (
        GOOD.decode().encode("utf-16"),
        r"UTF-16 or UTF-32.*iconv -f UTF-16 -t UTF-8 .*d\.jsonl",
    ),
    "UTF-16 without a mark": (GOOD.decode().encode("utf-16-le"), "iconv -f UTF-16"),
    "UTF-32": (GOOD.decode().encode("utf-32"), "iconv .* -f UTF-32"),
    "xz": (
        b"\xfd7zXZ\x00" + b"x" * 50,
        r"compressed with xz: decompress it with xz -dc .*d\.jsonl",
    ),
    "bzip2": (b"BZh91AY" + b"x" * 50, "compressed with bzip2: decompress it with bzip2 -dc"),
    "a spreadsheet": (b"PK\x03\x04" + b"x" * 50, r"save its sheet as \.csv"),
    "Arrow": (b"ARROW1\0\0" + b"x" * 50, "is an Arrow or Feather file: save .* as Parquet"),
    "an Arrow stream": (b"\xff" * 4 + b"x" * 50, "is an Arrow stream: save .* as Parquet"),
    "Avro": (b"Obj\x01" + b"x" * 50, "is an Avro file: save its rows as JSONL"),
    "a PDF": (b"%PDF-1.7" + b"x" * 50, "is a PDF: extract its text"),
    "a store": (b"SQLite format 3\x00" + b"x" * 50, "revloop export"),
}


@pytest.mark.parametrize(("content", "advice"), FOREIGN.values(), ids=FOREIGN)
def test_what_cannot_be_read_is_reported_once_with_advice(
    tmp_path: Path, content: bytes, advice: str
) -> None:
    path = written(tmp_path, content, "d.jsonl")
    with pytest.raises(InputError, match=advice):
        list(read_rows(path))
    with pytest.raises(InputError, match=advice):
        on_ray(path)


def delimited(rows: list[dict[str, str]], **options: Any) -> str:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]), **options)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


class TestDelimited:
    @pytest.mark.parametrize("options", [{}, {"lineterminator": "\n"}, {"quoting": csv.QUOTE_ALL}])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_a_file_of_records_is_read(
        self, tmp_path: Path, delimiter: str, options: dict[str, Any]
    ) -> None:
        text = delimited([MORNING, EVENING], delimiter=delimiter, **options)
        rows = good(written(tmp_path, text, "d.csv"))
        assert [row.number for row in rows] == [1, 2]
        assert [row.draft.response for row in rows] == ["Good mroning.", "Good evning."]
        assert [row.draft.id for row in rows] == ["1", "2"]
        assert rows[0].rest == {"topic": "hello"}
        assert rows[0].end_offset is None

    def test_tabs_divide_tsv_whatever_else_is_in_it(self, tmp_path: Path) -> None:
        text = "prompt,maybe\tresponse\nWhy; me?, now\tSo, there.\n"
        (row,) = good(written(tmp_path, text, "d.tsv"))
        assert (row.draft.response, row.rest) == ("So, there.", {"prompt,maybe": "Why; me?, now"})

    def test_a_quoted_field_may_hold_lines_delimiters_and_marks(self, tmp_path: Path) -> None:
        response = 'One, "two";\r\n\n\tthree\n'
        text = delimited([{"response": response, "n": "\ufeff"}])
        (row,) = good(written(tmp_path, "\ufeff" + text, "d.csv"))
        assert (row.draft.response, row.rest) == (response, {"n": "\ufeff"})

    def test_a_compressed_one_is_read(self, tmp_path: Path) -> None:
        packed = gzip.compress(delimited([MORNING]).encode())
        assert ids(written(tmp_path, packed, "d.csv.gz")) == ["1"]

    def test_an_empty_cell_is_null(self, tmp_path: Path) -> None:
        text = delimited([{"id": "", "prompt": "", "messages": "", "response": "So.", "n": ""}])
        (row,) = good(written(tmp_path, text, "d.csv"))
        assert (row.draft.id, row.draft.conversation) == (row.draft.content_digest, ())
        assert row.rest == {"n": None}

    def test_names_and_forms_work_as_elsewhere(self, tmp_path: Path) -> None:
        path = written(tmp_path, delimited([{"q": "Why?", "a": "So."}]), "d.csv")
        (row,) = good(path, fields={"prompt": "q", "response": "a"})
        assert (row.draft.prompt, row.draft.response) == ("Why?", "So.")
        trl = written(tmp_path, delimited([{"prompt": "Why?", "completion": "So."}]), "t.csv")
        assert good(trl)[0].draft.response == "So."
        with pytest.raises(InputError, match=r"no 'response'.*Fields found: q, a"):
            list(read_rows(path))

    def test_turns_may_be_in_a_cell_as_json(self, tmp_path: Path) -> None:
        turns = json.dumps([{"role": "user", "content": "Why?"}])
        text = delimited([{"messages": turns, "response": "So."}])
        (row,) = good(written(tmp_path, text, "d.csv"))
        assert row.draft.conversation[0].content == "Why?"

    @pytest.mark.parametrize("passed", [0, 1, 49, 50, 90])
    def test_reading_resumes_after_any_record(self, tmp_path: Path, passed: int) -> None:
        path = written(tmp_path, delimited(ROWS), "d.csv")
        rows = good(path, after=Position(passed))
        assert [row.number for row in rows] == list(range(passed + 1, 51))

    def test_a_field_may_be_longer_than_pythons_limit(self, tmp_path: Path) -> None:
        text = delimited([{"response": "x" * 500_000}])
        assert len(good(written(tmp_path, text, "d.csv"))[0].draft.response) == 500_000

    BAD = (
        ("a,b,c", "3 fields, but the header line has 2"),
        ("a", "1 fields, but the header line has 2"),
        ('a,"b" c', "not a record of a delimited file"),
        ("a,caf\udce9", "not UTF-8 .*WINDOWS-1252"),
        ("a,", "response"),
    )

    @pytest.mark.parametrize(("line", "reason"), BAD, ids=[reason for _, reason in BAD])
    def test_a_bad_record_costs_only_itself(self, tmp_path: Path, line: str, reason: str) -> None:
        text = f"prompt,response\nWhy?,So.\n{line}\n\nWhy?,Thus.\n"
        path = written(tmp_path, text.encode("utf-8", "surrogateescape"), "d.csv")
        rows, (bad,) = good_and_bad(path)
        assert ([row.number for row in rows], bad.number) == ([1, 3], 2)
        assert re.search(reason, bad.reason), bad.reason
        bad.raw.encode()

    def test_a_quotation_mark_that_is_never_closed_is_reported(self, tmp_path: Path) -> None:
        text = 'prompt,response\nWhy?,So.\nWhy?,"So.\n' + "Why?,So.\n" * 20
        with pytest.raises(InputError, match="record 2 never ends"):
            list(read_rows(written(tmp_path, text, "d.csv")))
        with pytest.raises(InputError, match="record 2 never ends, or is longer than 100 bytes"):
            list(read_rows(written(tmp_path, text, "d.csv"), max_row_bytes=100))

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("a,response,a\n1,So.,2\n", "the header line names 'a' twice"),
            ('response,"\n', "never ends"),
        ],
    )
    def test_a_first_line_that_cannot_be_used_is_reported(
        self, tmp_path: Path, text: str, words: str
    ) -> None:
        with pytest.raises(InputError, match=words):
            list(read_rows(written(tmp_path, text, "d.csv")))

    @pytest.mark.parametrize("text", ["", "response\n", "response"])
    def test_a_file_without_records_has_no_rows(self, tmp_path: Path, text: str) -> None:
        assert good(written(tmp_path, text, "d.csv")) == []

    def test_it_is_read_on_many_machines_too(self, tmp_path: Path) -> None:
        rows = on_ray(written(tmp_path, delimited(ROWS), "d.csv"))
        assert [json.loads(row["draft"])["id"] for row in rows] == [row["id"] for row in ROWS]

    @given(
        cells=st.lists(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
            min_size=1,
        )
    )
    def test_any_text_written_as_csv_comes_back_the_same(
        self, cells: list[str], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        text = delimited([{"response": cell, "n": "1"} for cell in cells])
        rows = good(written(tmp_path_factory.mktemp("csv"), text, "d.csv"))
        assert [row.draft.response for row in rows] == cells

    def test_a_large_file_is_never_in_memory_as_a_whole(self, tmp_path: Path) -> None:
        path = written(tmp_path, delimited([{"response": "x" * 10_000}] * 3000), "d.csv")
        tracemalloc.start()
        assert sum(1 for _ in read_rows(path)) == 3000
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10 * 2**20
