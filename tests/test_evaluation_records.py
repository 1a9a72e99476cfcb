"""What of a store is evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop import Draft, Store
from revloop.evaluation import newest_trajectories
from test_store import run_settings, version
from test_store_rows import enter, new_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "s.sqlite") as opened:
        yield opened


def test_an_empty_store_has_nothing_to_evaluate(store: Store) -> None:
    assert list(newest_trajectories(store)) == []


def test_only_the_newest_run_counts(store: Store) -> None:
    for seed in (1, 2):
        run = store.begin_run(run_settings(seed=seed), new=True)
        entry = store.begin(run, f"t-{seed}", Draft(response="Good."))
        store.append(entry, version(0))
    assert [trajectory.id for trajectory in newest_trajectories(store)] == ["t-2"]


def test_a_row_of_a_batch_brings_its_other_fields(store: Store) -> None:
    rows = store.rows(store.begin_run(run_settings()))
    for pending in enter(rows, new_row(1, category="maths"), new_row(2, category="prose")):
        store.append(pending.entry, version(0))
    found = [t.draft.extra["category"] for t in newest_trajectories(store)]
    assert found == ["maths", "prose"]


def test_a_text_that_came_twice_counts_twice(store: Store) -> None:
    rows = store.rows(store.begin_run(run_settings()))
    twice = enter(rows, new_row(1, "same", set="a"), new_row(2, "same", set="b"), share=True)
    for pending in twice:
        store.append(pending.entry, version(0))
    assert [t.draft.extra["set"] for t in newest_trajectories(store)] == ["a", "b"]
