"""Checks that options and files name."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from revloop.checks import CheckSuite, as_checkers, checkers_of, load_checks
from revloop.errors import InputError
from revloop.options import RunOptions
from revloop.trajectory import Draft

if TYPE_CHECKING:
    from pathlib import Path

DRAFT = Draft(prompt="Why?", response="Because of 40 things.")
MINE = """\
def short(draft, text):
    return len(text) < 10, "It is too long."

def broken(draft, text):
    raise ValueError("no disk")
"""
FILE = """\
[[check]]
kind = "keeps"
what = ["numbers"]

[[check]]
kind = "function"
function = "opened_by_name:short"
message = "Say it in one word."

[[check]]
kind = "function"
name = "never"
function = "opened_by_name:broken"
message = "Not shown."

[[check]]
kind = "command"
name = "shell"
command = "{python} -c 'raise SystemExit(3)'"
message = "The command says no."
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "opened_by_name.py").write_text(MINE, encoding="utf-8")
    (tmp_path / "checks.toml").write_text(
        FILE.replace("{python}", sys.executable), encoding="utf-8"
    )
    return tmp_path


async def found(options: RunOptions, text: str) -> list[tuple[str, bool | None, str]]:
    suite = CheckSuite(checkers_of(options), timeout_s=60)
    checks = await suite.run(DRAFT, text)
    return [(check.name, check.passed, check.message) for check in checks]


async def test_a_file_names_built_in_checks_functions_and_commands(folder: Path) -> None:
    options = RunOptions(checks=folder / "checks.toml", check_timeout_s=60)
    assert await found(options, "Because of many things.") == [
        ("keeps", False, "These numbers of the original are missing: 40."),
        ("opened_by_name:short", False, "Say it in one word."),
        ("never", None, "ValueError: no disk"),
        ("shell", False, "The command says no."),
    ]


@pytest.mark.parametrize("given", ["mine:short", lambda _draft, _text: True])
def test_one_check_in_place_of_a_list_is_told(given: object) -> None:
    with pytest.raises(InputError, match=r"Checks are a list, not one (str|function)"):
        as_checkers(given)  # type: ignore[arg-type] # the very mistake


async def test_the_file_goes_first_then_functions_then_commands(folder: Path) -> None:
    options = RunOptions(
        checks=folder / "checks.toml",
        check=("opened_by_name:broken",),
        check_cmd=(f"{sys.executable} -c pass",),
        check_timeout_s=60,
    )
    names = [name for name, _, _ in await found(options, "40")]
    assert names[4:] == ["opened_by_name:broken", f"{sys.executable} -c pass"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"check": ("no function",)}, "'no function' names no check. Name a module:function"),
        ({"check": ("opened_by_name:short",) * 2}, "Two checks are named 'opened_by_name:short'"),
        ({"checks": "twice.toml"}, "Two checks are named 'links': give each its own name"),
        ({"checks": "no-such.toml"}, "no-such.toml"),
    ],
)
def test_what_cannot_be_opened_is_refused(
    folder: Path, options: dict[str, object], message: str
) -> None:
    (folder / "twice.toml").write_text('[[check]]\nkind = "links"\n' * 2, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        checkers_of(RunOptions.model_validate(options))


async def test_a_reviser_takes_what_a_file_has(folder: Path) -> None:
    suite = CheckSuite(as_checkers(load_checks(folder / "checks.toml")), timeout_s=60)
    checks = await suite.run(DRAFT, "Because of many things.")
    assert [check.passed for check in checks] == [False, False, None, False]


def test_another_message_is_another_check(folder: Path) -> None:
    text = (folder / "checks.toml").read_text("utf-8")
    digests = set()
    for message in ("one", "two"):
        (folder / "checks.toml").write_text(text.replace("Say it in one word.", message))
        checks = checkers_of(RunOptions(checks=folder / "checks.toml"))
        digests.add(checks[1].info.digest)
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"check_cmd": ("",)}, "--check-cmd is empty"),
        ({"check_cmd": (" ",)}, "--check-cmd is empty"),
        ({"check": ("",)}, "'' names no check"),
    ],
)
def test_a_blank_check_is_refused_in_words(options: dict[str, tuple[str]], what: str) -> None:
    with pytest.raises(InputError, match=what):
        checkers_of(RunOptions.model_validate(options))


@pytest.mark.parametrize(
    ("command", "word"),
    [("cat | grep x", "|"), ("true && cat", "&&"), ("cat > out", ">"), ("cat 2>&1", "2>&1")],
)
def test_the_words_of_a_shell_need_a_shell(command: str, word: str) -> None:
    with pytest.raises(InputError, match="--check-shell") as caught:
        checkers_of(RunOptions(check_cmd=(command,)))
    assert f"'{word}' would be an argument" in str(caught.value)
    assert checkers_of(RunOptions(check_cmd=(command,), check_shell=True))


@pytest.mark.parametrize("command", ["grep '|'", 'grep "&&"', r"grep \|", "find . -exec cat {} ;"])
def test_quoted_they_are_arguments(command: str) -> None:
    assert checkers_of(RunOptions(check_cmd=(command,)))
