"""Under every fault the loop goes on, loses nothing and makes nothing twice: `tests/faults`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults.kinds import Fault, Plan
from faults.matrix import Line, measure, put_into, read_table, table
from faults.trial import RETRIES, run
from revloop.engines import Deadlines

if TYPE_CHECKING:
    from pathlib import Path

QUICK = Deadlines(connect_s=10.0, answer_s=0.3, token_s=0.0)
"""For faults that only a deadline ends. A request that is merely slow may run into it too."""

PATIENT = RETRIES.model_copy(update={"attempts": 15, "longest_wait_s": 0.2})
"""Tries enough for a machine that is slow besides."""


@pytest.mark.parametrize("fault", [fault for fault in Fault if not fault.is_slow])
async def test_a_fault_costs_nothing_but_the_requests_that_met_it(
    fault: Fault, tmp_path: Path
) -> None:
    outcome = await run(
        Plan({fault: 0.3}, seed=1), tmp_path, trajectories=4, rounds=2, retries=PATIENT
    )
    assert outcome.ends == ()
    assert (outcome.completed, outcome.lost, outcome.twice) == (1.0, 0, 0)
    assert (outcome.in_vain, outcome.strayed) == (0, 0)
    assert outcome.extra > 0


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault.is_slow])
async def test_a_fault_that_takes_its_time_is_ended_by_the_deadline(
    fault: Fault, tmp_path: Path
) -> None:
    outcome = await run(
        Plan({fault: 0.3}, seed=1),
        tmp_path,
        trajectories=4,
        rounds=2,
        deadlines=QUICK,
        retries=PATIENT,
    )
    assert outcome.ends == ()
    assert (outcome.completed, outcome.lost, outcome.twice) == (1.0, 0, 0)


async def test_with_every_fault_in_the_mix_the_texts_are_those_without_faults(
    tmp_path: Path,
) -> None:
    good = await run(Plan(), tmp_path / "good", trajectories=20)
    bad = await run(
        Plan.evenly(0.3), tmp_path / "bad", trajectories=20, deadlines=QUICK, retries=PATIENT
    )
    assert bad.ends == ()
    assert (bad.completed, bad.lost, bad.twice, bad.strayed) == (1.0, 0, 0, 0)
    assert bad.texts == good.texts
    assert bad.extra > 0


async def test_what_a_bad_server_ended_goes_on_with_the_same_store(tmp_path: Path) -> None:
    good = await run(Plan(), tmp_path / "good")
    hasty = RETRIES.model_copy(update={"attempts": 2})
    first = await run(Plan({Fault.ERROR_500: 0.3}, seed=5), tmp_path / "bad", retries=hasty)
    assert 0 < first.completed < 1
    second = await run(Plan(), tmp_path / "bad")
    assert (second.completed, second.lost, second.twice) == (1.0, 0, 0)
    assert second.requests < good.requests
    assert second.texts == good.texts


async def test_without_faults_every_request_is_made_once(tmp_path: Path) -> None:
    outcome = await run(Plan(), tmp_path)
    models, trajectories, rounds, passes = 1, 12, 3, 2
    assert outcome.requests == models + trajectories * rounds * passes
    assert (outcome.extra, outcome.in_vain) == (0, 0)


async def test_the_table_has_a_line_for_each_run() -> None:
    lines = await measure(trajectories=2, rounds=1, faults=[Fault.BUSY])
    page = put_into("Before.\n<!-- python -m tests.faults -->old<!-- end -->\nAfter.", lines)
    assert page.startswith("Before.\n")
    assert page.endswith("\nAfter.")
    assert table(lines) in page
    rows = read_table(page)
    assert [row["fault"] for row in rows] == ["none", "429", "all of them, mixed"]
    assert {row["versions lost"] for row in rows} == {"0"}


async def test_a_lost_version_shows(tmp_path: Path) -> None:
    outcome = await run(Plan(), tmp_path, trajectories=2, rounds=1)
    line = Line("a fault", outcome, 1.26, is_same=False)
    assert line.cells == ("a fault", "100%", "5", "0", "0", "1.3", "0", "0", "no")
