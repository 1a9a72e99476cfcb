"""The files of a prompt set: text templates, used exactly as they are, and TOML settings.

``${name}`` stands for a value, ``${extra.name}`` for a field of the draft, and ``$$`` for a dollar
sign, as in :class:`string.Template`.
"""

from __future__ import annotations

import difflib
import tomllib
from functools import cache
from pathlib import Path
from string import Template
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from revloop.errors import PromptSetError
from revloop.values import explain

Settings = TypeVar("Settings", bound=BaseModel)

FIELD = "extra."
"""What a placeholder for a field of the draft begins with."""


class PromptTemplate(Template):
    """A template with placeholders for fields of the draft, as in ``${extra.reference answer}``."""

    braceidpattern = r"(?a:[_a-z][_a-z0-9]*)(?:\.[^{}\r\n]+)?"


@cache
def placeholders(text: str) -> frozenset[str]:
    """The names of a template's placeholders."""
    return frozenset(PromptTemplate(text).get_identifiers())


def without_placeholders(text: str) -> str:
    """A template's text with nothing in place of its placeholders."""
    return PromptTemplate(text).substitute(dict.fromkeys(placeholders(text), ""))


def shipped_folder() -> Path:
    """The folder of the shipped sets: in an installed package, or in the source checkout."""
    installed = Path(__file__).parents[1] / "prompt_sets"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "prompts"


def read_text(path: Path) -> str:
    """The text of a file of a prompt set.

    Raises:
        PromptSetError: It is missing, unreadable or not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as exc:
        raise PromptSetError(f"{path} is missing.") from exc
    except OSError as exc:
        raise PromptSetError(f"{path} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise PromptSetError(f"{path} is not UTF-8: byte {exc.start} is invalid.") from exc


def load_settings(path: Path, model: type[Settings]) -> Settings:
    """The settings of a prompt set.

    Raises:
        PromptSetError: The file cannot be read, is not TOML, or has an invalid setting.
    """
    try:
        return model.model_validate(tomllib.loads(read_text(path)))
    except tomllib.TOMLDecodeError as exc:
        raise PromptSetError(f"{path} is not TOML: {exc}.") from exc
    except ValidationError as exc:
        raise PromptSetError(f"{path}: {explain(exc, model=model)}.") from exc


def load_template(
    path: Path,
    required: frozenset[str],
    optional: frozenset[str] = frozenset(),
    *,
    with_fields: bool = False,
) -> str:
    """The text of a template.

    Args:
        path: The template's file.
        required: The placeholders that the template must contain.
        optional: Those that it may contain; all others are refused.
        with_fields: Whether it may contain fields of the draft, such as ``${extra.rubric}``.

    Raises:
        PromptSetError: The file is unreadable or empty, or has an unknown or missing placeholder.
    """
    text = read_text(path)
    if not text.strip():
        raise PromptSetError(f"{path} is empty.")
    if not PromptTemplate(text).is_valid():
        line = _line_of_stray_dollar(text)
        raise PromptSetError(f"{path}, line {line}: write $$ for a dollar sign.")
    used, known = placeholders(text), required | optional
    others = sorted(used - known)
    if with_fields:
        others = [name for name in others if not name.startswith(FIELD)]
    if others:
        names = [*sorted(known), *([f"{FIELD}NAME"] if with_fields else [])]
        listed = ", ".join(f"${{{name}}}" for name in names) or "none"
        raise PromptSetError(f"{path}: ${{{others[0]}}} is unknown (known: {listed}).")
    if missing := sorted(required - used):
        raise PromptSetError(f"{path}: ${{{missing[0]}}} is missing.")
    return text


def refuse_unknown_files(folder: Path, files: set[str]) -> None:
    """Refuse a template that no prompt uses: its name is probably misspelt.

    Raises:
        PromptSetError: There is one.
    """
    for path in sorted(folder.glob("*.txt")):
        if path.name not in files:
            close = difflib.get_close_matches(path.name, files, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            names = ", ".join(sorted(files))
            raise PromptSetError(f"{path} does not belong to this kind of set ({names}){hint}")


@cache
def fixed_lines(*templates: tuple[str, str]) -> tuple[str, ...]:
    """The lines of two or more words that every prompt from these templates contains."""
    return tuple(
        dict.fromkeys(
            line.replace("$$", "$")
            for file, text in templates
            if file != "turn.txt"
            for line in text.splitlines()
            if "${" not in line and len(line.split()) > 1
        )
    )


def _line_of_stray_dollar(text: str) -> int:
    found = PromptTemplate.pattern.finditer(text)
    stray = next(match for match in found if match["invalid"] is not None)
    return text.count("\n", 0, stray.start()) + 1
