"""Stored verdicts: by judge and texts, in the store's file."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from revloop import Store
from revloop.errors import StoreError
from revloop.evaluation import Question, Verdicts
from revloop.trajectory import Verdict
from tests.helpers.judges import count_verdicts, info, store_of

if TYPE_CHECKING:
    from pathlib import Path

ASKED = Question("Why?", "a", "b")
JUDGE, OTHER = info("one"), info("two")
SAID = Verdict(preference="second", reason="True.", raw="True.\nVerdict: B", tries=2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with two trajectories."""
    return store_of(tmp_path / "versions.sqlite", [["a", "b"], ["c", "d"]])


def test_a_verdict_is_read_back_unchanged(path: Path) -> None:
    with Verdicts.open(path) as verdicts:
        verdicts.add(JUDGE, [(ASKED, SAID)])
    with Verdicts.open(path) as verdicts:
        assert verdicts.get(JUDGE, ASKED) == SAID
        assert (count_verdicts(path, JUDGE), verdicts.judges()) == (1, [JUDGE])


def test_order_prompt_and_judge_distinguish_verdicts(path: Path) -> None:
    with Verdicts.open(path) as verdicts:
        verdicts.add(JUDGE, [(ASKED, SAID)])
        assert verdicts.get(JUDGE, ASKED.swapped) is None
        assert verdicts.get(JUDGE, ASKED._replace(prompt="How?")) is None
        assert verdicts.get(OTHER, ASKED) is None


def test_swapping_twice_changes_nothing() -> None:
    assert ASKED.swapped.swapped == ASKED
    assert ASKED.swapped.digest != ASKED.digest


def test_a_later_verdict_replaces_an_earlier_one(path: Path) -> None:
    with Verdicts.open(path) as verdicts:
        verdicts.add(JUDGE, [(ASKED, SAID)])
        verdicts.add(JUDGE, [(ASKED, Verdict(preference="tie"))])
        assert verdicts.get(JUDGE, ASKED) == Verdict(preference="tie")
        assert count_verdicts(path, JUDGE) == 1


def test_verdicts_do_not_affect_versions(path: Path) -> None:
    with Store.open_to_read(path) as store:
        before = list(store.trajectories())
    with Verdicts.open(path) as verdicts:
        verdicts.add(JUDGE, [(ASKED, SAID)])
    with Store.open(path) as store:
        assert list(store.trajectories()) == before


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        return {name for (name,) in names}


def test_reading_does_not_change_a_store_without_verdicts(path: Path) -> None:
    before = tables(path)
    with Verdicts.open_to_read(path) as verdicts:
        assert (verdicts.judges(), verdicts.get(JUDGE, ASKED)) == ([], None)
    assert tables(path) == before


def test_verdicts_can_be_read_while_another_adds(path: Path) -> None:
    with Verdicts.open(path) as writer, Verdicts.open_to_read(path) as reader:
        writer.add(JUDGE, [(ASKED, SAID)])
        assert reader.get(JUDGE, ASKED) == SAID


def test_several_threads_may_add(path: Path) -> None:
    with Verdicts.open(path) as verdicts:
        threads = [
            threading.Thread(target=verdicts.add, args=(JUDGE, [(Question("", str(n), "b"), SAID)]))
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert count_verdicts(path, JUDGE) == 8


def test_a_failing_batch_stores_nothing(path: Path) -> None:
    def batch() -> list[tuple[Question, Verdict]]:
        return [(ASKED, SAID)]

    with Verdicts.open(path) as verdicts:
        verdicts._file._connection.execute("DROP TABLE verdicts")
        with pytest.raises(StoreError, match="no such table: verdicts"):
            verdicts.add(JUDGE, batch())
        assert verdicts.judges() == []


def test_a_missing_store_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no store"):
        Verdicts.open(tmp_path / "none.sqlite")
    (tmp_path / "text").write_text("no store, but long enough to be looked at" * 20)
    with pytest.raises(StoreError, match="not a revloop store"):
        Verdicts.open_to_read(tmp_path / "text")


def test_a_damaged_verdict_is_an_error(path: Path) -> None:
    with Verdicts.open(path) as verdicts:
        verdicts.add(JUDGE, [(ASKED, SAID)])
        verdicts._file._connection.execute("""UPDATE verdicts SET verdict = '{"preference": 1}'""")
        with pytest.raises(StoreError, match="holds a verdict that cannot be read: preference"):
            verdicts.get(JUDGE, ASKED)
