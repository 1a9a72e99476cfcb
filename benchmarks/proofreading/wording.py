"""JFLEG's sentences as people write them, and back: its words are divided by blanks."""

from __future__ import annotations

import re

_CLITIC = re.compile(r" (n't|'s|'m|'re|'ve|'ll|'d)(?= |$)", re.IGNORECASE)
_BEFORE_MARK = re.compile(r" ([.,;:!?%)\]])")
_AFTER_MARK = re.compile(r"([(\[$]) ")
_MARK = re.compile(r"([.,;:!?%()\[\]$])")
_IN_NUMBER = re.compile(r"(\d) ([,.:]) (\d)")
_CANNOT = re.compile(r"\b(can)(not)\b", re.IGNORECASE)
_JOINED_NOT = re.compile(r"(\w)(n't)\b", re.IGNORECASE)
_JOINED = re.compile(r"(\w)('s|'m|'re|'ve|'ll|'d)\b", re.IGNORECASE)


def as_written(sentence: str) -> str:
    """A sentence without blanks around its marks; as it is if they could not be put back."""
    joined = _CLITIC.sub(r"\1", sentence)
    joined = _AFTER_MARK.sub(r"\1", _BEFORE_MARK.sub(r"\1", joined))
    return joined if divided(joined) == sentence else sentence


def divided(text: str) -> str:
    """A text as words and marks with single blanks between them."""
    text = _IN_NUMBER.sub(r"\1\2\3", _MARK.sub(r" \1 ", text))
    text = _JOINED_NOT.sub(r"\1 \2", _CANNOT.sub(r"\1 \2", text))
    return " ".join(_JOINED.sub(r"\1 \2", text).split())


def revised(sentence: str, text: str) -> str:
    """A revision in the form of JFLEG's files.

    Args:
        sentence: The sentence as it stands there.
        text: The revision of `as_written(sentence)`.
    """
    written = as_written(sentence)
    if text == written:
        return sentence
    return " ".join(text.split()) if written == sentence else divided(text)
