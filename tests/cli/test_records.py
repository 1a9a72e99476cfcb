"""`revloop records` as a user meets it: streams, exit codes, and files whole or not there."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from revloop import PromptSet, revise
from tests.helpers.command_line import Finished, revloop
from tests.helpers.record_samples import BOTTLES, ROWS, write_jsonl
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.scripted_engine import ScriptedEngine, cnr_rounds

if TYPE_CHECKING:
    from pathlib import Path

ESCAPE = "\x1b[2J"


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def assert_failed(finished: Finished, code: int, *words: str) -> None:
    assert finished.code == code, finished.err
    assert "Traceback" not in finished.err
    for word in words:
        assert word in finished.err


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """Four good records, one of them twice, and one bad line."""
    rows = [{**BOTTLES, "id": str(n), "prompt": f"Why {n}?"} for n in range(4)]
    path = write_jsonl(tmp_path / "records.jsonl", [*rows, rows[0]])
    with path.open("a", encoding="utf-8") as file:
        file.write('{"prompt": "Why?"}\n')
    return path


@pytest.mark.parametrize("command", ["validate", "import", "split", "render", "generate"])
async def test_the_help_shows_an_example(command: str) -> None:
    finished = await revloop("records", command, "--help", environment={"COLUMNS": "200"})
    assert finished.code == 0
    assert f"Example: revloop records {command}" in finished.out


class TestValidate:
    async def test_the_report_goes_to_stdout_and_the_findings_to_stderr(
        self, records: Path
    ) -> None:
        finished = await revloop("records", "validate", str(records))
        assert finished.code == 0
        assert "4 of 6 lines hold a valid record" in finished.out
        assert "can teach: both 4" in finished.out
        assert "line 5: duplicate: the same record as on line 1" in finished.err
        assert "line 6: missing_field: response: Field required" in finished.err
        assert "Not checked: whether records fit" in finished.err

    async def test_all_of_it_is_printed_as_json(self, records: Path) -> None:
        finished = await revloop("records", "validate", str(records), "--json")
        report = json.loads(finished.out)
        assert report["valid"] == 4
        assert {5, 6} <= {finding["line"] for finding in report["findings"]}

    async def test_lengths_in_tokens_come_from_the_critics_tokenizer(self, records: Path) -> None:
        options = ("--tokenizer", str(TINY_CRITIC), "--context-tokens", "20")
        finished = await revloop("records", "validate", str(records), *options)
        assert_failed(finished, 3, "line 1: too_long", "the context has 20", "no usable record")

    async def test_lines_without_an_error_are_written(self, records: Path) -> None:
        clean = records.with_name("clean.jsonl")
        finished = await revloop("records", "validate", str(records), "--output", str(clean))
        assert finished.code == 0
        assert [row["id"] for row in lines_of(clean)] == ["0", "1", "2", "3"]
        again = await revloop("records", "validate", str(clean), "--json")
        assert json.loads(again.out)["valid"] == 4

    @pytest.mark.parametrize("content", ["", "\n\n", "{}\n", "not JSON\n"])
    async def test_a_file_with_nothing_valid_in_it_has_a_code(
        self, tmp_path: Path, content: str
    ) -> None:
        path = tmp_path / "records.jsonl"
        path.write_text(content, encoding="utf-8")
        assert_failed(await revloop("records", "validate", str(path)), 3, "no usable record")

    async def test_a_finding_on_every_line_does_not_flood_the_terminal(
        self, tmp_path: Path
    ) -> None:
        path = write_jsonl(tmp_path / "records.jsonl", [BOTTLES, *[{}] * 30])
        finished = await revloop("records", "validate", str(path))
        assert finished.err.count("missing_field: ") == 20
        assert "... and 10 more of missing_field" in finished.err

    async def test_escape_sequences_never_reach_the_terminal(self, tmp_path: Path) -> None:
        rows = [{**BOTTLES, "id": ESCAPE}, {**BOTTLES, "id": ESCAPE, "response": "So."}]
        finished = await revloop("records", "validate", str(write_jsonl(tmp_path / "r", rows)))
        assert finished.code == 0
        assert "\x1b" not in finished.out + finished.err


class TestWithoutTheExtra:
    @pytest.fixture
    def environment(self, tmp_path: Path) -> dict[str, str]:
        """Hides the libraries of the extra, where they are installed."""
        folder = tmp_path / "hidden"
        folder.mkdir()
        for library in ("rensa", "py3langid"):
            text = f"raise ImportError('no {library} here')"
            (folder / f"{library}.py").write_text(text, encoding="utf-8")
        return {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}

    async def test_the_rest_is_checked_and_what_is_not_is_said(
        self, records: Path, environment: dict[str, str]
    ) -> None:
        finished = await revloop("records", "validate", str(records), environment=environment)
        assert finished.code == 0
        assert "4 of 6 lines" in finished.out
        assert "Not checked: near duplicates" in finished.err
        assert "Not checked: languages" in finished.err

    async def test_near_duplicates_that_were_asked_for_need_it(
        self, records: Path, environment: dict[str, str]
    ) -> None:
        command = ("records", "validate", str(records), "--likeness", "0.9")
        finished = await revloop(*command, environment=environment)
        assert_failed(finished, 3, "needs rensa", "pip install 'revloop[records]'")


class TestImport:
    @pytest.mark.parametrize("name", sorted(ROWS))
    async def test_each_format_is_read(self, tmp_path: Path, name: str) -> None:
        rows, out = write_jsonl(tmp_path / "rows.jsonl", [ROWS[name]]), tmp_path / "out.jsonl"
        finished = await revloop("records", "import", name, str(rows), "--output", str(out))
        assert finished.code == 0, finished.err
        assert finished.out == f"{out}: {len(lines_of(out))} lines\n"
        checked = await revloop("records", "validate", str(out), "--prompts", "chat", "--json")
        assert json.loads(checked.out)["valid"] == len(lines_of(out))

    async def test_records_go_to_stdout_and_findings_to_stderr(self, tmp_path: Path) -> None:
        rows = write_jsonl(tmp_path / "rows.jsonl", [ROWS["aligner"], {"question": "?"}])
        finished = await revloop("records", "import", "aligner", str(rows))
        assert json.loads(finished.out)["revision"] == "Four."
        assert "line 2: missing_field: answer: Field required" in finished.err

    async def test_a_store_becomes_records(self, tmp_path: Path) -> None:
        store, critique = tmp_path / "v.sqlite", "Overall score: 4\nPositive aspects: a\n"
        critique += "Negative aspects: b"
        engine = ScriptedEngine(cnr_rounds("Better.", "Best.", critique=critique))
        draft = {"id": "d1", "prompt": "Why?", "response": "So."}
        revise(draft, iterations=2, store=store, engine=engine)
        finished = await revloop("records", "import", "store", str(store))
        made = [json.loads(line) for line in finished.out.splitlines()]
        assert [(row["response"], row["revision"]) for row in made] == [
            ("So.", "Better."),
            ("Better.", "Best."),
        ]

    async def test_a_file_that_is_no_store_is_named(self, records: Path) -> None:
        assert_failed(await revloop("records", "import", "store", str(records)), 5, str(records))

    async def test_a_format_that_is_not_known_is_named(self, records: Path) -> None:
        finished = await revloop("records", "import", "alinger", str(records))
        assert_failed(finished, 3, "no format 'alinger'", "aligner", "store")

    async def test_rows_of_another_format_leave_no_file(self, records: Path) -> None:
        out = records.with_name("out.jsonl")
        finished = await revloop(
            "records", "import", "aligner", str(records), "--output", str(out), "--json"
        )
        assert_failed(finished, 3, "line 1: missing_field", "no usable record")
        assert [path.name for path in records.parent.iterdir()] == ["records.jsonl"]


class TestSplit:
    async def test_three_files_share_the_records(self, records: Path) -> None:
        folder = records.with_name("split")
        options = ("--shares", "0.5", "0.25", "0.25", "--seed", "1")
        finished = await revloop(
            "records", "split", str(records), "--output", str(folder), *options
        )
        assert finished.code == 0, finished.err
        parts = {
            name: lines_of(folder / f"{name}.jsonl") for name in ("train", "validation", "test")
        }
        prompts = {name: {row["prompt"] for row in rows} for name, rows in parts.items()}
        assert set().union(*prompts.values()) == {f"Why {n}?" for n in range(4)}
        assert sum(map(len, prompts.values())) == 4
        assert sum(map(len, parts.values())) == 5
        assert "line 6" in finished.err

    async def test_the_summary_is_printed_as_json(self, records: Path) -> None:
        folder = records.with_name("split")
        finished = await revloop(
            "records", "split", str(records), "--output", str(folder), "--json"
        )
        outcome = json.loads(finished.out)
        assert sum(outcome["written"].values()) == 5
        assert [finding["line"] for finding in outcome["findings"]] == [6]

    async def test_a_split_that_is_there_is_left_as_it_is(self, records: Path) -> None:
        folder = records.with_name("split")
        command = ("records", "split", str(records), "--output", str(folder))
        await revloop(*command)
        (folder / "train.jsonl").unlink()
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert_failed(await revloop(*command), 3, "validation.jsonl", "--force")
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        assert (await revloop(*command, "--force")).code == 0

    async def test_shares_of_nothing_are_refused(self, records: Path) -> None:
        command = ("records", "split", str(records), "--output", str(records.with_name("split")))
        finished = await revloop(*command, "--shares", "0", "0", "0")
        assert_failed(finished, 3, "Shares are numbers")
        assert not records.with_name("split").exists()

    async def test_nothing_valid_makes_no_folder(self, tmp_path: Path) -> None:
        path = write_jsonl(tmp_path / "records.jsonl", [{}])
        command = ("records", "split", str(path), "--output", str(tmp_path / "split"))
        assert_failed(await revloop(*command), 3, "line 1", "no usable record")
        assert not (tmp_path / "split").exists()


class TestRender:
    async def test_training_text_goes_to_stdout(self, records: Path) -> None:
        finished = await revloop("records", "render", str(records))
        first = json.loads(finished.out.splitlines()[0])
        assert first["prompt"].startswith("### Prompt:\nWhy 0?\n")
        read = PromptSet.load("cnr").parse_single_pass(first["target"])
        assert read is not None
        assert read[1] == BOTTLES["revision"]

    async def test_only_one_kind_of_lesson_is_rendered(self, tmp_path: Path) -> None:
        alone = {name: BOTTLES[name] for name in ("prompt", "response", "revision")}
        path = write_jsonl(tmp_path / "records.jsonl", [BOTTLES, alone])
        finished = await revloop("records", "render", str(path), "--lesson", "revision")
        assert [json.loads(line)["lesson"] for line in finished.out.splitlines()] == ["revision"]

    async def test_what_has_no_place_in_the_layout_is_told(self, tmp_path: Path) -> None:
        path = write_jsonl(tmp_path / "records.jsonl", [BOTTLES, {**BOTTLES, "score": 77}])
        finished = await revloop("records", "render", str(path))
        assert len(finished.out.splitlines()) == 1
        assert "line 2: not_rendered: the score 77" in finished.err

    async def test_a_summary_as_json_needs_a_file(self, records: Path) -> None:
        assert_failed(await revloop("records", "render", str(records), "--json"), 3, "--output")


class TestOutput:
    async def test_a_file_that_is_there_is_kept_unless_forced(self, records: Path) -> None:
        out = records.with_name("out.jsonl")
        out.write_text("precious", encoding="utf-8")
        command = ("records", "render", str(records), "--output", str(out))
        assert_failed(await revloop(*command), 3, str(out), "already exists", "--force")
        assert out.read_text(encoding="utf-8") == "precious"
        assert (await revloop(*command, "--force")).code == 0
        assert len(lines_of(out)) == 5

    async def test_a_file_never_replaces_itself(self, records: Path) -> None:
        before = lines_of(records)
        command = ("records", "validate", str(records), "--output", str(records), "--force")
        assert_failed(await revloop(*command), 3, "is the input itself")
        assert lines_of(records) == before

    async def test_a_failure_keeps_what_was_there(self, records: Path) -> None:
        bad, out = write_jsonl(records.with_name("bad.jsonl"), [{}]), records.with_name("out.jsonl")
        out.write_text("precious", encoding="utf-8")
        command = ("records", "render", str(bad), "--output", str(out), "--force")
        assert_failed(await revloop(*command), 3, "no usable record")
        assert out.read_text(encoding="utf-8") == "precious"

    async def test_a_folder_that_is_not_there_is_named(self, records: Path) -> None:
        out = records.parent / "none" / "out.jsonl"
        finished = await revloop("records", "render", str(records), "--output", str(out))
        assert_failed(finished, 3, str(out), "cannot be written: No such file")

    async def test_a_folder_is_no_file_to_write(self, records: Path) -> None:
        command = ("records", "render", str(records), "--output", str(records.parent), "--force")
        assert_failed(await revloop(*command), 3, "is a folder")

    @pytest.mark.parametrize("command", [("validate",), ("split",)])
    async def test_numbers_keep_their_digits(self, tmp_path: Path, command: tuple[str]) -> None:
        numbers = '"cost": 2.50, "limit": 1e400, "id": 12345678901234567890, "zero": -0'
        path = tmp_path / "records.jsonl"
        path.write_text(
            f'{{"response": "a", "critique": "b", "score": 5.0, "extra": {{{numbers}}}}}\n'
        )
        out = tmp_path / ("out.jsonl" if command == ("validate",) else "out")
        finished = await revloop("records", *command, str(path), "--output", str(out))
        assert finished.code == 0, finished.err
        written = out.read_text() if out.is_file() else (out / "train.jsonl").read_text()
        assert numbers.replace(" ", "") in written


class TestGenerate:
    async def test_records_of_the_demo_are_written(self, tmp_path: Path) -> None:
        path = tmp_path / "made.jsonl"
        finished = await revloop("records", "generate", "3", "--output", str(path))
        assert finished.code == 0
        assert len(lines_of(path)) == 3
        checked = await revloop("records", "validate", str(path))
        assert "3 of 3 lines hold a valid record" in checked.out

    async def test_without_a_file_they_go_to_stdout(self) -> None:
        finished = await revloop("records", "generate", "2", "--seed", "4")
        assert [json.loads(line)["source"] for line in finished.out.splitlines()] == [
            "generated",
            "generated",
        ]

    async def test_what_is_there_is_not_written_over(self, tmp_path: Path) -> None:
        path = tmp_path / "made.jsonl"
        path.write_text("mine", encoding="utf-8")
        finished = await revloop("records", "generate", "2", "--output", str(path))
        assert_failed(finished, 3, "already exists")
        assert path.read_text(encoding="utf-8") == "mine"
