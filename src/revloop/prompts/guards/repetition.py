"""Runaway repetition: the same words, lines or passages again and again."""

from __future__ import annotations

import re
from collections import Counter
from operator import eq
from typing import TYPE_CHECKING

from revloop.prompts.guards.splitting import SplitText, runs
from revloop.prompts.parsing.quoting import quoted

if TYPE_CHECKING:
    from revloop.prompts.guards.revised import Revised

_RUN_WORDS = 8
_FEWEST_WORDS = 60
_REPEATED_SHARE = 0.4
"""Share of runs of eight words that were there before: at most 0.12 in 240 answers of models."""

_LINE_WORDS = 4
_LINE_TIMES = 6
"""Times that a line of some words may stand in a text; in those answers: twice."""

_LINE_END = re.compile(r"\s(?:(?<=\n)|(?<=[.!?]\s))")
_LETTER = re.compile(r"[^\W\d_]")
_ORDINAL = re.compile(r"^[ \t>]*(?:[-*+•]|\d+[.)])[ \t]+")
_TIMES_IN_A_ROW = 5
_LONGEST_PERIOD_WORDS = 30
_FEWEST_WORDS_IN_A_ROW = 24
_LAST_WORDS = 400
"""A runaway reply does not recover: its end shows it."""


def repetition(revised: Revised) -> str | None:
    """The same words again and again, if the draft's texts are not like that too."""
    split, given = revised.split, revised.split_given
    unit = _in_a_row(split)
    if unit and not any(map(_in_a_row, given)):
        return f"it repeats itself: {quoted(unit)}"
    line = _repeated_line(split)
    if line and not any(map(_repeated_line, given)):
        return f"it repeats a line or sentence: {quoted(line)}"
    share = _repeated_share(split)
    if share > _REPEATED_SHARE and all(_repeated_share(one) < _REPEATED_SHARE / 2 for one in given):
        return f"it repeats itself ({share:.0%} of it)"
    return None


def _in_a_row(split: SplitText) -> str:
    """The words that a text repeats without pause at its end."""
    if split.repeated_fours < _FEWEST_WORDS_IN_A_ROW - 4:
        return ""
    words = split.words[-_LAST_WORDS:]
    step = _FEWEST_WORDS_IN_A_ROW // 2
    sample = words[::step]
    for period in range(1, _LONGEST_PERIOD_WORDS + 1):
        # a run is long enough to hold two neighbours of the sample
        if b"\1\1" not in bytes(map(eq, words[period::step], sample)):
            continue
        same = bytes(map(eq, words[period:], words))
        fewest = max((_TIMES_IN_A_ROW - 1) * period, _FEWEST_WORDS_IN_A_ROW)
        for run in re.finditer(b"\1{%d,}" % fewest, same):
            place = run.start() + fewest
            unit = " ".join(words[place : place + period])
            if _LETTER.search(unit):  # numbers may well fill a table
                return unit
    return ""


def _repeated_line(split: SplitText) -> str:
    if split.repeated_fours < _LINE_TIMES - 1:
        return ""
    counted = Counter(_ORDINAL.sub("", line).strip() for line in _LINE_END.split(split.text))
    often = (line for line, times in counted.most_common() if times >= _LINE_TIMES)
    return next((line for line in often if len(SplitText(line).words) >= _LINE_WORDS), "")


def _repeated_share(split: SplitText) -> float:
    """The share of runs that were there before; 0 if it is too small for either limit."""
    number = len(split.words) - _RUN_WORDS + 1
    if number <= _FEWEST_WORDS - _RUN_WORDS or split.repeated_fours < _REPEATED_SHARE / 2 * number:
        return 0.0
    share = 1 - len(set(runs(split.words, _RUN_WORDS))) / number
    numbers = {word for word in set(split.words) if not _LETTER.search(word)}
    are_numbers = bytes(map(numbers.__contains__, split.words))
    if share <= _REPEATED_SHARE / 2 or b"\1" * _RUN_WORDS not in are_numbers:
        return share
    # numbers may fill a table
    of_words = [run for run in runs(split.words, _RUN_WORDS) if not numbers.issuperset(run)]
    return 1 - len(set(of_words)) / len(of_words) if of_words else 0.0
