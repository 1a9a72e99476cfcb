"""``revloop prompts``: the sets that come with revloop, listed, shown and copied."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from revloop.cli.app import app
from revloop.errors import InputError, PromptSetError
from revloop.evaluation.prompts import JudgePrompts
from revloop.prompts import PromptSet, shipped_prompt_sets
from revloop.prompts.shipped import shipped_set, shipped_sets

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

NAMES = [one.name for one in shipped_sets()]


def prompts(*words: str) -> Result:
    return CliRunner().invoke(app, ["prompts", *words])


def test_the_list_tells_name_kind_and_purpose_of_every_set() -> None:
    listed = prompts("list")
    assert listed.exit_code == 0
    for one in shipped_sets():
        assert one.purpose.endswith(".")
        (line,) = (line for line in listed.stdout.splitlines() if line.split()[0] == one.name)
        assert line.split()[1] == one.kind


def test_the_list_as_json_can_be_read() -> None:
    listed = json.loads(prompts("list", "--json").stdout)
    assert [one["name"] for one in listed] == NAMES
    assert {one["kind"] for one in listed} == {"chat", "completion", "judge"}


def test_critics_and_judges_are_told_apart() -> None:
    assert set(NAMES) - set(shipped_prompt_sets()) == {
        one.name for one in shipped_sets() if one.kind == "judge"
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_shown_to_the_letter(name: str) -> None:
    shown = prompts("show", name).stdout
    for file, text in shipped_set(name).files().items():
        assert f"\n{file}\n{text}" in shown


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_the_same_set(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "mine"
    assert prompts("copy", name, str(folder)).exit_code == 0
    if shipped_set(name).kind == "judge":
        assert JudgePrompts.load(folder).digest == JudgePrompts.load(name).digest
    else:
        assert PromptSet.load(folder).digest == PromptSet.load(name).digest


def test_a_copy_replaces_nothing_unless_forced(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "bridge.txt").write_text("Mine.", encoding="utf-8")
    refused = prompts("copy", "chat", str(folder))
    assert isinstance(refused.exception, InputError)
    assert "bridge.txt" in str(refused.exception)
    assert [path.name for path in folder.iterdir()] == ["bridge.txt"]
    assert prompts("copy", "chat", str(folder), "--force").exit_code == 0
    assert PromptSet.load(folder).digest == PromptSet.load("chat").digest


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("", encoding="utf-8")
    refused = prompts("copy", "chat", str(tmp_path / "mine"))
    assert isinstance(refused.exception, InputError)
    assert "\n" not in str(refused.exception)


@pytest.mark.parametrize("words", [("show", "chatt"), ("copy", "chatt", "mine")])
def test_an_unknown_name_is_refused_with_the_known_ones(words: tuple[str, ...]) -> None:
    refused = prompts(*words)
    assert isinstance(refused.exception, PromptSetError)
    assert f"There are: {', '.join(NAMES)}." in str(refused.exception)
