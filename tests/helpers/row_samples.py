"""Rows, drafts and trajectories for the tests of reading and writing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from revloop import Draft, Trajectory
from revloop.rows import Rejected, Row, read_rows
from revloop.trajectory import Critique, End, StopReason, Version

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MORNING = {"id": "1", "prompt": "Say good morning.", "response": "Good mroning.", "topic": "hello"}
EVENING = {"id": "2", "prompt": "Say good evening.", "response": "Good evning.", "topic": "hello"}

TURNS = [
    {"role": "user", "content": "Name a prime."},
    {"role": "assistant", "content": "Seven."},
    {"role": "user", "content": "And one above ten?"},
]


def trajectory_of(draft: Draft | None = None, *texts: str, finished: bool = True) -> Trajectory:
    """A trajectory with later versions (by default one)."""
    draft = draft or Draft(id="1", prompt="Say good morning.", response="Good mroning.")
    said = Critique(raw="A letter is wrong.", score=5)
    later = [
        Version(round=number, text=text, critique=said, created_at=NOW)
        for number, text in enumerate(texts or ("Good morning.",), start=1)
    ]
    first = Version(round=0, text=draft.response, created_at=NOW)
    end = End(reason=StopReason.ROUNDS_DONE, detail="All rounds done.") if finished else None
    return Trajectory(id=f"t-{draft.id}", draft=draft, versions=(first, *later), end=end)


def good_and_bad(source: Path | str, **options: Any) -> tuple[list[Row], list[Rejected]]:
    """All rows of an input, including rejected ones."""
    items = list(read_rows(source, **options))
    bad = [item for item in items if isinstance(item, Rejected)]
    return [item for item in items if isinstance(item, Row)], bad


def good(source: Path | str, **options: Any) -> list[Row]:
    """All rows of an input without rejected ones."""
    rows, bad = good_and_bad(source, **options)
    assert bad == []
    return rows


def file_of(folder: Path, *lines: bytes, name: str = "drafts.jsonl") -> Path:
    """A file of these lines; the last has no line break."""
    path = folder / name
    path.write_bytes(b"\n".join(lines))
    return path


def line_of(**fields: Any) -> bytes:
    """A row as JSONL, without the line break."""
    return json.dumps(fields).encode()


GOOD = line_of(prompt="Why?", response="Because.")
