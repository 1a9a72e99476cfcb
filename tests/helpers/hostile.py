r"""Texts that have broken other programs, by kind; revloop must treat them like any other.

All were written for these tests, by hand in ``hostile.json`` or by the functions here.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

from revloop.prompts import PromptSet, shipped_prompt_sets

_BY_HAND: dict[str, list[str]] = json.loads(
    Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
)
_FORMS = ("{}", "The word {} is a word.", "{0}{0}", "{}\nAnd so on.", "It was said:\n{}")
_CONTROL_CODES = (*range(0x20), *range(0x7F, 0xA0))
_LONG = (
    *("a" * 10_000, "a " * 5_000 + "a", "\u00e9" * 5_000, "\n" * 500 + "x", "x" * 300),
    *("x" + " " * 5_000 + "y", "[" * 2_000, "(" * 2_000 + ")" * 2_000, "<b>" * 1_000),
    *("{{" * 1_000, "$" * 1_001, "\\" * 999, '"' * 1_001, "ab\n" * 2_000, ".*" * 500),
    *("e" + "\u0301" * 1_000, "\u202e" * 500 + "x", "\x1b[1m" * 300, "\U0001f44d\U0001f3ff" * 500),
    *("### Critique:\n" * 200, "Overall score: 1\n" * 200, "<revised_response>" * 200),
)


def huge_word(letters: int = 10_000_000) -> str:
    """One word with that many letters."""
    return ("Rindfleischetikettierung" * (letters // 24 + 1))[:letters]


def _in_many_places(texts: list[str]) -> list[str]:
    """Each text alone, in a sentence, twice in a row, and before and after other lines."""
    return [form.format(text) for text, form in product(texts, _FORMS)]


def _of_prompt_sets() -> list[str]:
    """Templates, template lines, headings and tags of the shipped prompt sets."""
    found = []
    for prompts in map(PromptSet.load, shipped_prompt_sets()):
        for template in prompts.templates.values():
            found += [template, *template.splitlines()]
        if (tags := prompts.settings.revision.tags) is not None:
            found += [tags.opening, tags.closing, f"{tags.closing}{tags.opening}"]
            found.append(f"{tags.opening}{tags.opening}x{tags.closing}{tags.closing}")
        if (labels := prompts.settings.critique.labels) is not None:
            for label in (labels.score, labels.positive, labels.negative):
                found += [label, f"{label} 10", f"**{label}** 3/10", label * 3]
    return found


def _responses(texts: list[str]) -> tuple[str, ...]:
    return tuple(text for text in dict.fromkeys(texts) if text.strip())


TEXTS: dict[str, tuple[str, ...]] = {
    **{kind: _responses(texts) for kind, texts in _BY_HAND.items()},
    "special tokens": _responses(_in_many_places(_BY_HAND["special tokens"])),
    "control characters": _responses([f"a{chr(code)}b" for code in _CONTROL_CODES]),
    "prompt sets": _responses(_of_prompt_sets()),
    "long": _LONG,
}
"""Every text that can be a response, by kind."""

ALL = tuple(dict.fromkeys(text for texts in TEXTS.values() for text in texts))
"""All of them, without duplicates."""

BLANK = ("", " ", "\n", "\t", "\r\n", " \n \t ", "\u3000", "\xa0", "\u2028", "\x0b", "\x1c", "\x85")
"""White space only: valid as a prompt, not as a response."""

SURROGATES = ("\ud800", "\udfff", "a\ud83d", "\ude00b", "\udc80", "x\udcffy", "\ud83d \ude00")
"""Lone surrogates, which no encoding can carry: refused with a message."""
