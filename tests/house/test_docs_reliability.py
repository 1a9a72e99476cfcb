"""Every promise of docs/reliability.md names an existing test; its tables show every case."""

from __future__ import annotations

import ast
import re

import pytest

from tests.e2e.faults.interrupted import Ended
from tests.e2e.faults.kinds import Fault
from tests.e2e.faults.matrix import FAULTS, INTERRUPTIONS, MIX, NOTHING, ROUNDS, read_table
from tests.e2e.faults.trial import Door
from tests.e2e.faults.ways import WAYS
from tests.e2e.fuzz.targets import RUNS
from tests.helpers.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "reliability.md").read_text(encoding="utf-8")
_TEST = re.compile(r"`([\w/]+/test_\w+\.py)::(test_\w+)`")
NAMED = _TEST.findall(PAGE)
OF_THREATS = _TEST.findall((REPOSITORY / "SECURITY.md").read_text(encoding="utf-8"))
PROMISES = re.compile(r"^\| (?P<promise>[^|]+\.) \| (?P<test>[^|]+) \|$", re.MULTILINE)


@pytest.mark.parametrize(
    ("file", "name"), [*NAMED, *OF_THREATS], ids=[name for _, name in [*NAMED, *OF_THREATS]]
)
def test_a_named_test_exists(file: str, name: str) -> None:
    tree = ast.parse((REPOSITORY / "tests" / file).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_every_promise_names_a_test() -> None:
    promises = list(PROMISES.finditer(PAGE))
    assert len(promises) == len(NAMED) >= 30
    assert all("::test_" in match["test"] for match in promises)


def test_the_table_has_every_fault_and_nothing_was_lost() -> None:
    rows = read_table(PAGE, FAULTS)
    assert [row["fault"] for row in rows] == [NOTHING, *(fault.value for fault in Fault), MIX]
    assert {(row["versions lost"], row["versions twice"]) for row in rows} == {("0", "0")}
    assert {row["completed"] for row in rows} == {"100%"}
    assert {row["same texts"] for row in rows} == {"yes"}


def test_the_table_of_rounds_has_every_kind_and_source_and_nothing_was_lost() -> None:
    rows = read_table(PAGE, ROUNDS)
    named = [(row["rounds"], row["from"]) for row in rows]
    assert named == [(way.name, door.value) for way in WAYS for door in Door]
    assert {(row["versions lost"], row["versions twice"]) for row in rows} == {("0", "0")}
    assert {row["completed"] for row in rows} == {"100%"}
    assert {row["same texts"] for row in rows} == {"yes"}


def test_the_table_of_interruptions_has_every_kind_and_nothing_was_lost() -> None:
    rows = read_table(PAGE, INTERRUPTIONS)
    named = [(row["rounds"], row["ended by"]) for row in rows]
    assert named == [(way.name, by.value) for way in WAYS for by in Ended]
    assert {row["orderly"] for row in rows} == {"yes"}
    assert {(row["versions lost"], row["versions twice"]) for row in rows} == {("0", "0")}
    assert {row["completed"] for row in rows} == {"100%"}
    assert {row["same texts"] for row in rows} == {"yes"}
    assert {row["wasted"] for row in rows if row["ended by"] == Ended.BATCH_ONCE} == {"0"}


def test_only_faults_that_a_deadline_ends_waste_requests() -> None:
    slow = {MIX, *(fault.value for fault in Fault if fault.is_slow)}
    assert {row["wasted"] for row in read_table(PAGE, FAULTS) if row["fault"] not in slow} == {"0"}


def test_the_fuzzing_counts_are_those_of_the_command() -> None:
    rows = re.findall(r"^\| `(\w+)`: [^|]+ \| (\d+) \|", PAGE, re.MULTILINE)
    assert {target: int(runs) for target, runs in rows} == RUNS
