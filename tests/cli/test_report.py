"""`revloop report` as a user meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop import StopReason, Store
from tests.helpers.command_line import Finished, revloop
from tests.helpers.judges import store_of
from tests.helpers.report_samples import judged_store

if TYPE_CHECKING:
    from pathlib import Path

RULES = "def shorter(prompt, first, second):\n    return 'first'\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a judged store and one without verdicts."""
    judged_store(tmp_path / "judged.sqlite")
    store_of(tmp_path / "s.sqlite", [["a", "b"], ["c", "d"]])
    (tmp_path / "rules.py").write_text(RULES)
    return tmp_path


def assert_failed(finished: Finished, code: int, *words: str) -> None:
    """It ended with a code and with words for a person, not with a traceback."""
    assert finished.code == code, finished.err
    assert "Traceback" not in finished.err
    for word in words:
        assert word in finished.err


async def test_it_writes_a_page_and_pictures_and_says_where(folder: Path) -> None:
    options = ("-o", "out.html", "--plots", "plots", "--by", "kind")
    finished = await revloop("report", "judged.sqlite", *options, folder=folder)
    assert finished.code == 0, finished.err
    assert "The report is in out.html" in finished.out
    assert "Win rate by kind" in (folder / "out.html").read_text(encoding="utf-8")
    assert (folder / "plots" / "win-rate.png").stat().st_size > 1000
    again = await revloop(
        "report", "judged.sqlite", "-o", "2.html", "--plots", "plots", folder=folder
    )
    assert_failed(again, 3, "win-rate.png already exists", "--force")
    assert not (folder / "2.html").exists()


async def test_a_page_that_is_there_is_not_replaced_unasked(folder: Path) -> None:
    (folder / "report.html").write_text("mine")
    assert_failed(await revloop("report", "s.sqlite", folder=folder), 3, "already exists")
    assert (folder / "report.html").read_text() == "mine"
    assert (await revloop("report", "s.sqlite", "--force", folder=folder)).code == 0


async def test_without_verdicts_the_page_says_how_to_get_them(folder: Path) -> None:
    finished = await revloop("report", "s.sqlite", folder=folder)
    assert finished.code == 0, finished.err
    assert "revloop evaluate s.sqlite --judge JUDGE" in (folder / "report.html").read_text()


async def test_a_judge_that_is_named_is_asked_first(folder: Path) -> None:
    finished = await revloop("report", "s.sqlite", "--judge", "rules:shorter", folder=folder)
    assert finished.code == 0, finished.err
    assert "rules:shorter: 4 new verdicts" in finished.err
    assert "Judged by rules:shorter." in (folder / "report.html").read_text()


async def test_a_store_whose_drafts_all_failed_has_a_page(tmp_path: Path) -> None:
    store_of(tmp_path / "f.sqlite", [["a"]], reasons=[StopReason.ENGINE_FAILED])
    finished = await revloop("report", "f.sqlite", "--judge", "demo", folder=tmp_path)
    assert finished.code == 0, finished.err
    assert "No trajectory has a round" in (tmp_path / "report.html").read_text()


async def test_what_cannot_be_reported_is_told_and_leaves_no_page(folder: Path) -> None:
    Store.open(folder / "empty.sqlite").close()
    cases = {
        "empty.sqlite": (3, "holds no trajectory"),
        "missing.sqlite": (5, "missing.sqlite"),
    }
    for name, (code, words) in cases.items():
        assert_failed(await revloop("report", name, folder=folder), code, words)
    finished = await revloop("report", "s.sqlite", "--by", "nothing", folder=folder)
    assert_failed(finished, 3, "has a field 'nothing'")
    assert not (folder / "report.html").exists()


async def test_the_page_compares_with_the_original_whatever_evaluate_is_set_to(
    folder: Path,
) -> None:
    store_of(folder / "two.sqlite", [["a", "b", "c"]])
    (folder / "revloop.toml").write_text(
        '[evaluation]\nagainst = "previous"\njudge = ["rules:shorter"]', encoding="utf-8"
    )
    finished = await revloop("report", "two.sqlite", folder=folder)
    assert finished.code == 0, finished.err
    assert "rules:shorter: 4 new verdicts" in finished.err
    again = await revloop("evaluate", "two.sqlite", "--against", "original", folder=folder)
    assert "rules:shorter: 0 new verdicts, 4 were stored." in again.err
