"""Text templates on disk: the files that every kind of prompt set is made of.

A template's text is used to the letter; ``${name}`` stands for a value and ``$$`` for a dollar
sign, as in :class:`string.Template`.
"""

from __future__ import annotations

from pathlib import Path
from string import Template

from revloop.errors import PromptSetError


def shipped_folder() -> Path:
    """In the package in an installed package, at the top level in a source checkout."""
    installed = Path(__file__).parents[1] / "prompt_sets"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "prompts"


def read_text(path: Path) -> str:
    """The text of a file of a prompt set.

    Raises:
        PromptSetError: It is not there, cannot be read or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError as exc:
        raise PromptSetError(f"{path} is missing.") from exc
    except OSError as exc:
        raise PromptSetError(f"{path} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise PromptSetError(f"{path} is not UTF-8: byte {exc.start} is wrong.") from exc


def load_template(path: Path, allowed: frozenset[str]) -> str:
    """The text of a template.

    Args:
        path: Its file.
        allowed: The placeholders that stand in it, all of them.

    Raises:
        PromptSetError: It cannot be read, is empty, or has a placeholder too many or too few.
    """
    text = read_text(path)
    if not text.strip():
        raise PromptSetError(f"{path} is empty.")
    template = Template(text)
    if not template.is_valid():
        line = _line_of_stray_dollar(text)
        raise PromptSetError(f"{path}, line {line}: write $$ for a dollar sign.")
    used = set(template.get_identifiers())
    if unknown := sorted(used - allowed):
        names = ", ".join(f"${{{name}}}" for name in sorted(allowed)) or "none"
        raise PromptSetError(f"{path}: ${{{unknown[0]}}} is not known here (known: {names}).")
    if missing := sorted(allowed - used):
        raise PromptSetError(f"{path}: ${{{missing[0]}}} does not stand in it.")
    return text


def _line_of_stray_dollar(text: str) -> int:
    stray = next(match for match in Template.pattern.finditer(text) if match["invalid"] is not None)
    return text.count("\n", 0, stray.start()) + 1
