"""Shared and fresh contexts: what is counted, and the prompt set that has both."""

from __future__ import annotations

from benchmarks.contexts.counting import Rated, figures


def test_a_round_is_compared_with_the_drafts_of_the_texts_that_have_it() -> None:
    short = [Rated(False, 3.0, None)]
    long = [Rated(False, 4.0, None), Rated(True, 5.0, 6.5)]
    last = [Rated(True, 6.0, None), Rated(False, 7.0, 6.5)]
    first, second = figures([short, long, last])
    assert (first["texts"], first["followed"]["share"]) == (3, 0.3333)
    assert first["shared_less_fresh_rating"] is None
    assert (second["texts"], second["followed"]["share"]) == (2, 0.5)
    assert second["draft_followed"]["share"] == 0.5
    assert (second["rating"], second["draft_rating"]) == (6.0, 5.0)
    assert second["shared_less_fresh_rating"] == 0.5
    assert second["rated_higher_in_its_own_context"] == 1
