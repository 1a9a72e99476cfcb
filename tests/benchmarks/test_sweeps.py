"""Sweeps: their points, their arithmetic, and a small one on a real server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks import saving, sweeps
from benchmarks.sweeps import RATIO, SWEEPS, Found, measure

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Served


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(saving, "FOLDER", tmp_path)
    return tmp_path


def test_a_point_varies_one_thing() -> None:
    few, many = (SWEEPS["concurrency"].point(value, 100, 2) for value in (8, 512))
    assert (few.workload.bounds.least, few.workload.bounds.most) == (8, 8)
    assert (many.workload.bounds.least, many.workload.bounds.most) == (100, 512)
    assert few.workload.drafts == many.workload.drafts
    one, two = (SWEEPS["passes"].point(value, 100, 2).workload for value in ("one", "two"))
    assert (one.loop.single_pass, two.loop.single_pass) == (True, False)
    assert SWEEPS["iterations"].point(3, 100, 2).workload.loop.iterations == 3
    assert len(SWEEPS["drafts"].point(700, 100, 2).workload.drafts) == 700
    assert SWEEPS["tensor-parallel"].point(2, 100, 2).tensor_parallel_size == 2


def test_longer_answers_make_longer_drafts() -> None:
    short, long = (SWEEPS["length"].point(scale, 20, 2).workload.drafts for scale in (0.5, 2.0))
    assert sum(len(d.response) for d in long) > 2 * sum(len(d.response) for d in short)


def test_of_the_repeats_the_median_and_the_ends_are_kept() -> None:
    found = Found()
    for wall_s in (4.0, 2.0, 3.0):
        found.add("revloop", {"wall_s": wall_s, "something_else": 1.0})
    found.ratios += [0.9, 1.0, 0.8]
    spreads = found.spreads()
    assert list(spreads["revloop"]) == ["wall_s"]
    assert (spreads["revloop"]["wall_s"]["median"], spreads[RATIO]["least"]) == (3.0, 0.8)


@pytest.mark.vllm
@pytest.mark.parametrize("name", ["iterations", "length"])
async def test_a_point_is_measured_on_both_sides(vllm_server: Served, name: str) -> None:
    found = Found()
    point = SWEEPS[name].point(1, 3, 1)
    await measure(vllm_server.base_url, point, found)
    (batch,), (oracle,) = found.sides["revloop"], found.sides["oracle"]
    assert found.ratios == [oracle["wall_s"] / batch["wall_s"]]
    made = [side["generated_tokens_per_s"] * side["wall_s"] for side in (batch, oracle)]
    assert made[0] == pytest.approx(made[1])


def test_a_result_is_drawn(results: Path) -> None:
    found = Found()
    figures = {"rounds_per_s": 5.0, "generated_tokens_per_s": 900.0}
    found.add("revloop", figures)
    found.add("oracle", figures)
    content = {"points": {"1": found.spreads(), "2": found.spreads()}}
    (results / "sweep-iterations.json").write_text(json.dumps(content))
    sweeps.plot("iterations")
    assert (results / "sweep-iterations.png").read_bytes().startswith(b"\x89PNG")
