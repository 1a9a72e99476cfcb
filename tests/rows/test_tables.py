"""Tables as input: Parquet, saved data sets, and an unreachable hub."""

from __future__ import annotations

import datetime as dt
import decimal
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from revloop.errors import InputError
from revloop.rows import Position, Rejected, read_rows
from tests.helpers.row_samples import EVENING, MORNING, TURNS, good, good_and_bad

if TYPE_CHECKING:
    from pathlib import Path

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
datasets = pytest.importorskip("datasets")


def many(count: int) -> list[dict[str, Any]]:
    return [{"id": str(n), "prompt": f"Why {n}?", "response": f"So {n}."} for n in range(count)]


def parquet(path: Path, rows: list[dict[str, Any]], **options: Any) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path, **options)
    return path


class TestParquet:
    def test_rows_are_numbered_from_one(self, tmp_path: Path) -> None:
        first, second = good(parquet(tmp_path / "drafts.parquet", [MORNING, EVENING]))
        assert (first.number, second.number) == (1, 2)
        assert (first.draft.id, first.draft.response) == ("1", "Good mroning.")
        assert first.rest == {"topic": "hello"}
        assert first.end_offset is None

    def test_it_is_known_by_what_is_in_it(self, tmp_path: Path) -> None:
        assert len(good(parquet(tmp_path / "drafts", [MORNING]))) == 1

    def test_several_row_groups_are_read_in_order(self, tmp_path: Path) -> None:
        path = parquet(tmp_path / "d.parquet", many(1000), row_group_size=70)
        assert [row.draft.id for row in good(path)] == [str(n) for n in range(1000)]

    @pytest.mark.parametrize("passed", [0, 1, 69, 70, 71, 500, 999, 1000, 5000])
    def test_reading_resumes_after_any_row(self, tmp_path: Path, passed: int) -> None:
        path = parquet(tmp_path / "d.parquet", many(1000), row_group_size=70)
        rows = good(path, after=Position(passed))
        assert [row.number for row in rows] == list(range(passed + 1, 1001))

    def test_conversations_are_read(self, tmp_path: Path) -> None:
        rows: list[dict[str, Any]] = [
            {"prompt": None, "messages": TURNS, "response": "Eleven."},
            {"prompt": "Why?"},
        ]
        (row,), (bad,) = good_and_bad(parquet(tmp_path / "d.parquet", rows))
        assert len(row.draft.conversation) == 3
        assert (bad.number, bad.reason) == (2, "response: Input should be a valid string")

    def test_names_can_be_mapped(self, tmp_path: Path) -> None:
        rows = [{"instruction": "Why?", "out": {"text": "So."}}]
        path = parquet(tmp_path / "d.parquet", rows)
        (row,) = good(path, fields={"prompt": "instruction", "response": "out.text"})
        assert (row.draft.prompt, row.draft.response) == ("Why?", "So.")

    def test_columns_that_are_not_there_are_reported(self, tmp_path: Path) -> None:
        path = parquet(tmp_path / "d.parquet", [{"question": "Why?", "answer": "So."}])
        with pytest.raises(InputError, match=r"no 'response'.*question, answer.*--field"):
            list(read_rows(path))

    def test_types_that_json_has_not_become_text(self, tmp_path: Path) -> None:
        rest = {
            "at": dt.datetime(2026, 11, 21, 9, 30, tzinfo=dt.UTC),
            "day": dt.date(2026, 11, 21),
            "price": decimal.Decimal("1.50"),
            "image": b"\xff\x00",
            "score": float("nan"),
        }
        (row,) = good(parquet(tmp_path / "d.parquet", [{"response": "So.", **rest}]))
        score = row.rest.pop("score")
        assert score != score  # noqa: PLR0124 - it is no number
        assert row.rest == {
            "at": "2026-11-21T09:30:00Z",
            "day": "2026-11-21",
            "price": "1.50",
            "image": "_wA=",
        }

    def test_a_rejected_row_is_shown_as_json(self, tmp_path: Path) -> None:
        (_,), (bad,) = good_and_bad(
            parquet(tmp_path / "d.parquet", [MORNING, {**MORNING, "response": ""}])
        )
        assert '"response":""' in bad.raw
        assert bad.reason == "the response is empty"

    def test_an_empty_table_has_no_rows(self, tmp_path: Path) -> None:
        path = tmp_path / "d.parquet"
        pq.write_table(pa.table({"response": pa.array([], pa.string())}), path)
        assert good(path) == []

    @pytest.mark.parametrize("kept", [4, 100, -5])
    def test_a_damaged_file_is_reported(self, tmp_path: Path, kept: int) -> None:
        path = parquet(tmp_path / "d.parquet", many(100))
        path.write_bytes(path.read_bytes()[:kept])
        with pytest.raises(InputError, match=r"d.parquet (is not a Parquet|is cut short)"):
            list(read_rows(path))

    def test_standard_input_cannot_be_parquet(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = parquet(tmp_path / "d.parquet", [MORNING])
        with path.open("rb") as file:
            monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": file}))
            with pytest.raises(InputError, match="Parquet, which cannot be"):
                list(read_rows("-"))

    def test_a_large_file_is_never_in_memory_as_a_whole(self, tmp_path: Path) -> None:
        rows = [{"response": f"{n} " + "x" * 10_000} for n in range(4000)]
        path = parquet(tmp_path / "d.parquet", rows, row_group_size=500)
        before = pa.total_allocated_bytes()
        highest = 0
        tracemalloc.start()
        for _ in read_rows(path):
            highest = max(highest, pa.total_allocated_bytes() - before)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10 * 2**20
        assert highest < 20 * 2**20


class TestASavedDataSet:
    @pytest.fixture
    def saved(self, tmp_path: Path) -> Path:
        path = tmp_path / "drafts"
        datasets.Dataset.from_list(many(600)).save_to_disk(path, num_shards=3)
        return path

    def test_it_is_read_in_order(self, saved: Path) -> None:
        rows = good(saved)
        assert [row.number for row in rows] == list(range(1, 601))
        assert [row.draft.id for row in rows] == [str(n) for n in range(600)]

    @pytest.mark.parametrize("passed", [1, 256, 599, 600, 700])
    def test_reading_resumes_after_any_row(self, saved: Path, passed: int) -> None:
        rows = good(saved, after=Position(passed))
        assert [row.number for row in rows] == list(range(passed + 1, 601))

    def test_a_selection_that_was_saved_is_what_is_read(self, tmp_path: Path) -> None:
        some = datasets.Dataset.from_list(many(10)).select([7, 3])
        some.save_to_disk(tmp_path / "some")
        assert [row.draft.id for row in good(tmp_path / "some")] == ["7", "3"]

    def test_of_several_splits_one_has_to_be_named(self, tmp_path: Path) -> None:
        both = datasets.DatasetDict(
            train=datasets.Dataset.from_list(many(2)), test=datasets.Dataset.from_list(many(1))
        )
        both.save_to_disk(tmp_path / "both")
        with pytest.raises(InputError, match=r"several splits: name one of .*both/test, .*train"):
            list(read_rows(tmp_path / "both"))
        assert len(good(tmp_path / "both" / "test")) == 1

    def test_a_damaged_one_is_reported(self, saved: Path) -> None:
        (saved / "state.json").write_text("{}")
        with pytest.raises(InputError, match="cannot be read"):
            list(read_rows(saved))
        (saved / "state.json").write_text("{")
        with pytest.raises(InputError, match="cannot be read"):
            list(read_rows(saved))


class TestTheHub:
    def test_an_unreachable_hub_is_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
        with pytest.raises(InputError, match=r"'somebody/something' cannot be .*reachable"):
            list(read_rows("hf:somebody/something"))

    def test_rows_come_as_they_are_loaded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The hub is out of reach of the tests: a file on this machine stands in for it."""
        path = parquet(tmp_path / "d.parquet", many(50))
        load, asked = datasets.load_dataset, []

        def load_here(name: str, *, split: str, streaming: bool) -> Any:
            asked.append((name, split))
            return load(
                "parquet",
                data_files=str(path),
                split="train",
                streaming=streaming,
                cache_dir=str(tmp_path / "cache"),
            )

        monkeypatch.setattr(datasets, "load_dataset", load_here)
        assert [row.draft.id for row in good("hf:somebody/drafts")] == [str(n) for n in range(50)]
        later = good("hf:somebody/drafts:test", after=Position(48))
        assert [(row.number, row.draft.id) for row in later] == [(49, "48"), (50, "49")]
        assert asked == [("somebody/drafts", "train"), *[("somebody/drafts", "test")] * 2]

    @pytest.mark.parametrize(
        "error",
        [
            datasets.exceptions.DatasetNotFoundError("Dataset 'a/b' doesn't exist."),
            ConnectionError("Couldn't reach it."),
            ValueError('Bad split: test. Available splits: ["train"]'),
            RuntimeError("Dataset scripts are no longer supported."),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_what_is_wrong_with_a_data_set_is_reported(
        self, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise error

        monkeypatch.setattr(datasets, "load_dataset", fail)
        with pytest.raises(InputError, match="a/b"):
            list(read_rows("hf:a/b:test"))


def test_a_row_that_json_cannot_carry_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [dict(MORNING), {**MORNING, "what": object()}]
    stands_in = type("Streamed", (), {"skip": lambda _self, count: rows[count:]})
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: stands_in())
    row, bad = read_rows("hf:a/b")
    assert isinstance(bad, Rejected)
    assert "JSON cannot express" in bad.reason
    assert row.number == 1
