"""Writing trajectories: every version, or the row as it came in with the last one."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop import Draft, Trajectory
from revloop.errors import InputError
from revloop.rows import Rejected, open_output, open_rejects, read_rows, rejects_path
from revloop.rows.writing import final_row
from tests.helpers.row_samples import TURNS, good, good_and_bad, trajectory_of

pa = pytest.importorskip("pyarrow")

Row = tuple[Trajectory, dict[str, Any]]
JSONL = ("out.jsonl", "out.jsonl.gz", "out.jsonl.zst")
ALL = pytest.mark.parametrize("name", [*JSONL, "out.parquet"])


def write(path: Path, *rows: Row, final_only: bool = False) -> Path:
    with open_output(path, final_only=final_only) as out:
        for trajectory, rest in rows:
            out.write(trajectory.with_extra(rest))
    return path


def lines_of(path: Path) -> list[Any]:
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    elif path.suffix == ".zst":
        content = pa.CompressedInputStream(pa.BufferReader(content), "zstd").read()
    return [json.loads(line) for line in content.splitlines()]


class TestAllVersions:
    @pytest.mark.parametrize("name", JSONL)
    def test_a_line_is_a_trajectory(self, tmp_path: Path, name: str) -> None:
        trajectory = trajectory_of(None, "Good morning.", "A good morning.")
        path = write(tmp_path / name, (trajectory, {}))
        (line,) = lines_of(path)
        assert Trajectory.model_validate(line) == trajectory

    def test_the_other_fields_of_the_row_are_the_drafts_extra(self, tmp_path: Path) -> None:
        rest = {"topic": "hello", "draft": 1, "versions": None, "extra": {"x": [1.5]}}
        path = write(tmp_path / "out.jsonl", (trajectory_of(), rest))
        read = Trajectory.model_validate(lines_of(path)[0])
        assert read.draft.extra == rest
        assert read.versions == trajectory_of().versions

    def test_what_the_draft_carried_already_is_kept(self, tmp_path: Path) -> None:
        draft = Draft(response="So.", extra={"own": 1, "both": 1})
        path = write(tmp_path / "out.jsonl", (trajectory_of(draft), {"both": 2}))
        assert lines_of(path)[0]["draft"]["extra"] == {"own": 1, "both": 2}

    def test_one_that_is_not_finished_has_no_end(self, tmp_path: Path) -> None:
        path = write(tmp_path / "out.jsonl", (trajectory_of(finished=False), {}))
        assert lines_of(path)[0]["end"] is None

    def test_the_order_is_that_of_writing(self, tmp_path: Path) -> None:
        drafts = [Draft(id=str(n), response="So.") for n in (3, 1, 2)]
        path = write(tmp_path / "out.jsonl", *((trajectory_of(draft), {}) for draft in drafts))
        assert [line["draft"]["id"] for line in lines_of(path)] == ["3", "1", "2"]


class TestFinalOnly:
    def test_the_response_is_the_last_version_and_the_first_is_kept(self, tmp_path: Path) -> None:
        row = (trajectory_of(None, "Good morming.", "Good morning."), {"topic": "hello"})
        path = write(tmp_path / "out.jsonl", row, final_only=True)
        assert lines_of(path) == [
            {
                "id": "1",
                "prompt": "Say good morning.",
                "response": "Good morning.",
                "original_response": "Good mroning.",
                "topic": "hello",
            }
        ]

    def test_a_conversation_stays_one(self) -> None:
        draft = Draft.model_validate({"messages": TURNS, "response": "Eleven."})
        row = final_row(trajectory_of(draft, "Thirteen."))
        assert row["messages"] == TURNS
        assert "prompt" not in row

    def test_a_row_without_a_prompt_gets_none(self) -> None:
        row = final_row(trajectory_of(Draft(id="1", response="a"), "b"))
        assert row == {"id": "1", "response": "b", "original_response": "a"}

    def test_fields_whose_names_are_taken_get_others(self) -> None:
        rest = {"original_response": 1, "prompt": 2, "input_prompt": 3, "messages": 4}
        row = final_row(trajectory_of().with_extra(rest))
        assert (row["prompt"], row["original_response"]) == ("Say good morning.", "Good mroning.")
        assert row["input_original_response"] == 1
        assert (row["input_prompt"], row["input_input_prompt"]) == (3, 2)
        assert row["messages"] == 4

    @given(rest=st.dictionaries(st.sampled_from(["id", "response", "input_id", "n"]), st.text()))
    def test_no_field_is_ever_lost(self, rest: dict[str, str]) -> None:
        row = final_row(trajectory_of().with_extra(rest))
        assert len(row) == 4 + len(rest)
        assert sorted(list(row.values())[4:]) == sorted(rest.values())

    @ALL
    def test_what_is_written_can_be_read_as_drafts(self, tmp_path: Path, name: str) -> None:
        drafts = [
            Draft(id="1", prompt="Why?\u2028\x00", response="So."),
            Draft.model_validate({"id": "2", "messages": TURNS, "response": "Eleven."}),
        ]
        rows: list[Row] = [(trajectory_of(draft, draft.response), {}) for draft in drafts]
        path = write(tmp_path / name, *rows, final_only=True)
        assert [row.draft for row in good(path)] == drafts


class TestAnyFile:
    def test_numbers_that_only_python_writes_stay_as_they_are(self, tmp_path: Path) -> None:
        rest = {"n": [float("nan"), float("inf")], "big": 10**40}
        for final_only in (False, True):
            row = (trajectory_of(), rest)
            path = write(tmp_path / "out.jsonl", row, final_only=final_only)
            text = path.read_text()
            assert "[NaN,Infinity]" in text
            assert str(10**40) in text

    @pytest.mark.parametrize("name", JSONL)
    def test_the_same_rows_make_the_same_bytes(self, tmp_path: Path, name: str) -> None:
        rows = [(trajectory_of(), {"n": n}) for n in range(100)]
        first = write(tmp_path / name, *rows).read_bytes()
        assert write(tmp_path / f"other-{name}", *rows).read_bytes() == first

    @ALL
    @pytest.mark.parametrize("final_only", [False, True])
    def test_an_error_leaves_the_older_file(
        self, tmp_path: Path, name: str, final_only: bool
    ) -> None:
        path = tmp_path / name
        path.write_bytes(b"older")

        def interrupted() -> None:
            with open_output(path, final_only=final_only) as out:
                for _ in range(1500):
                    out.write(trajectory_of())
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert path.read_bytes() == b"older"
        assert list(tmp_path.iterdir()) == [path]

    @ALL
    @pytest.mark.parametrize("count", [1, 3000])
    def test_a_full_disk_is_reported(self, tmp_path: Path, name: str, count: int) -> None:
        full = tmp_path / name
        full.symlink_to("/dev/full")
        texts = (f"{n}" * 50 for n in range(count))
        rows: list[Row] = [(trajectory_of(Draft(response=text)), {}) for text in texts]
        with pytest.raises(InputError, match="No space left on device"):
            write(full, *rows)

    @ALL
    def test_an_output_may_have_no_rows(self, tmp_path: Path, name: str) -> None:
        path = write(tmp_path / name)
        assert list(read_rows(path)) == []
        assert path.is_file()

    def test_standard_output_gets_plain_lines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        buffer = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=buffer))
        write(Path("-"), (trajectory_of(), {"n": 1}), final_only=True)
        assert json.loads(buffer.getvalue())["n"] == 1


class TestRejects:
    BAD = Rejected(7, "not JSON", '{"half\\xff')

    def test_they_are_written_beside_the_output(self, tmp_path: Path) -> None:
        output = tmp_path / "out.jsonl"
        with open_rejects(output) as rejects:
            rejects.write(self.BAD)
            rejects.write(Rejected(9, "again", "\u2028é"))
            assert rejects.count == 2
        path = tmp_path / "out.jsonl.rejected.jsonl"
        assert rejects_path(output) == path
        assert lines_of(path)[0] == {"line": 7, "reason": "not JSON", "raw": '{"half\\xff'}
        assert len(path.read_bytes().split(b"\n")) == 3

    def test_without_any_there_is_no_file_and_an_old_one_goes(self, tmp_path: Path) -> None:
        old = tmp_path / "out.jsonl.rejected.jsonl"
        old.write_text("{}\n")
        with open_rejects(tmp_path / "out.jsonl") as rejects:
            assert old.exists()
        assert rejects.count == 0
        assert list(tmp_path.iterdir()) == []

    def test_an_error_leaves_the_older_file(self, tmp_path: Path) -> None:
        old = tmp_path / "out.jsonl.rejected.jsonl"
        old.write_text("{}\n")

        def interrupted(*bad: Rejected) -> None:
            with open_rejects(tmp_path / "out.jsonl") as rejects:
                for one in bad:
                    rejects.write(one)
                raise KeyboardInterrupt

        for bad in ([], [self.BAD]):
            with pytest.raises(KeyboardInterrupt):
                interrupted(*bad)
            assert old.read_text() == "{}\n"
            assert list(tmp_path.iterdir()) == [old]

    def test_beside_standard_output_they_are_counted_only(self) -> None:
        with open_rejects(Path("-")) as rejects:
            rejects.write(self.BAD)
        assert rejects.count == 1
        assert rejects_path(Path("-")) is None

    def test_what_was_rejected_can_be_fixed_and_read(self, tmp_path: Path) -> None:
        path = tmp_path / "drafts.jsonl"
        path.write_bytes(b'{"response": "So."}\n{"response": "So."\n')
        _, bad = good_and_bad(path)
        with open_rejects(tmp_path / "out") as rejects:
            for one in bad:
                rejects.write(one)
        (line,) = lines_of(tmp_path / "out.rejected.jsonl")
        path.write_text(line["raw"] + "}")
        assert good(path)[0].draft.response == "So."
