"""Sheets for people: blinded, shuffled, safe to open, and read back exactly."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop import InputError, StopReason, Store
from revloop.evaluation import Question
from revloop.evaluation.sheets import (
    COLUMNS,
    FilledRow,
    UnusableSheetRow,
    human_judge,
    match_sheet,
    questions_for_people,
    read_sheet,
    write_sheet,
)
from tests.helpers.judges import store_of

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.evaluation import Against

ORIGINAL: frozenset[Against] = frozenset({"original"})
ROWS = [[f"old {n}", f"new {n}", f"newest {n}"] for n in range(30)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return store_of(tmp_path / "s.sqlite", ROWS)


def questions(path: Path, rounds: range = range(1, 3), seed: int = 0) -> list[Question]:
    with Store.open_to_read(path) as store:
        return questions_for_people(
            store.trajectories(), rounds=rounds, against=ORIGINAL, seed=seed
        )


def sheet(questions: list[Question], *, as_csv: bool = True) -> str:
    file = io.StringIO()
    write_sheet(file, questions, as_csv=as_csv)
    return file.getvalue()


def filled(folder: Path, text: str, name: str = "sheet.csv") -> list[FilledRow | UnusableSheetRow]:
    """The rows of a sheet."""
    (folder / name).write_bytes(text.encode("utf-8"))
    return list(read_sheet(folder / name))


class TestWriting:
    def test_each_pair_is_in_it_once(self, path: Path) -> None:
        found = questions(path)
        assert len(found) == 60
        assert len({frozenset((q.first, q.second)) for q in found}) == 60

    def test_the_later_text_is_first_about_as_often_as_second(self, path: Path) -> None:
        assert 20 <= sum(q.first.startswith("new") for q in questions(path)) <= 40

    def test_rows_are_shuffled_by_the_seed(self, path: Path) -> None:
        assert questions(path) == questions(path)
        assert questions(path) != questions(path, seed=1)
        numbers = [int(q.first.split()[1]) for q in questions(path)]
        assert numbers != sorted(numbers)

    def test_one_round_can_be_selected(self, path: Path) -> None:
        found = questions(path, range(2, 3))
        assert {text.split()[0] for q in found for text in (q.first, q.second)} == {"old", "newest"}

    def test_unchanged_texts_are_left_out(self, tmp_path: Path) -> None:
        reasons = [StopReason.CONVERGED]
        store_of(tmp_path / "same.sqlite", [["a", "b", "b"], ["c", "c"]], reasons=reasons)
        assert len(questions(tmp_path / "same.sqlite")) == 1

    def test_nothing_reveals_which_text_is_later(self, path: Path) -> None:
        rows = list(csv.DictReader(io.StringIO(sheet(questions(path)).removeprefix("\ufeff"))))
        assert list(rows[0]) == list(COLUMNS)
        assert {row["verdict"] + row["reason"] for row in rows} == {""}
        assert all(len(row["id"]) == 32 for row in rows)

    def test_no_cell_is_a_formula(self, tmp_path: Path) -> None:
        store_of(tmp_path / "f.sqlite", [["=cmd()", "@SUM(A1)"]], prompt="+1")
        (row,) = csv.DictReader(io.StringIO(sheet(questions(tmp_path / "f.sqlite"))))
        assert {row["text_a"], row["text_b"]} == {"'=cmd()", "'@SUM(A1)"}
        assert row["prompt"] == "'+1"

    def test_jsonl_keeps_the_exact_texts(self, path: Path) -> None:
        found = questions(path)
        rows = [json.loads(line) for line in sheet(found, as_csv=False).splitlines()]
        assert [Question(r["prompt"], r["text_a"], r["text_b"]) for r in rows] == found


texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=20)


class TestReading:
    @given(asked=st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=4, unique=True))
    def test_any_texts_preserve_ids_and_verdicts(
        self, asked: list[tuple[str, str, str]], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        given = [Question(*texts) for texts in asked]
        rows = list(csv.DictReader(io.StringIO(sheet(given).removeprefix("\ufeff"), newline="")))
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        writer.writerows({**row, "verdict": "A"} for row in rows)
        found = filled(tmp_path_factory.mktemp("sheet"), out.getvalue())
        assert [row.id for row in found if isinstance(row, FilledRow)] == [q.digest for q in given]

    @pytest.mark.parametrize(
        ("said", "preference"), [("A", "first"), (" b ", "second"), ("Tie", "tie")]
    )
    def test_verdicts_ignore_case(self, tmp_path: Path, said: str, preference: str) -> None:
        (row,) = filled(tmp_path, f"id,verdict,reason\nx,{said},Clear.\n")
        assert isinstance(row, FilledRow)
        assert (row.line, row.id, row.verdict.preference) == (2, "x", preference)
        assert (row.verdict.reason, row.verdict.raw) == ("Clear.", said.strip())

    def test_rows_without_a_verdict_are_skipped(self, tmp_path: Path) -> None:
        assert filled(tmp_path, "id,verdict\nx,\ny, \n") == []

    def test_an_unknown_word_is_reported_with_its_line(self, tmp_path: Path) -> None:
        assert filled(tmp_path, "id,verdict\nx,A\ny,both\n")[1] == UnusableSheetRow(
            3, "the verdict is 'both'; write A, B or tie"
        )

    def test_semicolons_and_a_byte_order_mark_are_accepted(self, tmp_path: Path) -> None:
        (row,) = filled(tmp_path, "\ufeffid;text_a;verdict\nx;a,b;B\n")
        assert isinstance(row, FilledRow)
        assert row.verdict.preference == "second"

    def test_bad_jsonl_lines_are_reported(self, tmp_path: Path) -> None:
        lines = ['{"id": "x", "verdict": "A"}', "{", "[]", '{"id": "y", "verdict": null}']
        found = filled(tmp_path, "\n".join(lines), "sheet.jsonl")
        assert [type(row) for row in found] == [FilledRow, UnusableSheetRow, UnusableSheetRow]
        assert [row.line for row in found] == [1, 2, 3]

    @pytest.mark.parametrize(
        ("raw", "said"), [(b"a,b\n1,2\n", "no column 'id'"), (b"\xff", "not UTF-8"), (b"", "id")]
    )
    def test_other_files_are_refused(self, tmp_path: Path, raw: bytes, said: str) -> None:
        (tmp_path / "s.csv").write_bytes(raw)
        with pytest.raises(InputError, match=said):
            list(read_sheet(tmp_path / "s.csv"))
        with pytest.raises(InputError, match="cannot be read"):
            list(read_sheet(tmp_path / "none.csv"))


class TestMatching:
    def match(
        self, path: Path, rows: list[FilledRow | UnusableSheetRow]
    ) -> tuple[Any, list[UnusableSheetRow]]:
        with Store.open_to_read(path) as store:
            return match_sheet(rows, store.trajectories())

    def test_each_row_finds_its_pair_in_its_order(self, path: Path, tmp_path: Path) -> None:
        asked = questions(path)[:3]
        text = "id,verdict\n" + "".join(f"{q.digest},A\n" for q in asked)
        given, unusable = self.match(path, filled(tmp_path, text))
        assert ({question for question, _ in given}, unusable) == (set(asked), [])

    def test_rows_of_another_store_are_reported(self, path: Path, tmp_path: Path) -> None:
        given, unusable = self.match(path, filled(tmp_path, "id,verdict\nx,A\ny,C\n"))
        assert given == []
        assert unusable == [
            UnusableSheetRow(2, "the store has no pair 'x'"),
            UnusableSheetRow(3, "the verdict is 'C'; write A, B or tie"),
        ]

    def test_contradictory_rows_are_reported(self, path: Path, tmp_path: Path) -> None:
        id_ = questions(path)[0].digest
        text = f"id,verdict\n{id_},A\n{id_},A\n{id_},B\n"
        given, unusable = self.match(path, filled(tmp_path, text))
        assert len(given) == 1
        assert [row.line for row in unusable] == [4]


def test_people_are_identified_by_name() -> None:
    assert human_judge("anna") == human_judge("anna")
    assert human_judge("anna").digest != human_judge("bert").digest
    with pytest.raises(InputError, match="blank"):
        human_judge(" ")
