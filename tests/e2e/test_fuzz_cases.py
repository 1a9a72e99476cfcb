"""Bugs found by fuzzing stay fixed, and each target accepts any bytes: `tests/e2e/fuzz`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.e2e.fuzz.targets import RUNS, TARGETS, seeds
from tests.helpers import hostile

CASES = sorted((Path(__file__).parent / "fuzz" / "cases").iterdir())


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_bug_found_by_fuzzing_stays_fixed(case: Path) -> None:
    target, _, _ = case.name.partition("-")
    TARGETS[target](case.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_accepts_its_first_inputs(target: str) -> None:
    for seed in seeds(target):
        TARGETS[target](seed)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_accepts_every_hostile_text(target: str) -> None:
    has_files = target in {"jsonl", "prompt_sets"}
    for text in hostile.ALL[:: 20 if has_files else 1]:
        TARGETS[target](text.encode())


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=20)
@given(data=st.binary(max_size=200))
def test_a_target_accepts_any_bytes(target: str, data: bytes) -> None:
    TARGETS[target](data)


def test_every_target_has_a_number_of_runs() -> None:
    assert set(RUNS) == set(TARGETS)
