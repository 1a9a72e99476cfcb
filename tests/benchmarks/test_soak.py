"""The arithmetic of the soak test: `benchmarks/soak.py`."""

from __future__ import annotations

import asyncio
import os
import re

import pytest

from benchmarks.processes import resident_mib
from benchmarks.soak import TOLERANCES, Sample, draw, judge, look
from revloop.batch import Progress


def sample(at_s: float, **figures: float) -> Sample:
    usual = {"trajectories": 1, "files": 20, "threads": 5, "tasks": 34}
    memory = {"memory_mib": 100.0, "server_memory_mib": 400.0}
    return Sample(at_s=at_s, **{**usual, **memory, **figures})  # type: ignore[arg-type]


def test_what_stays_the_same_has_not_grown() -> None:
    samples = [sample(second) for second in range(100)]
    assert not any(judge(samples, name).grew for name in TOLERANCES)


@pytest.mark.parametrize("name", TOLERANCES)
def test_a_leak_has_grown(name: str) -> None:
    samples = [sample(second, **{name: 20.0 + second}) for second in range(100)]
    verdict = judge(samples, name)
    assert (verdict.second_quarter, verdict.last_quarter) == (57.0, 107.0)
    assert verdict.grew


def test_what_grew_while_it_warmed_up_does_not_count() -> None:
    samples = [sample(second, memory_mib=min(second, 25) * 10.0) for second in range(100)]
    assert not judge(samples, "memory_mib").grew


def test_a_peak_is_no_leak() -> None:
    samples = [sample(second, files=500 if second == 90 else 20) for second in range(100)]
    assert not judge(samples, "files").grew


def test_it_is_the_time_that_is_quartered_and_not_the_number_of_samples() -> None:
    dense = [sample(second / 10, files=10) for second in range(250)]
    samples = [*dense, *(sample(second, files=second) for second in range(25, 101))]
    verdict = judge(samples, "files")
    assert (verdict.second_quarter, verdict.last_quarter) == (37.5, 87.5)


@pytest.mark.parametrize(("last", "grew"), [(109.0, False), (109.1, True)])
def test_the_tolerance_is_a_number_and_a_share(last: float, grew: bool) -> None:
    samples = [sample(at, memory_mib=100.0 if at < 60 else last) for at in range(100)]
    assert judge(samples, "memory_mib").grew is grew


def test_too_few_samples_tell_nothing() -> None:
    with pytest.raises(ValueError, match="7 samples are too few"):
        judge([sample(second) for second in range(7)], "files")


async def test_a_look_counts_what_is_open() -> None:
    before = look(Progress(), 0.0, os.getpid())
    read, write = os.pipe()
    waiting = asyncio.create_task(asyncio.sleep(600))
    after = look(Progress(), 0.0, os.getpid())
    waiting.cancel()
    os.close(read)
    os.close(write)
    assert (after.files - before.files, after.tasks - before.tasks) == (2, 1)
    assert after.memory_mib > 10


def test_a_process_that_has_ended_holds_no_memory() -> None:
    assert resident_mib(2**22 + 1) == 0


def test_the_curves_are_drawn(tmp_path: object) -> None:
    pytest.importorskip("matplotlib")
    from pathlib import Path

    path = Path(str(tmp_path)) / "soak.png"
    draw({"stub": [sample(second) for second in range(10)]}, path)
    assert re.match(rb"\x89PNG", path.read_bytes())
