"""Under every fault the loop continues, loses nothing and repeats nothing: `tests/e2e/faults`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from revloop.engines import Deadlines
from tests.e2e.faults.interrupted import Ended, Interruption, interrupt, quick_faults
from tests.e2e.faults.kinds import Fault, Plan
from tests.e2e.faults.matrix import (
    FAULTS,
    INTERRUPTIONS,
    Line,
    Size,
    measure_faults,
    measure_interruptions,
    measure_rounds,
    put_into,
    read_table,
    table,
)
from tests.e2e.faults.trial import RETRIES, Door, run
from tests.e2e.faults.ways import SINGLE_PASS, TWO_PASSES, WAYS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.faults.ways import Way

QUICK = Deadlines(connect_s=10.0, answer_s=0.3, token_s=0.0)
"""For faults that only a deadline ends. A slow request may exceed it too."""

PATIENT = RETRIES.model_copy(update={"attempts": 15, "longest_wait_s": 0.2})
"""Enough tries for a slow machine."""

HASTY = RETRIES.model_copy(update={"attempts": 2})


@pytest.mark.parametrize("fault", [fault for fault in Fault if not fault.is_slow])
async def test_a_fault_costs_nothing_but_the_requests_that_met_it(
    fault: Fault, tmp_path: Path
) -> None:
    outcome = await run(
        Plan({fault: 0.3}, seed=1), tmp_path, trajectories=4, rounds=2, retries=PATIENT
    )
    assert outcome.ends == ()
    assert (outcome.completed, outcome.lost, outcome.twice) == (1.0, 0, 0)
    assert (outcome.wasted, outcome.strayed) == (0, 0)
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


@pytest.mark.parametrize("door", Door)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
async def test_with_every_fault_in_the_mix_the_texts_are_those_without_faults(
    way: Way, door: Door, tmp_path: Path
) -> None:
    good = await run(Plan(), tmp_path / "good", way=way, trajectories=8)
    bad = await run(
        Plan.evenly(0.3),
        tmp_path / "bad",
        way=way,
        door=door,
        trajectories=8,
        deadlines=QUICK,
        retries=PATIENT,
    )
    assert (good.completed, good.extra, good.wasted) == (1.0, 0, 0)
    assert bad.ends == ()
    assert (bad.completed, bad.lost, bad.twice, bad.strayed) == (1.0, 0, 0, 0)
    assert bad.texts == good.texts
    assert bad.extra > 0


@pytest.mark.parametrize("by", Ended)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
async def test_ctrl_c_among_faults_ends_in_order_and_the_same_again_loses_nothing(
    way: Way, by: Ended, tmp_path: Path
) -> None:
    good = await run(Plan(), tmp_path / "good", way=way, trajectories=6, rounds=2)
    found = await interrupt(way, by, quick_faults(0.2), tmp_path / "bad", trajectories=6, rounds=2)
    assert (found.code, "Traceback" in found.said) == (130, False), found.said
    assert (found.completed, found.lost, found.twice) == (1.0, 0, 0)
    assert found.texts == good.texts
    assert 0 < found.before < sum(map(len, good.texts.values()))
    if by is Ended.BATCH_ONCE:
        assert found.wasted == 0  # the current rounds were finished


@pytest.mark.parametrize("door", Door)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
async def test_what_a_bad_server_ended_goes_on_with_the_same_store(
    way: Way, door: Door, tmp_path: Path
) -> None:
    good = await run(Plan(), tmp_path / "good", way=way)
    first = await run(
        Plan({Fault.ERROR_500: 0.3}, seed=5),
        tmp_path / "bad",
        way=way,
        door=door,
        retries=HASTY,
    )
    assert 0 < first.completed < 1
    assert (first.lost, first.twice) == (0, 0)
    second = await run(Plan(), tmp_path / "bad", way=way, door=door)
    assert (second.completed, second.lost, second.twice) == (1.0, 0, 0)
    assert second.requests < good.requests
    if way.loop.candidates == 1:  # else some rounds were done with the candidates that came
        assert second.texts == good.texts


@pytest.mark.parametrize(("way", "of_a_round"), [(TWO_PASSES, 2), (SINGLE_PASS, 1)])
async def test_without_faults_every_request_is_made_once(
    way: Way, of_a_round: int, tmp_path: Path
) -> None:
    outcome = await run(Plan(), tmp_path, way=way)
    models, trajectories, rounds = 1, 12, 3
    assert outcome.requests == models + trajectories * rounds * of_a_round
    assert (outcome.extra, outcome.wasted) == (0, 0)


async def test_every_run_has_a_line_in_its_table() -> None:
    small, ways = Size(trajectories=2, rounds=1), [SINGLE_PASS]
    lines = await measure_faults(small, [Fault.BUSY])
    assert [line.cells["fault"] for line in lines] == ["none", "429", "all of them, mixed"]
    lines = await measure_rounds(small, ways)
    assert [line.cells["from"] for line in lines] == ["Python", "batch"]
    lines = await measure_interruptions(Size(trajectories=4, rounds=2), ways)
    assert [line.cells["ended by"] for line in lines] == [by.value for by in Ended]
    assert {line.cells["orderly"] for line in lines} == {"yes"}
    assert all(line.is_well for line in lines)


async def test_a_table_is_put_where_it_belongs_and_read_again(tmp_path: Path) -> None:
    outcome = await run(Plan(), tmp_path, trajectories=2, rounds=1)
    lines = [Line.of({"fault": "none"}, outcome, outcome)]
    marks = [f"<!-- python -m tests.e2e.faults: {name} -->" for name in (FAULTS, INTERRUPTIONS)]
    page = f"Before.\n{marks[0]}old<!-- end -->\nBetween.\n{marks[1]}other<!-- end -->\nAfter."
    page = put_into(page, FAULTS, lines)
    assert page.startswith(f"Before.\n{marks[0]}\n{table(lines)}<!-- end -->\nBetween.")
    assert page.endswith(f"{marks[1]}other<!-- end -->\nAfter.")
    assert read_table(page, FAULTS) == [lines[0].cells]


async def test_a_lost_version_shows(tmp_path: Path) -> None:
    good = await run(Plan(), tmp_path, trajectories=2, rounds=1)
    outcome = replace(good, wall_s=good.wall_s + 1.26, lost=1, texts={})
    line = Line.of({"fault": "a fault"}, outcome, good)
    shown = ["a fault", "100%", "5", "0", "0", "1.3", "1", "0", "no"]
    assert (list(line.cells.values()), line.is_well) == (shown, False)


@pytest.mark.parametrize(
    ("code", "said", "is_orderly"),
    [(130, "Stopping", True), (130, "Traceback (most", False), (-2, "", False), (1, "", False)],
)
async def test_an_interruption_out_of_order_shows(
    code: int, said: str, is_orderly: bool, tmp_path: Path
) -> None:
    good = await run(Plan(), tmp_path, trajectories=2, rounds=1)
    found = Interruption(code, said, 2, 1.0, 0, 0, 0, good.texts)
    line = Line.of_interruption({}, found, good)
    assert line.cells["orderly"] == ("yes" if is_orderly else "no")
    assert line.is_well is is_orderly
    assert line.remarks == (() if is_orderly else (said,))
