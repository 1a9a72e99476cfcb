"""Talk about the revision inside it."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

from revloop.prompts.guards.splitting import runs, words_of
from revloop.prompts.parsing.quoting import quoted

if TYPE_CHECKING:
    from revloop.prompts.guards.revised import Revised

_WORKS = "(?:revise|rewrite|rephrase|refine|improve|clarify|shorten|optimi[sz]e)"
_SAYS = (
    "(?:addresses|aims|also|avoids|can be|could|covers|delves|discusses|does not|emphasi[sz]es|"
    "explains|explores|focuses|gives|has (?:an?|un\\w+)|highlights|includes|lacks|meets|mentions|"
    "needs|offers|presents|provides|should|takes|tries|will|would|"
    "is (?:an? (?:better|more|revised|rewritten)|clear|correct|improved|incomplete|incorrect|"
    "limited|more|not|tailored|the best|too|well))"
)
META = re.compile(
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


def _pairs(*sets: tuple[str, str]) -> frozenset[tuple[str, ...]]:
    """All pairs of a word of one string and a word of the other."""
    return frozenset(
        pair for one, other in sets for pair in product(words_of(one), words_of(other))
    )


_META_PAIRS = _pairs(
    ("the this my your", "revised rewritten"),
    ("improved updated original", "response answer"),
    ("the this your", "response answer critique"),
    ("the your original", "draft reviewer"),
    ("response answer feedback", "could might should would"),
    ("this your", "minor small change changes correction corrections edit edits rephrasing"),
    ("this your", "rephrasings revision revisions rewording rewordings rewrite rewrites"),
    ("original same", "answer meaning message sentence text"),
    ("revised rewritten improved", "version"),
    ("evaluation", "of"),
)
_WRITE_PAIRS = _pairs(("create give provide write", "a"))
_BETTER_PAIRS = _pairs(("better clearer improved revised shorter", "answer response"))
_META_HEADING = re.compile(r"\n[ \t#*_>]*(?:revised|improved|rewritten)")
_META_TAG = "revised_response>"
"""Each match of the pattern has one of the first pairs, one of both others, or one of the rest."""

HERE_IS_A_REVISION = re.compile(
    r"\bhere(?:['\u2019]s| is) (?:the|an?|my|your) (?:[a-z]+ ){0,2}?"
    r"(?:revised|rewritten|improved|optimi[sz]ed|rephrased|updated) (?:version|answer|response)\b",
    re.IGNORECASE,
)
_HERE_PAIRS = _pairs(("here", "is s"))
_REVISION_PAIRS = _pairs(
    ("revised rewritten improved", "version answer response"),
    ("optimized optimised rephrased updated", "version answer response"),
)
"""Each match of the pattern has one of the first and one of the second."""

_ALL_PAIRS = _META_PAIRS | _WRITE_PAIRS | _BETTER_PAIRS | _HERE_PAIRS | _REVISION_PAIRS

_ASKS_FOR_A_REVISION = re.compile(
    r"\b(?:correct|edit|fix|improv|optimi[sz]|paraphras|polish|proofread|refactor|rephras|revis|"
    r"rewrit|shorten|simplif|translat)",
    re.IGNORECASE,
)

ITSELF = re.compile(
    r"(?=[imoty])\b(?:"  # faster than the boundary alone
    r"(?:the|this|that|your|my|our) (?:(?!of |to )[a-z-]+ ){0,2}?(?:answer|response|reply|"
    r"question|prompt|request|edit|revision|rewrite|rewording|version|critique|feedback|text|"
    r"piece|passage|tone|wording|phrasing|paragraph|sentence)s?\b(?! (?:of|messages?)\b)|"
    r"I(?:['\u2019]ve| have)? (?:also )?(?:made|combined|removed|rephrased|revised|rewrote) "
    r"(?:[a-z-]+ ){0,3}?(?:change|correction|edit|improvement|original|revision|sentence)s?\b|"
    r"you (?:asked|mentioned|requested)\b)",
    re.IGNORECASE,
)
"""Any mention of an answer, a question or a text as such, or of work on one."""

_ITSELF_WORDS = frozenset(
    words_of(
        "answer answers response responses reply replys question questions prompt prompts request "
        "requests edit edits revision revisions rewrite rewrites rewording rewordings version "
        "versions critique critiques feedback feedbacks text texts piece pieces passage passages "
        "tone tones wording wordings phrasing phrasings paragraph paragraphs sentence sentences "
        "change changes correction corrections improvement improvements original originals asked "
        "mentioned requested"
    )
)
"""Each match of the pattern has one of these."""


def meta(revised: Revised) -> str | None:
    """Talk about the revision, the critique or the template's tags."""
    pairs = _ALL_PAIRS.intersection(runs(revised.split.marked_words, 2))
    if _may_be_meta(pairs, revised.split.alike):
        for found in META.finditer(revised.text):
            if not _is_given(found[0], revised):
                return f"it talks about the revision: {quoted(found[0].strip(' .!?'))}"
    if pairs.isdisjoint(_HERE_PAIRS) or pairs.isdisjoint(_REVISION_PAIRS):
        return None
    here = HERE_IS_A_REVISION.search(revised.text)
    if here is None or any(map(_ASKS_FOR_A_REVISION.search, revised.prompts)):
        return None
    is_known = any(map(HERE_IS_A_REVISION.search, revised.given))
    return None if is_known else f"it talks about the revision: {quoted(here[0])}"


def about_itself(revised: Revised) -> str | None:
    """Any talk of the answer, the question, the text or work on it, in words that the draft lacks.

    A weak model has no end of ways to comment on its work. What "the answer is 42" costs is
    another try.
    """
    if _ITSELF_WORDS.isdisjoint(revised.split.marked_words):
        return None
    for said in dict.fromkeys(found[0] for found in ITSELF.finditer(revised.text)):
        if not _is_given(said, revised):
            return f"it speaks of itself: {quoted(said)}"
    return None


def _may_be_meta(pairs: frozenset[tuple[str, ...]], text: str) -> bool:
    return (
        not pairs.isdisjoint(_META_PAIRS)
        or not (pairs.isdisjoint(_WRITE_PAIRS) or pairs.isdisjoint(_BETTER_PAIRS))
        or _META_HEADING.search(f"\n{text}") is not None
        or _META_TAG in text
    )


def _is_given(said: str, revised: Revised) -> bool:
    folded = said.casefold()
    return any(folded in one.folded for one in revised.split_given)
