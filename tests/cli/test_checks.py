"""What checks found, in a terminal: what fails and why, and what could not be run."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console

from revloop.cli.versions import print_trajectory
from tests.helpers.checked_samples import checked, checked_store
from tests.helpers.command_line import revloop

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.trajectory import Trajectory
    from tests.helpers.stub_server import StubServer


def shown(one: Trajectory) -> list[str]:
    """The printed lines of a trajectory."""
    file = io.StringIO()
    on = Console(file=file, soft_wrap=True, highlight=False, markup=False, emoji=False)
    print_trajectory(one, console=on)
    return file.getvalue().splitlines()


def after(lines: list[str], heading: str) -> list[str]:
    """The lines from a heading to the next empty one."""
    start = lines.index(heading)
    return lines[start + 1 : lines.index("", start)]


def test_each_version_tells_how_many_checks_pass_and_which_do_not() -> None:
    lines = shown(checked("one two three four offline", "please offline"))
    failed = after(lines, "version 0, checks passed: 0 of 3")
    assert failed[0].startswith("- short fails: It has more than three words, and each word")
    assert "- polite fails: line 1 of the output" in failed
    assert failed[-1] == "- reachable could not be run: OSError: no network"
    last = after(lines, "version 1, checks passed: 2 of 3")
    assert last == ["- reachable could not be run: OSError: no network"]


def test_messages_are_wrapped_and_keep_their_lines() -> None:
    lines = after(shown(checked("one two three four", "a")), "version 0, checks passed: 1 of 3")
    assert max(map(cell_len, lines)) <= 80
    assert lines[1].startswith("  ")
    (first,) = [n for n, line in enumerate(lines) if line.startswith("- polite fails:")]
    assert lines[first + 1].startswith("      line 2: </script>")
    assert "␛[2J" in lines[-1]


def test_a_version_that_passes_all_has_one_line() -> None:
    lines = shown(checked("one two three four", "one please"))
    assert after(lines, "version 1, checks passed: 3 of 3") == []
    assert lines[-1].startswith("Version 1 passes all checks.")


def test_a_version_that_breaks_a_check_says_which() -> None:
    lines = shown(checked("no, please, one two", "not at all", keep="gate"))
    assert "version 1 is not kept: it breaks polite, which version 0 passes" in lines
    assert "Kept: version 0." in lines


def test_other_candidates_are_told_in_a_line_each() -> None:
    texts = ("one two three four", "offline", "one please", "please two three four")
    lines = shown(checked(*texts, candidates=3, iterations=1))
    assert [line for line in lines if line.startswith("another")] == [
        "another candidate, checks passed: 1 of 3; polite fails; reachable could not be run",
        "another candidate, checks passed: 2 of 3; short fails",
    ]


async def test_the_command_shows_them(tmp_path: Path) -> None:
    checked_store(tmp_path / "s.sqlite")
    out = (await revloop("show", "s.sqlite", "broken", folder=tmp_path)).out
    assert "version 0, checks passed: 2 of 3\n- short fails: It has more than" in out
    assert "version 1, checks passed: 2 of 3\n- polite fails: line 1 of" in out
    assert "version 2, checks passed: 3 of 3\n" in out


async def test_evaluate_tells_by_check_and_round_and_needs_no_judge(tmp_path: Path) -> None:
    checked_store(tmp_path / "s.sqlite")
    finished = await revloop("evaluate", "s.sqlite", folder=tmp_path)
    assert finished.code == 0, finished.err
    _, _, table = finished.out.partition("\ncheck polite\n")
    rows = table.splitlines()[1:4]
    assert [row.split()[:6] for row in rows] == [
        ["0", "4", "2", "-", "-", "50.0%"],
        ["1", "4", "2", "2", "2", "50.0%"],
        ["2", "4", "2", "2", "0", "100.0%"],
    ]
    assert "Rounds 0, 1, 2: 1 of 4 records are not counted: the check could not be run." in table


CHECKS = """
def polite(draft, text):
    return "please" in text

def reachable(draft, text):
    if "offline" in text:
        raise OSError("no network")
    return True
"""


async def test_a_batch_tells_how_many_are_verified_and_which_checks_could_not_be_run(
    server: StubServer, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(CHECKS)
    texts = ("one please", "two please", "offline please", "please, offline")
    rows = (json.dumps({"id": text, "response": text}) for text in texts)
    (tmp_path / "in.jsonl").write_text("\n".join(rows))
    finished = await revloop(
        *("batch", "in.jsonl", "out.jsonl", "--base-url", server.base_url),
        *("--check", "mine:polite", "--check", "mine:reachable", "--critique", "checks"),
        folder=tmp_path,
    )
    said = "The check mine:reachable could not be run for 2 texts: OSError: no network"
    assert said in finished.err.splitlines()
    assert ", 2 failed, 2 verified, " in finished.err
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [[check["passed"] for check in row["versions"][0]["checks"]] for row in written] == [
        *([[True, True]] * 2),
        *([[True, None]] * 2),
    ]


async def test_revise_tells_which_checks_the_result_passes(
    server: StubServer, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(CHECKS)
    finished = await revloop(
        *("revise", "one please", "--base-url", server.base_url),
        *("--check", "mine:polite", "--critique", "checks"),
        folder=tmp_path,
    )
    assert finished.out == "one please\n"
    assert "Version 0, checks passed: 1 of 1." in finished.err.splitlines()
