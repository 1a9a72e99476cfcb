"""Prompt sets of their own, for tests of settings that no shipped set has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.prompts import PromptSet

if TYPE_CHECKING:
    from pathlib import Path

_SETTINGS = """\
kind = "{kind}"
missing_prompt = "(not known)"
{top}
[conversation]
roles = {{ system = "System", user = "User", assistant = "Assistant" }}
separator = "\\n\\n"
[critique]
max_tokens = 100
{critique}
[revision]
max_tokens = 200
{revision}
"""
FRESH_BRIDGE = "Q: ${prompt}\nA: ${response}\nNotes: ${critique}\nRewrite A."


def prompt_set(
    folder: Path,
    *,
    kind: str = "chat",
    critique: str = "",
    revision: str = "",
    top: str = "",
    files: dict[str, str] | None = None,
) -> PromptSet:
    """A prompt set of short templates.

    Args:
        folder: Where it is written.
        kind: ``chat`` or ``completion``.
        critique: More lines of the table ``[critique]``.
        revision: More lines of the table ``[revision]``.
        top: More lines before the tables.
        files: Templates that replace the short ones, or come on top.
    """
    templates = {
        "critique.txt": "Q: ${prompt}\nA: ${response}\nWhat is wrong?",
        "bridge.txt": FRESH_BRIDGE if "fresh" in revision else "Now rewrite A.",
        "turn.txt": "${role}: ${content}",
        **(files or {}),
    }
    folder.mkdir(exist_ok=True)
    for name, text in templates.items():
        (folder / name).write_text(text, encoding="utf-8")
    settings = _SETTINGS.format(kind=kind, critique=critique, revision=revision, top=top)
    (folder / "settings.toml").write_text(settings, encoding="utf-8")
    return PromptSet.load(folder)
