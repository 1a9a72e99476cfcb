"""Answers of assistants: good text, in which nothing should change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = ("chatgpt", "bard", "vicuna-13b")


def answers(folder: Path, every: int) -> Iterator[tuple[str, str]]:
    """One answer in so many of each file: its name and its text."""
    for name in FILES:
        lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines[::every]):
            yield f"{name} {number * every}", json.loads(line)["response"]
