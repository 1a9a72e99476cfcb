"""The card says where the rows come from, who judged them, and what they said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.command_line import revloop
from tests.helpers.export_samples import judge_all_pairs
from tests.helpers.judges import store_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Of four trajectories, two get better, one gets worse, and one ends as it began."""
    rows = [["5 a", "6 bb"], ["5 a", "7 bb"], ["5 a", "4 bb"], ["5 a", "5 a"]]
    return judge_all_pairs(store_of(tmp_path / "s.sqlite", rows))


async def test_a_folder_gets_rows_and_a_card(store: Path) -> None:
    pytest.importorskip("statsmodels")
    folder = store.parent / "new" / "pairs"
    finished = await revloop("export", str(store), f"{folder}/", "--as", "dpo", "--orders", "both")
    assert finished.code == 0, finished.err
    assert len((folder / "train.jsonl").read_text().splitlines()) == 3
    card = (folder / "README.md").read_text(encoding="utf-8")
    for line in (
        "license: # fill in",
        "3 rows of the form `dpo`",
        "| critic | script |",
        "| prompt set | cnr (",
        "| left out: pairs of equal texts | 1 |",
        "| option: orders | both |",
        "| judge: rule | |",
        "| win rate | 62.5% (95% interval: ",
        "| harmed (lost in both orders) | 25.0% |",
        "| verdicts that changed with the order | 0.0% |",
        "| mean characters before | 3 |",
        "| mean characters after | 4 |",
    ):
        assert line in card


async def test_a_folder_that_is_there_is_used_and_its_card_is_not_replaced_unasked(
    store: Path,
) -> None:
    command = ("export", str(store), str(store.parent / "pairs"), "--as", "versions")
    (store.parent / "pairs").mkdir()
    assert (await revloop(*command)).code == 0
    again = await revloop(*command)
    assert again.code == 3
    assert "train.jsonl already exists" in again.err


@pytest.mark.parametrize("form", ["trajectories", "arena-hard"])
async def test_a_folder_is_no_place_for_what_is_one_file(store: Path, form: str) -> None:
    finished = await revloop("export", str(store), f"{store.parent}/new/", "--as", form)
    assert finished.code == 3
    assert f"the form '{form}' is one file: name the file" in finished.err
    assert not (store.parent / "new").exists()


async def test_a_card_may_have_any_name_and_is_not_replaced_unasked(store: Path) -> None:
    card = store.with_name("card.md")
    command = ("export", str(store), "-", "--as", "versions", "--card", str(card))
    assert (await revloop(*command)).code == 0
    assert "No verdict decided these rows." in card.read_text()
    again = await revloop(*command)
    assert again.code == 3
    assert "already exists" in again.err


async def test_whole_trajectories_have_no_card(store: Path) -> None:
    finished = await revloop("export", str(store), "-", "--card", str(store.with_name("c.md")))
    assert finished.code == 3
    assert "has no card" in finished.err
