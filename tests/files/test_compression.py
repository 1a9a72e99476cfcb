"""Opening inputs: compressed or not, by content and not by name."""

from __future__ import annotations

import gzip
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from revloop.errors import InputError, MissingExtraError
from revloop.rows import open_output, read_rows
from tests.helpers.row_samples import good, trajectory_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = [{"id": str(n), "prompt": f"Why {n}?", "response": f"Because {n}."} for n in range(20_000)]
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)


def zstd(content: bytes) -> bytes:
    pa = pytest.importorskip("pyarrow")
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as packed:
        packed.write(content)
    done: bytes = out.getvalue().to_pybytes()
    return done


PACKERS = pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])


@PACKERS
def test_a_compressed_file_is_decompressed_whatever_its_name(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    for name in ("drafts.jsonl", "drafts.gz", "drafts.zst", "drafts"):
        path = tmp_path / name
        path.write_bytes(pack(LINES))
        assert [row.draft.id for row in good(path)] == [row["id"] for row in ROWS]


@PACKERS
def test_several_compressed_parts_after_each_other_are_one_file(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "drafts"
    path.write_bytes(pack(LINES[:1000]) + pack(LINES[1000:]))
    assert len(good(path)) == len(ROWS)


@PACKERS
@pytest.mark.parametrize("missing", [1, 5, 10_000])
def test_a_compressed_file_that_was_cut_short_is_noticed(
    tmp_path: Path, pack: Callable[[bytes], bytes], missing: int
) -> None:
    path = tmp_path / "drafts"
    path.write_bytes(pack(LINES)[:-missing])
    with pytest.raises(InputError, match="drafts is cut short or damaged"):
        list(read_rows(path))


@pytest.mark.parametrize("place", [0.3, 0.9])
def test_a_damaged_compressed_file_is_noticed(tmp_path: Path, place: float) -> None:
    packed = bytearray(gzip.compress(LINES))  # Zstandard as most write it has no checksum
    packed[int(len(packed) * place)] ^= 0xFF
    path = tmp_path / "drafts"
    path.write_bytes(packed)
    with pytest.raises(InputError, match="drafts is cut short or damaged"):
        list(read_rows(path))


@PACKERS
def test_resuming_in_the_middle_of_a_compressed_file(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "drafts"
    path.write_bytes(pack(LINES))
    rows = good(path)
    assert good(path, after=rows[12_344].position) == rows[12_345:]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a library look as if it were not installed."""
    return lambda name: monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(
    ("content", "what"), [(zstd(LINES), "Zstandard"), (b"PAR1", "Parquet")], ids=["zstd", "parquet"]
)
def test_a_library_that_is_missing_is_named_when_reading(
    tmp_path: Path, without: Callable[[str], None], content: bytes, what: str
) -> None:
    path = tmp_path / "drafts"
    path.write_bytes(content)
    without("pyarrow")
    with pytest.raises(MissingExtraError, match=rf"{what}.* needs pyarrow: .*revloop\[data\]"):
        list(read_rows(path))


@pytest.mark.parametrize("name", ["out.jsonl.zst", "out.parquet"])
def test_a_library_that_is_missing_is_named_when_writing(
    tmp_path: Path, without: Callable[[str], None], name: str
) -> None:
    without("pyarrow")
    with (
        pytest.raises(MissingExtraError, match=r"needs pyarrow: .*revloop\[data\]"),
        open_output(tmp_path / name),
    ):
        pytest.fail("the file was opened")
    assert list(tmp_path.iterdir()) == []


def test_plain_and_gzip_need_no_library(tmp_path: Path, without: Callable[[str], None]) -> None:
    for name in ("pyarrow", "datasets"):
        without(name)
    for name in ("out.jsonl", "out.jsonl.gz"):
        with open_output(tmp_path / name, final_only=True) as out:
            out.write(trajectory_of())
        assert len(good(tmp_path / name)) == 1


def test_a_data_set_needs_datasets(
    tmp_path: Path, without: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    without("datasets")
    for name in ("state.json", "dataset_info.json"):
        (tmp_path / name).write_text("{}")
    for source in (str(tmp_path), "hf:somebody/something"):
        with pytest.raises(MissingExtraError, match=r"need datasets: .*revloop\[data\]"):
            list(read_rows(source))


def test_a_file_without_permission_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "drafts.jsonl"
    path.write_bytes(LINES)

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)  # root may read anything
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        list(read_rows(path))
