"""Runaway repetition, and talk about the revision inside it."""

from __future__ import annotations

import re
from collections import Counter
from operator import eq
from typing import TYPE_CHECKING

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

_LINE_END = re.compile(r"\n|(?<=[.!?])\s")
_LETTER = re.compile(r"[^\W\d_]")
_ORDINAL = re.compile(r"^[ \t>]*(?:[-*+•]|\d+[.)])[ \t]+")
_TIMES_IN_A_ROW = 5
_LONGEST_PERIOD_WORDS = 30
_FEWEST_WORDS_IN_A_ROW = 24
_LAST_WORDS = 400
"""A runaway reply does not recover: its end shows it."""

_WORKS = "(?:revise|rewrite|rephrase|refine|improve|clarify|shorten|optimi[sz]e)"
_SAYS = (
    "(?:addresses|aims|also|avoids|can be|could|covers|delves|discusses|does not|emphasi[sz]es|"
    "explains|explores|focuses|gives|has (?:an?|un\\w+)|highlights|includes|lacks|meets|mentions|"
    "needs|offers|presents|provides|should|takes|tries|will|would|"
    "is (?:an? (?:better|more|revised|rewritten)|clear|correct|improved|incomplete|incorrect|"
    "limited|more|not|tailored|the best|too|well))"
)
_META = re.compile(
    r"\b(?:the|this|my|your) (?:revised|rewritten) "
    r"(?:response|answer|reply|version of the (?:response|answer))\b|"
    r"\b(?:the|this|your) (?:improved|updated|original) (?:response|answer)\b|"
    rf"\b(?:the|your|original) (?:response|draft|reviewer) {_SAYS}\b|"
    rf"(?:^[ \t*_>]*|[.!?]\s+)(?:this|your) (?:answer|response) {_SAYS}\b|"
    r"\b(?:the|your) answer (?:could|should|lacks|needs|does not provide|"
    r"is (?:too (?:broad|general|long|short|vague)|incomplete|improved|not improved|limited to))\b|"
    r"\bthe answer now (?:contains|has|includes|is)\b|"
    r"\ba (?:better|clearer|shorter|more [a-z]+) (?:answer|response) "
    r"(?:could|might|should|would)\b|"
    r"(?:^[ \t*_>]*|[.!?]\s+)(?:this|your) (?:small |minor )?"
    r"(?:correction|edit|revision|rewrite)s? "
    r"(?:addresses|aims|improves?|keeps|maintains|makes|were)\b|"
    r"\A\s*your (?:answer|response) (?:is|was|can)\b|"
    r"\bthis (?:answer|response) is (?:in)?correct\b|"
    r"\b(?:more (?:accurate|concise|detailed|precise)|revised|rewritten) "
    r"(?:answer|feedback|response) (?:could|might|would)\b|"
    r"\bthe answer now\b|"
    r"\b(?:this|your) (?:(?:minor|small) )?(?:change|correction|edit|rephrasing|revision|rewording|"
    r"rewrite)s? (?:adds?|aims?|clarif|enhances?|ensures?|highlights?|improves?|keeps?|maintains?|"
    r"makes?|preserves?|were|was)|"
    r"\b(?:enhanc|improv|maintain|preserv)(?:e|es|ing) the (?:original|same) "
    r"(?:answer|meaning|message|sentence|text)\b|"
    r"\b(?:rewritten|revised|improved) version of (?:the|your) (?:original|response|answer|text)\b|"
    r"^[ \t#*_>]*(?:revised|rewritten):[*_]{0,3}[ \t]*$|"
    rf"\b{_WORKS} (?:the|this|your) (?:answer|response)\b|"
    r"\b(?:create|give|provide|write) a (?:better|clearer|improved|revised|shorter) "
    r"(?:answer|response)\b|"
    r"\b(?:as per|based on|according to|in light of|in response to|addressing|following) "
    r"(?:the|your|this) (?:critique|evaluation of the response)\b|"
    r"^[ \t#*_>]*(?:revised|improved|rewritten) (?:response|answer|version)[*_]{0,3}:|"
    r"</?revised_response>",
    re.IGNORECASE | re.MULTILINE,
)
_META_WORDS = (
    "correction",
    "edit",
    "revision",
    "rewrite",
    "revised:",
    "rewritten:",
    "response",
    "answer",
    "critique",
    "feedback",
    "reviewer",
    "draft",
    "original",
    "change",
    "rephrasing",
    "rewording",
    "same",
    "reply",
    "version",
)
"""Each match of the patterns has one of these."""

_HERE_IS_A_REVISION = re.compile(
    r"\bhere(?:['\u2019]s| is) (?:the|an?|my|your) (?:[a-z]+ ){0,2}?"
    r"(?:revised|rewritten|improved|optimi[sz]ed|rephrased|updated) (?:version|answer|response)\b",
    re.IGNORECASE,
)
_ASKS_FOR_A_REVISION = re.compile(
    r"\b(?:correct|edit|fix|improv|optimi[sz]|paraphras|polish|proofread|refactor|rephras|revis|"
    r"rewrit|shorten|simplif|translat)",
    re.IGNORECASE,
)

_ITSELF = re.compile(
    r"\b(?:the|this|that|your|my|our) (?:(?!of |to )[a-z-]+ ){0,2}?(?:answer|response|reply|"
    r"question|prompt|request|edit|revision|rewrite|rewording|version|critique|feedback|text|"
    r"piece|passage|tone|wording|phrasing|paragraph|sentence)s?\b(?! (?:of|messages?)\b)|"
    r"\bI(?:['\u2019]ve| have)? (?:also )?(?:made|combined|removed|rephrased|revised|rewrote) "
    r"(?:[a-z-]+ ){0,3}?(?:change|correction|edit|improvement|original|revision|sentence)s?\b|"
    r"\byou (?:asked|mentioned|requested)\b",
    re.IGNORECASE,
)
"""Any mention of an answer, a question or a text as such, or of work on one."""


def repetition(revised: Revised) -> str | None:
    """The same words again and again, if the draft's texts are not like that too."""
    text = revised.text
    unit = _in_a_row(text)
    if unit and not any(map(_in_a_row, revised.given)):
        return f"it repeats itself: {quoted(unit)}"
    line = _repeated_line(text)
    if line and not any(map(_repeated_line, revised.given)):
        return f"it repeats a line or sentence: {quoted(line)}"
    share = _repeated_share(text)
    if share > _REPEATED_SHARE and all(
        _repeated_share(one) < _REPEATED_SHARE / 2 for one in revised.given
    ):
        return f"it repeats itself ({share:.0%} of it)"
    return None


def meta(revised: Revised) -> str | None:
    """Talk about the revision, the critique or the template's tags."""
    folded = revised.text.casefold()
    if not any(word in folded for word in _META_WORDS):
        return None
    for found in _META.finditer(revised.text):
        said = found[0].casefold()
        if not any(said in one.casefold() for one in revised.given):
            return f"it talks about the revision: {quoted(found[0].strip(' .!?'))}"
    here = _HERE_IS_A_REVISION.search(revised.text)
    if here is None or any(map(_ASKS_FOR_A_REVISION.search, revised.prompts)):
        return None
    is_known = any(map(_HERE_IS_A_REVISION.search, revised.given))
    return None if is_known else f"it talks about the revision: {quoted(here[0])}"


def about_itself(revised: Revised) -> str | None:
    """Any talk of the answer, the question, the text or work on it, in words that the draft lacks.

    A weak model has no end of ways to comment on its work. What "the answer is 42" costs is
    another try.
    """
    for found in _ITSELF.finditer(revised.text):
        said = found[0].casefold()
        if not any(said in one.casefold() for one in revised.given):
            return f"it speaks of itself: {quoted(found[0])}"
    return None


def _in_a_row(text: str) -> str:
    """The words that a text repeats without pause at its end."""
    words = _words(text)[-_LAST_WORDS:]
    fours = list(zip(words, words[1:], words[2:], words[3:], strict=False))
    if len(fours) - len(set(fours)) < _FEWEST_WORDS_IN_A_ROW - 4:
        return ""  # too few for any repetition that the search below, which takes longer, finds
    for period in range(1, _LONGEST_PERIOD_WORDS + 1):
        fewest = max((_TIMES_IN_A_ROW - 1) * period, _FEWEST_WORDS_IN_A_ROW)
        same = list(map(eq, words[period:], words))
        if sum(same) < fewest:
            continue
        run = 0
        for place, is_same in enumerate(same, period):
            run = run + 1 if is_same else 0
            if run >= fewest:
                unit = " ".join(words[place - period + 1 : place + 1])
                if _LETTER.search(unit):  # numbers may well fill a table
                    return unit
    return ""


def _repeated_line(text: str) -> str:
    counted = Counter(_ORDINAL.sub("", line).strip() for line in _LINE_END.split(text))
    often = (line for line, times in counted.most_common() if times >= _LINE_TIMES)
    return next((line for line in often if len(_words(line)) >= _LINE_WORDS), "")


def _repeated_share(text: str) -> float:
    words = _words(text)
    if len(words) < _FEWEST_WORDS:
        return 0.0
    runs = [tuple(words[n : n + _RUN_WORDS]) for n in range(len(words) - _RUN_WORDS + 1)]
    share = 1 - len(set(runs)) / len(runs)
    if share <= _REPEATED_SHARE / 2:
        return share
    of_words = [run for run in runs if any(map(_LETTER.search, run))]  # numbers may fill a table
    return 1 - len(set(of_words)) / len(of_words) if of_words else 0.0


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
