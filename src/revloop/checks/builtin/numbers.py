"""The numbers of a text, in one form whatever way they are written."""

from __future__ import annotations

import re
import unicodedata

_NUMBER = re.compile(r"(?:(?<![\w)\].,%])[-\u2212])?\d+(?:[.,'\u2019\u00a0\u2009\u202f](?=\d)\d+)*")
_LIST_NUMBER = re.compile(r"^[ \t>*_]*(?:#{1,6}[ \t]+)?[*_]{0,2}\d{1,3}[.):][ \t*_]", re.MULTILINE)
_GROUPED = re.compile(r"-?\d{1,3}(?:([,'\u2019\u00a0\u2009\u202f])\d{3})(?:\1\d{3})*(?:\.\d+)?")
_GROUPED_BY_DOTS = re.compile(r"-?\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?")
_SEPARATORS = re.compile(r"[,'\u2019\u00a0\u2009\u202f]")
_WORD = re.compile(r"[^\W\d_]+")

_TO_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
)
_TENS = "thirty forty fifty sixty seventy eighty ninety hundred"
_IN_WORDS = {
    **{word: str(number) for number, word in enumerate(_WORD.findall(_TO_TWENTY))},
    **{word: str(10 * number) for number, word in enumerate(_WORD.findall(_TENS), start=3)},
    "thousand": "1000",
    "million": "1000000",
    "first": "1",
    "second": "2",
    "third": "3",
}


def numbers(text: str, *, with_list_numbers: bool = False) -> dict[str, str]:
    """The numbers of a text: in their plain form, and as they were first written.

    ``1,000`` is 1000 and ``05`` is 5; ``3.50`` and ``3.5`` differ, as versions do.

    Args:
        text: The text.
        with_list_numbers: Whether to include numbers that only count the items of a list.
    """
    found: dict[str, str] = {}
    for match in _NUMBER.finditer(text if with_list_numbers else _LIST_NUMBER.sub(" ", text)):
        written = match[0]
        for one in _plain(written):
            found.setdefault(one, written)
    return found


def numbers_in_words(text: str) -> set[str]:
    """The plain forms of English words for numbers."""
    words = (word.casefold() for word in _WORD.findall(text))
    return {_IN_WORDS[word] for word in words if word in _IN_WORDS}


def _plain(written: str) -> list[str]:
    ascii_digits = (written if written.isascii() else _in_ascii(written)).replace("\u2212", "-")
    if _GROUPED.fullmatch(ascii_digits):
        return [_without_zeros(_SEPARATORS.sub("", ascii_digits))]
    if _GROUPED_BY_DOTS.fullmatch(ascii_digits):
        return [_without_zeros(ascii_digits.replace(".", "").replace(",", "."))]
    parts = _SEPARATORS.split(ascii_digits)
    if len(parts) == 2 and "," in ascii_digits and "." not in ascii_digits:
        return [_without_zeros(".".join(parts))]  # a decimal comma
    return [_without_zeros(part) for part in parts]


def _in_ascii(written: str) -> str:
    return "".join(str(unicodedata.digit(one)) if one.isdigit() else one for one in written)


def _without_zeros(number: str) -> str:
    sign, digits = ("-", number[1:]) if number.startswith("-") else ("", number)
    whole, dot, rest = digits.partition(".")
    return f"{sign}{whole.lstrip('0') or '0'}{dot}{rest}"
