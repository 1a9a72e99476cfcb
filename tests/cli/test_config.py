"""``revloop.toml``, and ``revloop config``, which tells where each option comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from revloop.checks import checkers_of
from revloop.cli.app import app
from revloop.cli.config_file import TABLES
from revloop.errors import InputError
from revloop.options import RunOptions
from tests.helpers.command_line import revloop

FILE = """
[engine]
model = "demo"
api_key_file = "key"

[loop]
iterations = 2
temperature = 0.5

[batch]
max_failures = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a file of options, and no environment."""
    for name in ("REVLOOP_BASE_URL", "REVLOOP_MODEL", "REVLOOP_API_KEY", "REVLOOP_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text("sk-secret", encoding="utf-8")
    (tmp_path / "revloop.toml").write_text(FILE, encoding="utf-8")
    return tmp_path


def in_force(*words: str) -> dict[str, dict[str, dict[str, object]]]:
    """What ``revloop config --json`` prints."""
    result = CliRunner().invoke(app, [*words, "config", "--json"])
    assert result.exit_code == 0, result.exception
    found: dict[str, dict[str, dict[str, object]]] = json.loads(result.stdout)
    return found


def refused(*words: str) -> str:
    """The error that a command ends with."""
    result = CliRunner().invoke(app, list(words) or ["config"])
    assert isinstance(result.exception, InputError), result.exception
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_every_table_and_option_is_told(folder: Path) -> None:
    found = in_force()
    assert set(found) == set(TABLES) >= {"engine", "loop", "store", "rows", "batch", "ray", "bench"}
    assert found["loop"]["iterations"] == {"value": 2, "source": "revloop.toml"}
    assert found["loop"]["tries"] == {"value": None, "source": "default"}
    assert found["batch"]["max_failures"] == {"value": "3", "source": "revloop.toml"}


def test_the_environment_goes_before_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVLOOP_MODEL", "critic")
    assert in_force()["engine"]["model"] == {"value": "critic", "source": "REVLOOP_MODEL"}


def test_a_key_is_told_as_set_and_never_printed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert in_force()["engine"]["api_key_file"]["value"] == "key"
    monkeypatch.setenv("REVLOOP_API_KEY", "sk-secret")
    found = in_force()["engine"]
    assert found["api_key"] == {"value": "set", "source": "REVLOOP_API_KEY"}
    assert "sk-secret" not in json.dumps(found)
    monkeypatch.delenv("REVLOOP_API_KEY")
    (folder / "revloop.toml").unlink()
    assert in_force()["engine"]["api_key"] == {"value": "unset", "source": "default"}


@pytest.mark.parametrize("option", ["--config", "REVLOOP_CONFIG"])
def test_the_file_may_be_named(folder: Path, monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    (folder / "other.toml").write_text("[loop]\niterations = 7\n", encoding="utf-8")
    words = ["--config", "other.toml"] if option == "--config" else []
    if not words:
        monkeypatch.setenv(option, "other.toml")
    assert in_force(*words)["loop"]["iterations"] == {"value": 7, "source": "other.toml"}


def test_the_option_may_follow_the_command(folder: Path) -> None:
    (folder / "other.toml").write_text("[loop]\nseed = 7\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["config", "loop", "--config", "other.toml"])
    assert ["[loop]", "seed", "7", "other.toml"] in [x.split() for x in result.stdout.splitlines()]


def test_without_a_file_all_are_defaults(folder: Path) -> None:
    (folder / "revloop.toml").unlink()
    sources = {one["source"] for table in in_force().values() for one in table.values()}
    assert sources == {"default"}


def test_a_table_fits_80_columns(folder: Path) -> None:
    result = CliRunner().invoke(app, ["config", "--all"])
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[loop]\niteration = 1",
            "revloop.toml: [loop] has no key 'iteration'. Did you mean",
        ),
        ("[lop]\nseed = 1", "revloop.toml: there is no table [lop]. Did you mean 'loop'?"),
        ("[xyz]", "revloop.toml: there is no table [xyz]. Known: "),
        ("loop = 1", "revloop.toml: loop is not a table"),
        ("[loop", "revloop.toml is not TOML: "),
        ("[loop]\nseed = 'x'", "revloop.toml: [loop] seed: Input should be a valid integer"),
        ("[loop]\ntop_p = 0", "revloop.toml: [loop] top_p: Input should be greater than 0"),
        ("[loop]\niterations = 0", "at least 1 round"),
        ("[batch]\nmax_failures = 'all'", "--max-failures is 'all'"),
        ("[engine]\napi_key = 'sk-1'", "[engine] has no key 'api_key'. Did you mean 'api_key_f"),
        ("[engine]\napi_key_file = 'none'", "none cannot be read"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(folder: Path, text: str, said: str) -> None:
    (folder / "revloop.toml").write_text(text, encoding="utf-8")
    assert said in refused()


def test_a_file_that_was_named_has_to_be_there(folder: Path) -> None:
    assert "none.toml cannot be read" in refused("--config", "none.toml", "config")


def test_a_table_that_is_not_there_is_refused(folder: Path) -> None:
    assert "Did you mean 'batch'?" in refused("config", "bach")


async def test_a_command_takes_its_options_from_the_file(folder: Path) -> None:
    (folder / "revloop.toml").write_text(
        '[engine]\nbase_url = "http://127.0.0.1:9"\n[loop]\ntop_p = 7\n', encoding="utf-8"
    )
    wrong = await revloop("revise", "Good.", folder=folder)
    assert wrong.code == 3
    assert wrong.err == (
        "Error: An option cannot be used: revloop.toml: [loop] top_p: Input should be less than or "
        "equal to 1.\n"
    )
    overridden = await revloop("revise", "Good.", "--top-p", "0.5", folder=folder)
    assert (overridden.code, "http://127.0.0.1:9" in overridden.err) == (4, True)


class TestChecks:
    """Tables ``[[check]]`` make the options file the file of checks, too."""

    CHECK = '\n[[check]]\nkind = "length"\nwords_max = 3\n'

    def test_they_are_the_runs_checks(self, folder: Path) -> None:
        (folder / "revloop.toml").write_text(FILE + self.CHECK, encoding="utf-8")
        shown = in_force()["loop"]["checks"]
        assert shown == {"value": "revloop.toml", "source": "revloop.toml"}
        options = RunOptions(checks=Path("revloop.toml"))
        assert [checker.info.name for checker in checkers_of(options)] == ["length"]

    def test_a_flag_names_another_file(self, folder: Path) -> None:
        (folder / "revloop.toml").write_text(self.CHECK, encoding="utf-8")
        assert "none.toml cannot be read" in refused("revise", "x", "--checks", "none.toml")

    def test_a_wrong_one_is_told_with_its_place(self, folder: Path) -> None:
        (folder / "revloop.toml").write_text(self.CHECK + "most = 3\n", encoding="utf-8")
        assert "revloop.toml: [[check]] 1: most: is not known" in refused("revise", "x")

    def test_two_files_of_checks_are_refused(self, folder: Path) -> None:
        both = '[loop]\nchecks = "checks.toml"\n' + self.CHECK
        (folder / "revloop.toml").write_text(both, encoding="utf-8")
        assert "names another file of checks ([loop] checks): put all into one." in refused()
