"""From stored verdicts to scores: unparseable is no tie, and pending is no verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop import Store
from revloop.evaluation import Outcome, Question, Verdicts, outcomes
from revloop.evaluation.outcomes import group_of
from revloop.trajectory import Verdict
from tests.helpers.judges import info, store_of

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.trajectory import JudgeInfo, Preference

MODEL, PERSON = info("rule"), info("anna", "people")
ASKED = Question("Why?", "old", "newer")


def told(
    folder: Path,
    *given: tuple[Question, Preference],
    judge: JudgeInfo = MODEL,
    texts: tuple[str, str] = ("old", "newer"),
) -> Outcome:
    """The outcome of one record with these verdicts."""
    path = store_of(folder / "s.sqlite", [texts])
    with Verdicts.open(path) as verdicts, Store.open_to_read(path) as store:
        verdicts.add(judge, [(question, Verdict(preference=said)) for question, said in given])
        (found,) = outcomes(
            store.trajectories(), verdicts, judge, rounds=1, against=frozenset({"original"})
        )
    return found


def test_scores_are_in_the_order_of_the_texts(tmp_path: Path) -> None:
    found = told(tmp_path, (ASKED, "second"), (ASKED.swapped, "tie"))
    assert (found.scores, found.is_judged, found.unparseable) == ((1.0, 0.5), True, 0)
    assert found.characters == (3, 5)


def test_an_unreadable_verdict_has_no_score(tmp_path: Path) -> None:
    found = told(tmp_path, (ASKED, "unparseable"), (ASKED.swapped, "second"))
    assert (found.scores, found.readable) == ((None, 0.0), (0.0,))
    assert (found.is_judged, found.unparseable, found.in_both_orders) == (True, 1, None)


def test_a_record_with_one_order_waits_for_the_other(tmp_path: Path) -> None:
    assert not told(tmp_path, (ASKED, "second")).is_judged


def test_people_see_one_order(tmp_path: Path) -> None:
    found = told(tmp_path, (ASKED.swapped, "first"), judge=PERSON)
    assert (found.scores, found.is_judged) == ((None, 1.0), True)


def test_a_record_without_verdicts_is_not_judged(tmp_path: Path) -> None:
    found = told(tmp_path, judge=PERSON)
    assert (found.readable, found.is_judged) == ((), False)


@pytest.mark.parametrize(("judge", "ties"), [(MODEL, (0.5, 0.5)), (PERSON, (0.5,))])
def test_an_unchanged_text_is_a_tie_in_each_order(
    tmp_path: Path, judge: JudgeInfo, ties: tuple[float, ...]
) -> None:
    found = told(tmp_path, judge=judge, texts=("old", "old"))
    assert (found.readable, found.is_judged, found.is_unchanged) == (ties, True, True)


def test_groups_are_named_by_the_drafts_fields(tmp_path: Path) -> None:
    fields: list[dict[str, Any]] = [{"kind": "mail"}, {"kind": 3}, {"kind": ["a", "ü"]}, {}]
    path = store_of(tmp_path / "s.sqlite", [["a", "b"]] * 4, fields=fields)
    with Store.open_to_read(path) as store:
        groups = [group_of(trajectory, "kind") for trajectory in store.trajectories()]
    assert groups == ["mail", "3", '["a", "ü"]', "(none)"]
