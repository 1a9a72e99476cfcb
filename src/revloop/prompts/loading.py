"""Loads a prompt set's folder: its settings and its templates.

A prompt set is a folder of text templates (:mod:`revloop.prompts.templates`) and a
``settings.toml``. Values are substituted in a single pass, so text from a user or a model is never
read as a template.

======================  ==========  ====================================================
file                    kinds       content
======================  ==========  ====================================================
``critique.txt``        both        asks for the critique: ``${prompt}``, ``${response}``
``bridge.txt``          both        leads from the critique to the revision; asks for it anew
                                    with ``context = "fresh"``: ``${prompt}``, ``${response}``,
                                    ``${critique}``; without ``${response}``, except in edits, it
                                    asks for another answer instead of a rewritten one
``turn.txt``            both        one turn of a conversation: ``${role}``, ``${content}``
``rewrite.txt``         both        with ``form = "edits"``: as ``bridge.txt``, but asks for the
                                    whole text, when edits could not be used
``single.txt``          chat        asks for both in one answer: as ``critique.txt``; optional
                                    without tags
``system.txt``          chat        the system message (optional)
``fresh.txt``           chat        as ``bridge.txt`` with ``context = "fresh"``, for
                                    ``--fresh-editor``; not with edits (optional)
``checks.txt``          both        what stands for ``${checks}`` in ``critique.txt`` and
                                    ``single.txt`` if checks of the text fail, with ``${checks}``
                                    for their list (optional)
======================  ==========  ====================================================

With ``form = "turns"`` the conversation and the response are messages before these texts: there is
no ``turn.txt`` and ``system.txt``, and no template has ``${prompt}`` and ``${response}``.

All but ``turn.txt``, and in completion sets the bridges, may name fields of the draft, such as
``${extra.rubric}`` (:mod:`revloop.prompts.fields`).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from revloop.errors import PromptSetError
from revloop.prompts.fields import fields_in, refuse_unused
from revloop.prompts.settings import PromptSettings
from revloop.prompts.shipped import shipped_prompt_sets
from revloop.prompts.templates import (
    load_settings,
    load_template,
    refuse_unknown_files,
    shipped_folder,
)

_QUESTION = frozenset({"prompt", "response"})
_PLACEHOLDERS: dict[str, frozenset[str]] = {
    "critique.txt": _QUESTION,
    "single.txt": _QUESTION,
    "turn.txt": frozenset({"role", "content"}),
    "system.txt": frozenset(),
    "checks.txt": frozenset({"checks"}),
    "fresh.txt": _QUESTION | {"critique"},
}
_OPTIONAL = {"critique.txt": frozenset({"checks"}), "single.txt": frozenset({"checks"})}
_OF_TEXTS = {"turn.txt", "system.txt"}
"""Files of sets that show a conversation as a text; otherwise it brings its own system message."""
_FRESH_BRIDGE = _QUESTION | {"critique"}
_SHOWN_OR_NOT = frozenset({"response"})
_FILES = {
    "completion": {"critique.txt", "bridge.txt", "turn.txt", "checks.txt"},
    "chat": {"critique.txt", "bridge.txt", "turn.txt", "single.txt", "system.txt", "checks.txt"},
}


class LoadedSet(NamedTuple):
    """The content of a prompt set's folder.

    Attributes:
        name: The folder's name.
        settings: The content of ``settings.toml``.
        templates: The text of each template, by file name.
        fresh: The text of ``fresh.txt``, if there is one.
    """

    name: str
    settings: PromptSettings
    templates: dict[str, str]
    fresh: str | None


def load_set(name_or_folder: str | Path) -> LoadedSet:
    """Read a prompt set that comes with revloop, or a folder of the user's.

    Raises:
        PromptSetError: There is no such set, or one of its files is missing, misspelt, not UTF-8
            or invalid.
    """
    folder = _find(name_or_folder)
    settings = load_settings(folder / "settings.toml", PromptSettings)
    bridges = {"bridge.txt": settings.revision}
    if settings.rewrite is not None:
        bridges["rewrite.txt"] = settings.rewrite
    files = _FILES[settings.kind] | set(bridges)
    has_turns = settings.conversation.form == "turns"
    if has_turns:
        files -= _OF_TEXTS
    if settings.kind == "chat" and settings.rewrite is None and not _is_fresh(settings):
        files.add("fresh.txt")
    refuse_unknown_files(folder, files)
    placeholders = _PLACEHOLDERS | {
        file: _FRESH_BRIDGE if asked.context == "fresh" else frozenset()
        for file, asked in bridges.items()
    }
    optional = _OPTIONAL
    if _is_fresh(settings) and settings.rewrite is None:
        placeholders["bridge.txt"] = _FRESH_BRIDGE - _SHOWN_OR_NOT
        optional = _OPTIONAL | {"bridge.txt": _SHOWN_OR_NOT}
    in_messages = _QUESTION if has_turns else frozenset[str]()
    with_fields = _with_fields(settings)
    templates = {
        file: load_template(
            folder / file,
            placeholders[file] - in_messages,
            optional.get(file, frozenset()),
            with_fields=file in with_fields,
        )
        for file in sorted(files)
        if file not in _optional(settings) or (folder / file).exists()
    }
    form = settings.critique.criteria
    if form is not None and form.field not in fields_in([templates["critique.txt"]]):
        raise PromptSetError(
            f"{folder / 'critique.txt'}: ${{extra.{form.field}}} is missing: it lists the criteria."
        )
    refuse_unused(settings.fields, templates.values(), folder / "settings.toml")
    if "single.txt" in templates and _is_fresh(settings) and settings.revision.tags is None:
        raise PromptSetError(
            f"{folder / 'single.txt'}: nothing tells the revision from the critique. Delete "
            "the file, or set [revision] tags."
        )
    fresh = templates.pop("fresh.txt", None)
    return LoadedSet(folder.name, settings, templates, fresh)


def _find(name_or_folder: str | Path) -> Path:
    shipped = shipped_folder() / name_or_folder
    for folder in (shipped, Path(name_or_folder)):
        if (folder / "settings.toml").is_file():
            return folder
    names = ", ".join(shipped_prompt_sets())
    what = "has no settings.toml" if Path(name_or_folder).is_dir() else "does not exist"
    raise PromptSetError(
        f"Prompt set '{name_or_folder}' {what}. Name one that comes with revloop ({names}), "
        "or a folder with settings.toml and the templates."
    )


def _is_fresh(settings: PromptSettings) -> bool:
    return settings.revision.context == "fresh"


def _optional(settings: PromptSettings) -> set[str]:
    """Files that may be missing; without tags, a single pass could not be taken apart."""
    always = {"system.txt", "checks.txt", "fresh.txt"}
    return always if settings.revision.tags is not None else always | {"single.txt"}


def _with_fields(settings: PromptSettings) -> set[str]:
    """Files that may name fields of the draft.

    In a completion set the bridges are the same for every draft: they are where a critique stops.
    """
    asking = {"critique.txt", "single.txt", "system.txt"}
    bridges = {"bridge.txt", "rewrite.txt", "fresh.txt"}
    return asking if settings.kind == "completion" else asking | bridges
