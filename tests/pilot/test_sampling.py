"""The sample of a pilot: stratified, at random, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from revloop.pilot import draw
from revloop.rows import Rejected, Row
from revloop.trajectory import Draft

if TYPE_CHECKING:
    from collections.abc import Sequence


def rows(topics: Sequence[object], response: str = "four") -> list[Row | Rejected]:
    return [
        Row(number, Draft(id=str(number), response=response), {"topic": topic})
        for number, topic in enumerate(topics, start=1)
    ]


def test_each_value_has_its_share_of_the_sample() -> None:
    found = draw(rows(["a"] * 60 + ["b"] * 30 + ["c"] * 10), 10, by="topic")
    assert Counter(draft.extra["topic"] for draft in found.drafts) == {"a": 6, "b": 3, "c": 1}
    assert (found.rows, found.rejected) == (100, 0)


def test_lengths_of_another_order_have_their_share_without_a_field() -> None:
    some = [*rows(["x"] * 50), *rows(["y"] * 50, "a much longer response than four letters")]
    found = draw(some, 10)
    assert Counter(draft.extra["topic"] for draft in found.drafts) == {"x": 5, "y": 5}


def test_a_sample_is_in_input_order_and_depends_on_the_seed_alone() -> None:
    def ids(seed: int) -> list[int]:
        return [int(str(draft.id)) for draft in draw(rows(["a"] * 500), 20, seed=seed).drafts]

    assert ids(1) == ids(1) == sorted(set(ids(1)))
    assert ids(1) != ids(2)


def test_every_row_is_as_likely_as_any_other() -> None:
    drawn = Counter(
        str(draft.id)
        for seed in range(400)
        for draft in draw(rows(["a"] * 20), 5, seed=seed).drafts
    )
    assert len(drawn) == 20
    assert all(60 < count < 145 for count in drawn.values())  # 100 expected, 8.7 the deviation


def test_a_small_input_is_drawn_whole_and_unusable_rows_are_counted() -> None:
    some = [*rows(["a", "b", None]), Rejected(9, "response: missing", "{}")]
    found = draw(some, 10, by="topic")
    assert [draft.id for draft in found.drafts] == ["1", "2", "3"]
    assert (found.rows, found.rejected) == (3, 1)
