"""Options made from models: what a field says is what the command line, the file and Python do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import pytest
import typer
from pydantic import Field
from typer.testing import CliRunner

from revloop.cli.config_file import TABLES
from revloop.cli.generated import with_options
from revloop.errors import InputError
from revloop.options import EngineOptions, Flag, LoopOptions, Options, RunOptions, StoreOptions

if TYPE_CHECKING:
    from typer.testing import Result

MODELS = [EngineOptions, LoopOptions, RunOptions, StoreOptions]


class Toy(Options):
    """Options of every type."""

    panel: ClassVar[str] = "Toy"

    count: Annotated[int, Flag(short="-c")] = Field(default=1, ge=1, lt=10, description="How many.")
    share: float | None = Field(default=None, gt=0, le=1, description="A share.")
    colour: Literal["red", "green"] = Field(default="red", description="A colour.")
    loud: bool = Field(default=True, description="Whether to be loud.")
    names: tuple[str, ...] = Field(default=(), description="Names.")
    place: Annotated[Path | None, Flag(variable="TOY_PLACE")] = Field(
        default=None, description="A path."
    )
    object: Annotated[str, Flag(only_in_python=True)] = Field(default="", description="An object.")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands run in, and where the file is; it knows the toy's table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(TABLES, "toy", Toy)  # and not for the tests that come later
    return tmp_path


def nothing(toy: Toy) -> None:
    """A command that does nothing."""


def call(*words: str, **options: Any) -> Toy:
    """What a command of the toy's options is called with."""
    called: list[Toy] = []
    app = typer.Typer()

    @app.command()
    @with_options(toy=Toy, **options)
    def command(toy: Toy) -> None:
        called.append(toy)

    result: Result = CliRunner().invoke(app, list(words))
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return called[0]


def test_without_options_the_model_decides() -> None:
    assert call() == Toy()


def test_every_type_comes_from_the_command_line() -> None:
    words = "-c 2 --share 0.5 --colour green --no-loud --names a --names b --place x/y"
    assert call(*words.split()) == Toy(
        count=2, share=0.5, colour="green", loud=False, names=("a", "b"), place=Path("x/y")
    )


@pytest.mark.parametrize(
    "words", ["--count 0", "--count 10", "--share 2", "--colour blue", "--object x"]
)
def test_what_typer_can_check_is_wrong_usage(words: str) -> None:
    app = typer.Typer()
    app.command()(with_options(toy=Toy)(nothing))
    assert CliRunner().invoke(app, words.split()).exit_code == 2


def test_what_only_the_model_can_check_names_the_flag() -> None:
    with pytest.raises(InputError, match=r"^An option cannot be used: --share: Input should be gr"):
        call("--share", "0")


def test_the_command_line_goes_before_environment_file_and_default(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "revloop.toml").write_text('[toy]\nplace = "file"\ncount = 3\n', encoding="utf-8")
    assert call() == Toy(place=Path("file"), count=3)
    monkeypatch.setenv("TOY_PLACE", "environment")
    assert call() == Toy(place=Path("environment"), count=3)
    assert call("--place", "words", "--count", "4") == Toy(place=Path("words"), count=4)


def test_a_command_may_have_defaults_of_its_own(folder: Path) -> None:
    assert call(defaults={"loud": False}) == Toy(loud=False)
    assert call("--loud", defaults={"loud": False}) == Toy(loud=True)
    (folder / "revloop.toml").write_text("[toy]\nloud = true\n", encoding="utf-8")
    assert call(defaults={"loud": False}) == Toy(loud=True)


def test_a_field_may_be_left_out() -> None:
    app = typer.Typer()
    app.command()(with_options(toy=Toy, leave_out=["count"])(nothing))
    assert CliRunner().invoke(app, ["--count", "2"]).exit_code == 2


def test_a_value_that_cannot_be_used_names_its_place_in_the_file(folder: Path) -> None:
    (folder / "revloop.toml").write_text('[toy]\ncount = "many"\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"revloop\.toml: \[toy\] count: Input should be a valid"):
        call()


@pytest.mark.parametrize("model", MODELS)
def test_every_field_is_described(model: type[Options]) -> None:
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name}"


def test_what_a_command_leaves_out_is_not_read_from_the_file_either(folder: Path) -> None:
    (folder / "revloop.toml").write_text('[toy]\ncolour = "green"\ncount = 3', encoding="utf-8")
    assert call(leave_out=("colour",)) == Toy(count=3)


def test_what_has_no_flag_is_read_from_the_file(folder: Path) -> None:
    (folder / "revloop.toml").write_text('[toy]\ncolour = "green"', encoding="utf-8")
    assert call(without_flag=("colour",)).colour == "green"


@pytest.mark.parametrize("option", ["count", "share"])
def test_a_truth_value_is_no_number(folder: Path, option: str) -> None:
    (folder / "revloop.toml").write_text(f"[toy]\n{option} = true", encoding="utf-8")
    with pytest.raises(InputError, match=rf"toml: \[toy\] {option}: is true, not a number"):
        call()
