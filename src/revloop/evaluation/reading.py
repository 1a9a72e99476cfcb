"""Read a verdict from a model's answer: after a label, or alone on the last line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from revloop.trajectory import Preference

_MARKS = " \t\r*_#>`\"'“”.!,;[](){}"
_BEFORE = r"[ \t*_#>`\[(-]*(?:(?:so|my|the|final|overall),? )*[*_]*"


class Found(NamedTuple):
    """A verdict in an answer, or what stands in its place.

    Attributes:
        first: Number of its first line, blank ones not counted.
        last: Number of its last line.
        preference: The verdict; None if it is not one of the words.
    """

    first: int
    last: int
    preference: Preference | None


def read_verdict(
    answer: str, label: str, words: Mapping[str, Preference]
) -> tuple[Preference, str] | None:
    """The verdict in an answer and the reasons before it; None if there is none.

    Args:
        answer: The answer, without thoughts.
        label: What the line of the verdict begins with.
        words: What each word means, in lower case.
    """
    lines = [line for line in answer.split("\n") if line.strip()]
    said = list(_labelled(lines, label, words))
    if not said:
        alone = (Found(n, n, preference_in(line, words)) for n, line in enumerate(lines))
        said = [one for one in alone if one.preference is not None]
    if not said or said[-1].last != len(lines) - 1:
        return None
    preferences = {one.preference for one in said}
    preference = preferences.pop()
    if preferences or preference is None:
        return None
    return preference, "\n".join(_before(answer, said[0].first)).strip()


def preference_in(text: str, words: Mapping[str, Preference]) -> Preference | None:
    """The verdict that a text is, in bold, in brackets or as "Response A"; None if it is none."""
    if (exact := words.get(text.strip().casefold())) is not None:
        return exact
    plain = {word.strip(_MARKS): preference for word, preference in words.items()}
    found = re.fullmatch(
        r"(?:(?:response|answer|assistant|option)[ _-]|(?:it(?:['\u2019]s| is) )?an? )?[*_\[(]*"
        rf"(?P<word>{'|'.join(map(re.escape, plain))})[*_\])]*"
        r"(?: (?:is (?:the )?better|wins)(?: (?:one|response|answer))?)?",
        text.casefold().strip(_MARKS),
    )
    return None if found is None else plain[found["word"]]


def _labelled(lines: Sequence[str], label: str, words: Mapping[str, Preference]) -> Iterator[Found]:
    """The verdicts on lines that begin with the label, or below a line that is the label."""
    stem = label.rstrip().removesuffix(":")
    colon = r"[ \t*_]*(?::(?P<said>.*)|)" if label.rstrip() != stem else "(?P<said>.*)"
    pattern = re.compile(rf"{_BEFORE}{re.escape(stem)}{colon}", re.IGNORECASE | re.DOTALL)
    for number, line in enumerate(lines):
        found = pattern.fullmatch(line.rstrip())
        if found is None:
            continue
        said, last = found["said"] or "", number
        if not said.strip(_MARKS) and number + 1 < len(lines):
            said, last = lines[number + 1], number + 1
        yield Found(number, last, preference_in(said, words))


def _before(answer: str, number: int) -> Iterator[str]:
    """The lines before a line, which is counted without blank ones."""
    for line in answer.split("\n"):
        if line.strip():
            if number == 0:
                return
            number -= 1
        yield line
