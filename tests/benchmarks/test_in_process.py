"""The comparison of front ends: its arithmetic, and the stepped engine."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from benchmarks import in_process

OPTIONS = Namespace(drafts=4, iterations=1, eager=True)


def run(rate: float, texts: str = "same") -> dict[str, Any]:
    return dict.fromkeys(in_process.FIGURES, rate) | {"texts_sha256": texts}


def test_a_spread_has_the_median_and_the_bounds() -> None:
    runs = [run(rate) for rate in (3.0, 1.0, 2.0)]
    assert in_process.spread(runs, "wall_s") == {"median": 2.0, "least": 1.0, "most": 3.0}


def test_sides_that_end_with_other_texts_are_told_apart() -> None:
    same = in_process.summary({"http": [run(1.0)], "async": [run(2.0)]}, OPTIONS)
    other = in_process.summary({"http": [run(1.0)], "async": [run(2.0, "other")]}, OPTIONS)
    assert (same["same_texts"], other["same_texts"]) == (True, False)
    assert same["sides"]["async"]["versions_per_s"]["median"] == 2.0
