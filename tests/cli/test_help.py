"""Help that fits 80 columns, and the options that every command has."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
from typer.testing import CliRunner

from revloop.cli import output
from revloop.cli.app import app
from tests.helpers.command_line import revloop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def commands(command: Any = None, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command and group, by its words."""
    command = command or typer.main.get_command(app)
    yield " ".join(words), command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*words, name))


ALL = pytest.mark.parametrize(("words", "command"), list(commands()), ids=str)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A terminal of 80 columns; what a command set for all of it is undone."""
    monkeypatch.setenv("COLUMNS", "80")
    yield
    output.progress.quiet = False
    logger = logging.getLogger("revloop")
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)


def help_of(words: str, option: str = "--help") -> str:
    result = CliRunner().invoke(app, [*words.split(), option])
    assert result.exit_code == 0, result.exception
    return result.stdout


@ALL
def test_help_fits_80_columns_and_breaks_no_option_or_choice(words: str, command: Any) -> None:
    shown = help_of(words)
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown
    whole = set(re.split(r"[\s│,.;\[\]]+", shown))
    for param in command.params:
        if getattr(param, "hidden", False):
            continue
        negatable = bool(param.secondary_opts)
        for option in param.opts:
            if option.startswith("-"):
                assert option in whole or (negatable and option[2:] in whole), option
        kind = getattr(param, "type_descriptor", None) or param.type
        for choice in getattr(kind, "choices", None) or ():
            value = str(getattr(choice, "value", choice))
            assert value in {part for word in whole for part in word.split("|")}, value


@ALL
def test_booleans_and_types_are_not_spelled_out(words: str, command: Any) -> None:
    assert not re.search(r"<(bool|int|str|float|path)|x>=|range\b.*\[", help_of(words).lower())


@ALL
def test_h_is_help(words: str, command: Any) -> None:
    assert help_of(words, "-h") == help_of(words)


@pytest.mark.parametrize("words", ["", "bench", "records", "prompts"])
def test_a_group_without_a_command_shows_its_help(words: str) -> None:
    shown = CliRunner().invoke(app, words.split())
    assert shown.exit_code == 2
    assert shown.output.strip() == help_of(words).strip()


def test_panels_group_the_options_of_a_batch() -> None:
    panels = re.findall(r"^╭─ (\w+) ─", help_of("batch"), re.MULTILINE)
    assert panels[:2] == ["Arguments", "Options"]
    assert panels[-1] == "Everywhere"
    assert {"Input", "Batch", "Store", "Loop", "Selection", "Sampling", "Ray", "Engine"} < {*panels}


def test_help_tells_defaults_bounds_and_variables() -> None:
    shown = " ".join(re.sub(r"[│\n]", " ", help_of("revise")).split())
    assert "-n, --iterations N Rounds of critique and revision. [default: 5]" in shown
    assert re.search(r"--candidates N .*? \[1 to 64; default: 1\]", shown)
    assert re.search(r"--\[no-\]early-stop .*? \[default: on\]", shown)
    assert re.search(r"--model NAME\|DIR .*? Else: REVLOOP_MODEL\.", shown)


@pytest.mark.parametrize(
    "flag", ["--tries", "--retry-temperature", "--critique-max-tokens", "--revision-max-tokens"]
)
@pytest.mark.parametrize("words", ["revise", "batch", "bench throughput", "demo"])
def test_every_option_of_the_loop_has_a_flag(words: str, flag: str) -> None:
    assert flag in help_of(words)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_completion_is_offered(shell: str) -> None:
    environment = {"_REVLOOP_COMPLETE": f"source_{shell}", "COLUMNS": "80"}
    finished = await revloop(environment=environment)
    assert (finished.code, "_REVLOOP_COMPLETE" in finished.out) == (0, True)


@pytest.mark.parametrize("words", ["-q config", "config -q", "config --quiet"])
def test_quiet_leaves_the_results(words: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "revloop.toml").write_text("[loop]\nseed = 1\n", encoding="utf-8")
    said = CliRunner().invoke(app, ["config"])
    quiet = CliRunner().invoke(app, words.split())
    assert "Options file" in said.stderr
    assert (quiet.stderr, quiet.stdout) == ("", said.stdout)


async def test_quiet_leaves_the_errors() -> None:
    finished = await revloop("-q", "revise", "Good.", "--base-url", "http://127.0.0.1:9")
    assert finished.code == 4
    assert finished.err.startswith("Error: ")


@pytest.mark.parametrize("flag", ["-v", "-vv", "--verbose"])
async def test_verbose_tells_what_the_engine_does(flag: str) -> None:
    words = ("revise", "Good.", "--base-url", "http://127.0.0.1:9", flag)
    before, after = await revloop(flag, *words[:-1]), await revloop(*words)
    for finished in (before, after):
        assert finished.code == 4
        assert " revloop.engines: " in finished.err
    assert " revloop." not in (await revloop(*words[:-1])).err
