"""The prose of assistants' answers, line by line: good text, in which nothing should change."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = ("chatgpt", "bard", "vicuna-13b")
_FENCE = "```"
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])?\s*")
_WORD = re.compile(r"[a-z]{3}")
_FEWEST_WORDS = 5


def answers(folder: Path, every: int) -> Iterator[tuple[str, str]]:
    """One answer in so many of each file: its name and its text."""
    for name in FILES:
        lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines[::every]):
            yield f"{name} {number * every}", json.loads(line)["response"]


def prose_lines(text: str) -> Iterator[str]:
    """The lines to proofread: no code, tables or short lines, and no list marks."""
    is_code = False
    for line in text.splitlines():
        if line.lstrip().startswith(_FENCE):
            is_code = not is_code
        elif not is_code and "|" not in line:
            prose = _ITEM.sub("", line, count=1).rstrip()
            if len(prose.split()) >= _FEWEST_WORDS and _WORD.search(prose):
                yield prose
