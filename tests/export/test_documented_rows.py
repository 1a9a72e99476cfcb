"""The rows of docs/data.md are those that revloop writes, to the letter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from revloop.export.forms import FORMS
from tests.helpers.export_samples import counted, judge_all_pairs, scored, store_trajectories
from tests.helpers.repository import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

_DOCUMENTED = re.compile(r"^`(\w+)`: .*?^```ndjson\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROWS = dict(_DOCUMENTED.findall((REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The trajectory of the page, judged."""
    made = scored(("Thanks for the scraf.", 4.0), ("Thanks for the scarf.", None), id_="7")
    fields = {"prompt": "Thank Maria for the scarf.", "extra": {"topic": "thanks"}}
    last = made.versions[1]
    assert last.critique is not None
    said = last.critique.model_copy(update={"raw": "A word is misspelt."})
    documented = made.model_copy(
        update={
            "draft": made.draft.model_copy(update=fields),
            "versions": (made.versions[0], last.model_copy(update={"critique": said})),
        }
    )
    path = store_trajectories(tmp_path / "s.sqlite", documented)
    return judge_all_pairs(path, lambda _, first, __: "second" if "scraf" in first else "first")


def test_each_form_is_documented() -> None:
    assert set(ROWS) == set(FORMS)


@pytest.mark.parametrize("form", FORMS)
def test_the_page_shows_the_first_row_of_each_form(store: Path, form: str) -> None:
    counted(store, form=form)
    first, *_ = store.with_name("out.jsonl").read_text(encoding="utf-8").splitlines()
    assert ROWS[form] == f"{first}\n"
