"""Result files, and changes between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop.bench import BenchResult, Spread, changes, different_settings
from revloop.bench.results import side_of
from revloop.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def result(*rates: float, benchmark: str = "throughput", drafts: int = 8) -> BenchResult:
    return BenchResult.made_now(
        benchmark,
        settings={"drafts": drafts},
        sides={"revloop": side_of([{"versions_per_s": rate, "retries": 0.0} for rate in rates])},
        ratios={"revloop / oracle": [rate / 100 for rate in rates]},
    )


def test_a_spread_has_the_median_and_the_ends() -> None:
    spread = Spread.of([3.0, 1.0, 8.0, 2.0])
    assert (spread.median, spread.least, spread.most) == (2.5, 1.0, 8.0)
    assert spread.values == (3.0, 1.0, 8.0, 2.0)


def test_a_figure_that_one_repeat_lacks_is_left_out() -> None:
    side = side_of([{"a": 1.0, "b": 2.0}, {"a": 3.0}])
    assert list(side.figures) == ["a"]


def test_a_result_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.json"
    made = result(10.0, 11.0)
    made.write(path)
    assert BenchResult.read(path) == made


@pytest.mark.parametrize("content", ["", "[]", '{"benchmark": "throughput"}', "\x00"])
def test_a_file_that_is_no_result_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"other.json is not a result of revloop bench: "):
        BenchResult.read(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        BenchResult.read(tmp_path / "missing.json")


def test_ranges_that_overlap_are_noise_and_others_are_not() -> None:
    found = {c.name: c for c in changes(result(10, 12, 11), result(11.5, 13, 14))}
    assert not found["revloop versions_per_s"].is_beyond_noise
    found = {c.name: c for c in changes(result(10, 12, 11), result(12.5, 13, 14))}
    assert found["revloop versions_per_s"].is_beyond_noise
    assert found["revloop versions_per_s"].factor == pytest.approx(13 / 11)
    assert found["revloop / oracle"].is_beyond_noise
    assert not found["revloop retries"].is_beyond_noise
    assert found["revloop retries"].factor is None


def test_results_of_different_benchmarks_are_not_compared() -> None:
    with pytest.raises(InputError, match="throughput and sweep"):
        changes(result(1.0), result(1.0, benchmark="sweep"))


def test_settings_that_differ_are_told() -> None:
    assert different_settings(result(1.0), result(1.0)) == []
    assert different_settings(result(1.0), result(1.0, drafts=16)) == [
        "settings.drafts: 8, then 16"
    ]
