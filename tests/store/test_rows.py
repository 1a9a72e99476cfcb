"""The rows of a batch in the store: begun once, found again, returned in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revloop import Draft, End, StopReason, Store, StoreError
from revloop.rows import Position, Rejected, Row
from revloop.store import InputState, RunRows, StoredTrajectory
from tests.helpers.stored import append, finish
from tests.store.test_store import run_settings, version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STATE = InputState("drafts.jsonl", "print")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        yield opened


@pytest.fixture
def rows(store: Store) -> RunRows:
    return store.rows(store.begin_run(run_settings()))


def new_row(number: int, response: str = "", id_: str = "", **rest: Any) -> Row:
    given = {"id": id_} if id_ else {}
    draft = Draft.model_validate({"response": response or f"text {number}", **given})
    raw = f"line {number}".encode()
    return Row(number, draft, rest, raw=raw)


def name(row: Row, _content: str) -> str:
    return f"t-{row.draft.id}"


def enter(rows: RunRows, *new: Row, share: bool = True, **state: Any) -> list[StoredTrajectory]:
    begun, clashes = rows.begin(InputState("f", None, **state), new, name=name, share=share)
    assert clashes == []
    return begun


def end(pending: StoredTrajectory, reason: StopReason, rounds: int) -> None:
    for number in range(rounds + 1):
        append(pending, version(number))
    finish(pending, End(reason=reason, detail="So it is."))


def ids(pending: Iterator[StoredTrajectory]) -> list[str]:
    return [str(one.draft.id) for one in pending]


def test_rows_come_back_in_the_order_of_the_input_with_what_else_they_held(rows: RunRows) -> None:
    begun = enter(rows, new_row(1, id_="b", n=[1, None]), new_row(3, id_="a", n={"x": 0.5}))
    for pending in reversed(begun):
        append(pending, version(0))
    found = [(one.draft.id, one.draft.extra) for one in rows.trajectories()]
    assert found == [("b", {"n": [1, None]}), ("a", {"n": {"x": 0.5}})]


def test_a_row_that_was_only_entered_has_no_trajectory_yet(rows: RunRows) -> None:
    begun = enter(rows, *(new_row(number) for number in range(1, 200)))
    assert list(rows.trajectories()) == []
    append(begun[-1], version(0))
    assert [one.id for one in rows.trajectories()] == [begun[-1].id]


def test_the_read_position_is_stored_with_the_rows(store: Store) -> None:
    run = store.begin_run(run_settings())
    assert store.rows(run).input() is None
    state = InputState("drafts.jsonl", "print", Position(7, 4711))
    store.rows(run).begin(state, [new_row(7)], name=name, share=True)
    assert store.rows(run).input() == state
    whole = InputState("drafts.jsonl", "print", Position(7, 4711), is_whole=True)
    store.rows(run).begin(whole, [], name=name, share=True)
    assert store.rows(run).input() == whole


def test_rejects_come_back_in_order(rows: RunRows) -> None:
    bad = [Rejected(2, "no response", '{"a": "ä"}'), Rejected(9, "not JSON", "{\x00")]
    rows.begin(STATE, [], bad, name=name, share=True)
    assert list(rows.rejects()) == bad
    assert (rows.reject_count(), rows.row_count()) == (2, 0)


@pytest.mark.parametrize("apart", [True, False], ids=["two calls", "one call"])
def test_equal_contents_share_a_trajectory_with_share(rows: RunRows, apart: bool) -> None:
    twins = [new_row(1, "same", "a"), new_row(2, "same", "b")]
    begun = [
        one for part in ([twins[:1], twins[1:]] if apart else [twins]) for one in enter(rows, *part)
    ]
    assert [pending.draft.id for pending in begun] == ["a"]
    assert rows.row_count() == 2


@pytest.mark.parametrize("apart", [True, False], ids=["two calls", "one call"])
def test_equal_contents_have_their_own_trajectories_without_share(
    rows: RunRows, apart: bool
) -> None:
    twins = [new_row(1, "same", "a"), new_row(2, "same", "b"), new_row(3, "same", "a")]
    parts = [twins[:1], twins[1:]] if apart else [twins]
    begun = [one for part in parts for one in enter(rows, *part, share=False)]
    assert [pending.draft.id for pending in begun] == ["a", "b"]  # the same id is the same draft


@pytest.mark.parametrize("apart", [True, False], ids=["two calls", "one call"])
def test_the_same_id_with_other_content_names_both_lines(rows: RunRows, apart: bool) -> None:
    clashing = [new_row(4, "one", "a"), new_row(6, "two", "a")]
    rejected = []
    for part in [clashing[:1], clashing[1:]] if apart else [clashing]:
        rejected += rows.begin(STATE, part, name=name, share=True)[1]
    (bad,) = rejected
    assert (bad.number, bad.raw) == (6, "line 6")
    assert bad.reason == "line 6: the id 'a' is that of line 4, which has other content"
    assert list(rows.rejects()) == rejected


def test_an_id_that_a_draft_outside_of_the_input_has_is_a_clash_too(
    store: Store, rows: RunRows
) -> None:
    run = store.begin_run(run_settings())
    store.begin(run, "t", Draft(id="a", response="one"))
    _, (bad,) = rows.begin(STATE, [new_row(1, "two", "a")], name=name, share=True)
    assert "that of a draft in the store" in bad.reason


def test_a_failed_commit_leaves_nothing(rows: RunRows) -> None:
    enter(rows, new_row(1))
    with pytest.raises(StoreError, match="UNIQUE"):
        enter(rows, new_row(2), new_row(1, "again"), position=Position(2))
    state = rows.input()
    assert rows.row_count() == 1
    assert state is not None
    assert state.position is None


def test_pending_trajectories_never_ended_or_ended_with_too_few_rounds(
    store: Store, rows: RunRows
) -> None:
    names = ["open", "three", "five", "converged", "failed", "begun"]
    begun = enter(rows, *(new_row(n, id_=name) for n, name in enumerate(names, 1)))
    by_name = {pending.draft.id: pending for pending in begun}
    append(by_name["open"], version(0))
    end(by_name["three"], StopReason.ROUNDS_DONE, 3)
    end(by_name["five"], StopReason.ROUNDS_DONE, 5)
    end(by_name["converged"], StopReason.CONVERGED, 2)
    end(by_name["failed"], StopReason.ENGINE_FAILED, 1)
    assert ids(rows.pending(iterations=3)) == ["open", "begun"]
    assert ids(rows.pending(iterations=5)) == ["open", "three", "begun"]
    assert ids(rows.pending(iterations=5, retry_failed=True)) == [
        "open",
        "three",
        "failed",
        "begun",
    ]
    _, three, _ = rows.pending(iterations=5)
    assert [each.round for each in three.versions] == [0, 1, 2, 3]
    assert three.end is not None
    assert rows.counts() == {
        (None, 0): 2,
        (StopReason.ROUNDS_DONE, 3): 1,
        (StopReason.ROUNDS_DONE, 5): 1,
        (StopReason.CONVERGED, 2): 1,
        (StopReason.ENGINE_FAILED, 1): 1,
    }


@pytest.mark.parametrize("becomes", ["fails for another reason", "is under way again", "is done"])
def test_a_trajectory_that_changes_while_pending_ones_are_read_is_not_returned_twice(
    store: Store, rows: RunRows, becomes: str
) -> None:
    begun = enter(rows, *(new_row(number, id_=f"d{number:03}") for number in range(1, 301)))
    for place, pending in enumerate(begun):
        if place % 3 == 0:
            end(pending, StopReason.ENGINE_FAILED, 0)
        elif place % 3 == 1:
            end(pending, StopReason.ROUNDS_DONE, 1)
        else:
            append(pending, version(0))
    seen = []
    for pending in rows.pending(iterations=5, retry_failed=True):
        seen.append(pending.draft.id)
        if becomes == "fails for another reason":
            finish(pending, End(reason=StopReason.UNPARSEABLE, detail="Again."))
            continue
        made = len(pending.versions)
        append(pending, version(made))  # it is no longer ended
        if becomes == "is done":
            finish(pending, End(reason=StopReason.ROUNDS_DONE, detail="So it is."))
    assert seen == [f"d{number:03}" for number in range(1, 301)]


def test_a_version_after_the_end_makes_it_pending_again(store: Store, rows: RunRows) -> None:
    (pending,) = enter(rows, new_row(1, id_="a"))
    end(pending, StopReason.ROUNDS_DONE, 3)
    append(pending, version(4))
    assert ids(rows.pending(iterations=3)) == ["a"]


def test_runs_keep_their_rows_apart(store: Store) -> None:
    first = store.rows(store.begin_run(run_settings()))
    second = store.rows(store.begin_run(run_settings(), new=True))
    assert enter(first, new_row(1, "one", "a"))
    assert enter(second, new_row(1, "two", "a"))
    assert (first.row_count(), second.row_count()) == (1, 1)


@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=2), st.sampled_from("xyz")), max_size=30),
    st.integers(1, 30),
    st.booleans(),
)
@settings(max_examples=25)
def test_however_rows_are_divided_each_is_placed_or_rejected_once(
    tmp_path_factory: pytest.TempPathFactory,
    given_rows: list[tuple[str, str]],
    at_a_time: int,
    share: bool,
) -> None:
    new = [new_row(n, response, id_, n=n) for n, (id_, response) in enumerate(given_rows, 1)]
    outcomes = []
    for size in (at_a_time, len(new) + 1):
        with Store.open(tmp_path_factory.mktemp("s") / "s.sqlite") as store:
            rows = store.rows(store.begin_run(run_settings()))
            for start in range(0, len(new), size):
                part = new[start : start + size]
                for trajectory in rows.begin(STATE, part, name=name, share=share)[0]:
                    append(trajectory, version(0))
            rejected = [(bad.number, bad.reason) for bad in rows.rejects()]
            placed = [one.draft.extra["n"] for one in rows.trajectories()]
            begun = ids(rows.pending(iterations=1))
        assert sorted([*placed, *(number for number, _ in rejected)]) == list(
            range(1, len(new) + 1)
        )
        outcomes.append((rejected, placed, begun))
    assert outcomes[0] == outcomes[1]
