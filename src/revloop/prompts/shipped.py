"""The prompt sets that come with revloop: critics' and judges'."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from revloop.errors import PromptSetError
from revloop.prompts.templates import read_text, shipped_folder

if TYPE_CHECKING:
    from pathlib import Path

_SETTINGS = ("settings.toml", "judge.toml")
_COMMENT = re.compile(r"\A(?:# ?[^\n]*\n)+")
_SENTENCE = re.compile(r"\A.*?\.(?=\s|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ShippedSet:
    """A prompt set that comes with revloop.

    Attributes:
        name: Its folder's name, as ``--prompts`` or ``--judge-prompts`` takes it.
        kind: ``completion`` or ``chat`` for a critic, ``judge`` for a judge.
        purpose: The first sentence of the comment at the top of its settings.
        folder: Where it is.
    """

    name: str
    kind: str
    purpose: str
    folder: Path

    def files(self) -> dict[str, str]:
        """The text of each file, by name: the settings first."""
        paths = [path for path in self.folder.iterdir() if path.suffix in {".toml", ".txt"}]
        paths.sort(key=lambda path: (path.suffix != ".toml", path.name))
        return {path.name: read_text(path) for path in paths}


def shipped_sets() -> list[ShippedSet]:
    """All sets that come with revloop, by name."""
    found = (
        _read(folder / name)
        for folder in shipped_folder().iterdir()
        for name in _SETTINGS
        if (folder / name).is_file()
    )
    return sorted(found, key=lambda one: one.name)


def shipped_set(name: str) -> ShippedSet:
    """The set of that name.

    Raises:
        PromptSetError: There is none.
    """
    known = {one.name: one for one in shipped_sets()}
    if name not in known:
        raise PromptSetError(
            f"No prompt set '{name}' comes with revloop. There are: {', '.join(known)}."
        )
    return known[name]


def shipped_prompt_sets() -> list[str]:
    """Names of the critics' prompt sets that come with revloop."""
    return [one.name for one in shipped_sets() if one.kind != "judge"]


def _read(settings: Path) -> ShippedSet:
    text = read_text(settings)
    kind = tomllib.loads(text).get("kind", "judge")
    return ShippedSet(settings.parent.name, str(kind), _purpose(text), settings.parent)


def _purpose(settings: str) -> str:
    comment = _COMMENT.match(settings)
    if comment is None:
        return ""
    lines = (line.lstrip("# ") for line in comment[0].splitlines())
    first = _SENTENCE.match(" ".join(lines))
    return "" if first is None else first[0]
