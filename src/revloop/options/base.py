"""The base of all options: each is stated once, for Python, the command line and the file."""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from pydantic import field_validator

from revloop.values import Frozen, no_truth

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import ValidatorFunctionWrapHandler

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Flag:
    """What the command line needs to know of a field besides its type, bounds and description.

    Attributes:
        name: The flag; by default the field's name with dashes.
        short: A short form, such as ``-n``.
        metavar: Stands for the value in ``--help``.
        panel: Panel of ``--help``; by default the model's.
        reads: What a path names, such as "the tokenizer": no output may overwrite it.
        variable: Environment variable that is used if the flag is missing.
        only_in_python: Whether there is no flag, and no key in ``revloop.toml``.
    """

    name: str = ""
    short: str = ""
    metavar: str | None = None
    panel: str = ""
    reads: str = ""
    variable: str = ""
    only_in_python: bool = False


class Options(Frozen):
    """What a user may choose; a subclass is a panel of ``--help`` and a table of the file."""

    panel: ClassVar[str] = "Options"

    @field_validator("*", mode="wrap")
    @classmethod
    def _no_truth_as_a_number(cls, value: object, check: ValidatorFunctionWrapHandler) -> object:
        checked = check(value)
        if not isinstance(checked, bool):
            no_truth(value)
        return checked

    @classmethod
    @cache
    def flags(cls) -> Mapping[str, Flag]:
        """The flag of each field; a model's own fields come before those that it inherits."""
        names = [name for base in cls.__mro__ for name in inspect.get_annotations(base)]
        return {
            name: next(
                (one for one in cls.model_fields[name].metadata if isinstance(one, Flag)), Flag()
            )
            for name in names
            if name in cls.model_fields
        }

    @classmethod
    def environment(cls) -> dict[str, str]:
        """The fields that environment variables set; an empty variable sets nothing."""
        values = {name: os.environ.get(flag.variable, "") for name, flag in cls.flags().items()}
        return {name: value for name, value in values.items() if value}

    @classmethod
    def merge(cls, *layers: Mapping[str, T]) -> dict[str, T]:
        """Values by field from several layers; the first layer that has a field wins."""
        merged: dict[str, T] = {}
        for layer in layers:
            merged = {**layer, **merged}
        return merged

    @classmethod
    def from_environment(cls, **given: object) -> Self:
        """The options that were given, and the environment's for those missing or None.

        Raises:
            ValidationError: An option is unknown, or its value cannot be used.
        """
        chosen = {key: value for key, value in given.items() if value is not None}
        return cls.model_validate(cls.merge(chosen, cls.environment()))

    @property
    def given(self) -> dict[str, Any]:
        """The fields that were set, rather than left at the model's defaults."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    def paths_read(self) -> dict[str, str | Path | None]:
        """The paths that are read, by what they name."""
        flags = self.flags().items()
        return {flag.reads: getattr(self, name) for name, flag in flags if flag.reads}
