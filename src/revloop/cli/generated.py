"""Command-line options made from models: one for each field, with its type, bounds and help."""

from __future__ import annotations

import inspect
import types
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import typer
from pydantic import BaseModel, ValidationError

from revloop.cli.config_file import TABLES, ConfigFile, read_config
from revloop.errors import InputError
from revloop.values import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pydantic.fields import FieldInfo

    from revloop.options import Flag, Options

R = TypeVar("R")


class Chosen(NamedTuple):
    """A value of an option.

    Attributes:
        value: As it was given.
        source: Where it comes from: a flag, a variable, a file.
        name: What an error calls it.
    """

    value: Any
    source: str
    name: str


def with_options(
    *,
    leave_out: Collection[str] = (),
    without_flag: Collection[str] = (),
    defaults: Mapping[str, Any] | None = None,
    **models: type[Options],
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Give a command the options of models; the function is called with instances of them.

    Values come from the command line, the environment, ``revloop.toml`` and the defaults, in this
    order of precedence.

    Args:
        leave_out: Fields that this command does not take, neither as flags nor from the file.
        without_flag: Fields that this command takes from the environment and the file alone.
        defaults: Defaults of this command, where they differ from the models'.
        models: Models by the name of the function's argument and of the table in the file.

    Returns:
        A decorator for a typer command. The command raises InputError if a value cannot be used.
    """
    for table, model in models.items():
        if TABLES.setdefault(table, model) is not model:
            raise TypeError(f"The table [{table}] has two models.")
    own_defaults = defaults or {}

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        fields = {
            name: key
            for key, model in models.items()
            for name, flag in model.flags().items()
            if not flag.only_in_python and name not in {*leave_out, *without_flag}
        }

        def command(**values: Any) -> R:
            given: dict[str, dict[str, Any]] = {key: {} for key in models}
            for name, key in fields.items():
                if (value := values.pop(name)) is not None and value != []:
                    given[key][name] = value
            file = read_config()
            built = {
                key: build(model, chosen(file, key, model, given[key], own_defaults, leave_out))
                for key, model in models.items()
            }
            return function(**values, **built)

        parameters = [one for one in parameters_of(function) if one.name not in models]
        for name, key in fields.items():
            default = own_defaults.get(name, models[key].model_fields[name].default)
            parameters.append(_parameter(models[key], name, default))
        command.models = models  # type: ignore[attr-defined]
        return disguised(command, function, parameters)

    return decorate


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters of a command with their types, as keywords, so that their order is free."""
    hints = get_type_hints(function, include_extras=True)
    return [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(function).parameters.items()
    ]


def disguised(
    command: Callable[..., R], function: Callable[..., R], parameters: list[inspect.Parameter]
) -> Callable[..., R]:
    """The command with a function's name and description, and with these parameters."""
    command.__dict__.update(function.__dict__)
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    command.__name__, command.__doc__ = function.__name__, function.__doc__
    command.__module__ = function.__module__
    return command


def chosen(
    file: ConfigFile,
    table: str,
    model: type[Options],
    given: Mapping[str, Any],
    defaults: Mapping[str, Any],
    leave_out: Collection[str] = (),
) -> dict[str, Chosen]:
    """The values that are not the model's defaults, and where they come from.

    Args:
        file: What ``revloop.toml`` holds.
        table: The model's table in the file.
        model: The model.
        given: Values from the command line.
        defaults: Defaults of the command.
        leave_out: Fields to leave at the model's defaults.
    """
    flags, path = model.flags(), str(file.path)
    words = {name: flag_name(name, flags[name]) for name in given}
    variables = {name: flags[name].variable for name in model.environment()}
    merged = model.merge(
        {name: Chosen(value, words[name], words[name]) for name, value in given.items()},
        {
            name: Chosen(value, variables[name], variables[name])
            for name, value in model.environment().items()
        },
        {
            name: Chosen(value, path, f"{path}: [{table}] {name}")
            for name, value in file.tables.get(table, {}).items()
        },
        {name: Chosen(defaults[name], "default", name) for name in flags if name in defaults},
    )
    return {name: value for name, value in merged.items() if name not in leave_out}


def build(model: type[Options], values: Mapping[str, Chosen]) -> Options:
    """The model with the values that :func:`chosen` gives.

    Raises:
        InputError: A value cannot be used.
    """
    try:
        return model.model_validate({name: one.value for name, one in values.items()})
    except ValidationError as exc:
        names = {name: one.name for name, one in values.items()}
        raise InputError(f"An option cannot be used: {explain(exc, names)}.") from exc


def flag_name(name: str, flag: Flag) -> str:
    """The flag of a field: ``--top-p`` of ``top_p``."""
    return flag.name or f"--{name.replace('_', '-')}"


def _parameter(model: type[Options], name: str, default: Any) -> inspect.Parameter:
    """A field as the parameter of a command; None if the command line does not set it."""
    field, flag = model.model_fields[name], model.flags()[name]
    kind, long = _one_type(field.annotation), flag_name(name, flag)
    is_number = kind in {int, float}
    low, high = _bounds(field) if is_number else (None, None)
    names = [f"{long}/--no-{long[2:]}"] if kind is bool else [long]
    variable = f" Else: {flag.variable}." if flag.variable else ""
    option = typer.Option(
        *names,
        *([flag.short] if flag.short else []),
        metavar=flag.metavar,
        min=low,
        max=high,
        help=f"{field.description}{variable}",
        show_default=_shown(default),
        rich_help_panel=flag.panel or model.panel,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],
    )


def _one_type(annotation: Any) -> Any:
    """The type of a value on the command line: a list for a tuple, a file for a model."""
    if get_origin(annotation) in {Union, types.UnionType}:
        (annotation,) = (one for one in get_args(annotation) if one is not types.NoneType)
    if get_origin(annotation) is tuple:
        (member, *_) = get_args(annotation)
        return list[str] if get_origin(member) is Literal else types.GenericAlias(list, (member,))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return Path  # its validator reads the file
    return annotation


def _bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    """The least and the most that a number may be; typer has no exclusive bounds."""
    found = {
        bound: getattr(one, bound)
        for one in field.metadata
        for bound in ("ge", "gt", "le", "lt")
        if hasattr(one, bound)
    }
    if field.annotation is int:
        found |= {"ge": found["gt"] + 1} if "gt" in found else {}
        found |= {"le": found["lt"] - 1} if "lt" in found else {}
    return found.get("ge"), found.get("le")


def _shown(default: Any) -> bool | str:
    """A default as ``--help`` shows it; False shows none."""
    if default is None or default is False or default == ():
        return False
    if default is True:
        return "on"
    return f"{default:g}" if isinstance(default, float) else str(default)
