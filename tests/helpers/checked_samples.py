"""Stores whose versions were checked: fixed, broken, and with a check that cannot be run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.reviser import Reviser
from revloop.trajectory import Check
from tests.helpers.report_samples import HOSTILE
from tests.helpers.scripted_engine import ScriptedEngine

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.trajectory import Draft, Trajectory

LONG_MESSAGE = "It has more than three words, and " + "each word is one too many, " * 5 + "really."
OUTPUT = f"line 1 of the output\n    line 2: {HOSTILE[0]} \x1b[2J"


def short(draft: Draft, text: str) -> Check:
    """At most three words."""
    return Check(passed=len(text.split()) <= 3, message=LONG_MESSAGE)


def polite(draft: Draft, text: str) -> tuple[bool, str]:
    """Says please."""
    return "please" in text, OUTPUT


def reachable(draft: Draft, text: str) -> bool:
    """Cannot be run where a text has the word "offline"."""
    if "offline" in text:
        raise OSError("no network")
    return True


def checked(*texts: str, **options: Any) -> Trajectory:
    """A trajectory of these versions, checked by ``short``, ``polite`` and ``reachable``."""
    name = options.pop("id", "d")
    options = {"critique": "checks", "checks": [short, polite, reachable], **options}
    iterations = options.pop("iterations", max(1, len(texts) - 1))
    with Reviser(engine=ScriptedEngine(texts[1:]), **options) as reviser:
        draft = {"id": name, "prompt": "Say it.", "response": texts[0]}
        return reviser.revise(draft, iterations=iterations)


def checked_store(path: Path) -> list[Trajectory]:
    """Four trajectories: two fixed, one broken, one with a check that could not be run."""
    rows = {
        "fixed": ("one two three four", "one two please"),
        "later": ("one two three four", "one two three four please", "one please"),
        "broken": ("no, please, one two", "not at all", "please not"),
        "offline": ("offline it is, please", "offline, really", "offline please"),
    }
    return [checked(*texts, id=name, store=path) for name, texts in rows.items()]
