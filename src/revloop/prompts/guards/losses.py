"""What a revision lost: most of its length, code blocks, lists, numbers.

These are judgements: a shorter text may be the better one. So each is passed over if the critique,
or the prompt, asks for what it would refuse.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from revloop.prompts.guards.revised import Revised

_SHORTEST_SHARE = 0.4
_SHORTEST_SHARE_IF_ASKED = 0.25
_SHORT_CHARACTERS = 200
"""A text of less is short enough to say anything in."""

_ASKS_FOR_LESS = re.compile(
    r"\b(?:more|be|being|very) (?:concise|succinct|brief|short|shorter)\b|"
    r"\b(?:less|too|overly|unnecessarily|rather|quite|somewhat|bit) "
    r"(?:wordy|verbose|lengthy|long|detailed|repetitive)\b|"
    r"\b(?:shorten|shorter|condense|trim|cut (?:down|out|back)|summari[sz]e|streamline|simplify|"
    r"tighten|wordiness|verbosity|redundan\w+|repetiti\w+|rambl\w+|off[- ]topic|irrelevant|"
    r"unnecessary|superfluous)\b|\b(?:remove|delete|omit|drop|leave out|get rid of)\b",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"\b(?:not|never|n['\u2019]t|neither|nor|without|avoids?|no)\b[^.,;:\n]{0,20}$", re.IGNORECASE
)
_WANTS_LITTLE = re.compile(
    r"\b(?:one|two|three|a|single|\d+) (?:short |single |brief )?(?:sentence|word|line|paragraph|"
    r"phrase)s?\b|"
    r"\b(?:briefly|concise(?:ly)?|in short|in brief|summari[sz]e|summary|shorten|tl;?dr|yes or no|"
    r"true or false|short(?:er)?|brief|only the (?:answer|number|name|word))\b|"
    r"\b(?:classify|extract|identify|rate|which)\b",
    re.IGNORECASE,
)
_AGAINST_CODE = re.compile(
    r"\b(?:remove|omit|drop|delete|unnecessary|irrelevant|without|no|not need|merge|combine)\b"
    r"[^.\n]{0,60}\b(?:code|example|snippet|block|script)s?\b|"
    r"\b(?:code|example|snippet|block)s?\b[^.\n]{0,40}\b(?:unnecessary|irrelevant|redundant|not "
    r"needed|"
    r"unasked)\b",
    re.IGNORECASE,
)
_AGAINST_LISTS = re.compile(
    r"\b(?:prose|paragraphs?|flowing|narrative|continuous text|(?:bullet|list|item|"
    r"point)\w*[^.\n]{0,40}"
    r"(?:unnecessary|instead|rather)|(?:instead of|rather than|avoid|without|no|remove)[^.\n]{0,40}"
    r"(?:bullet|list|numbered)\w*)\b",
    re.IGNORECASE,
)
_LIST_ITEMS = 3
_FEWEST_NUMBERS = 4
_KEPT_NUMBERS_SHARE = 0.25
_OWN_NUMBERS_SHARE = 0.5

_FENCE = re.compile(r"^[ \t>]*(?P<fence>`{3,}|~{3,})(?P<info>[^`\n]*)$")
_ITEM = re.compile(
    r"[ \t>]*(?:#{1,6}[ \t]*)?[*_]{0,2}(?:[-*+•\u2013]|\d{1,2}[.):]|[a-zA-Z][.)]|step "
    r"\d+)[*_]{0,2}[ \t]+\S|"
    r"[ \t]*\|.*\||[ \t]*#{1,6}[ \t]+\S",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d(?<![\w.]\d)\d*(?:[.,]\d+)*(?!\w)")  # a digit first: found faster
_ORDINAL = re.compile(r"\n[ \t>#*_]*\d{1,2}[.):]")


def too_short(revised: Revised) -> str | None:
    """Far shorter than the text before, or than the original, though nobody asked for brevity."""
    length = len(revised.text.strip())
    before, original = len(revised.before.strip()), len(revised.original.strip())
    if length >= _SHORTEST_SHARE * max(before, original):
        return None
    share = _SHORTEST_SHARE_IF_ASKED if asks_for_less(revised) else _SHORTEST_SHARE
    if before >= _SHORT_CHARACTERS and length < share * before:
        return f"it is far shorter than the text before ({length} of {before} characters)"
    if original >= _SHORT_CHARACTERS and length < share * original <= before:
        return f"it is far shorter than the original ({length} of {original} characters)"
    return None


def lost_code(revised: Revised) -> str | None:
    """Fewer code blocks than before."""
    blocks = code_blocks(revised.before)
    left = code_blocks(revised.text) if blocks else 0
    if left >= blocks or _AGAINST_CODE.search(revised.fault):
        return None
    return f"it lost {blocks - left} of {blocks} code block{'s' if blocks > 1 else ''}"


def lost_list(revised: Revised) -> str | None:
    """No list where there was one of three items or more."""
    before = longest_list(revised.before)
    if before < _LIST_ITEMS or longest_list(revised.text) > 1:
        return None
    asks = (revised.fault, *revised.prompts)
    if any(map(_AGAINST_LISTS.search, asks)) or asks_for_less(revised):
        return None
    return f"it lost the list of {before} items"


def lost_numbers(revised: Revised) -> str | None:
    """Most numbers gone, and no others in their place: a corrected calculation has others."""
    before = numbers(revised.before)
    if len(before) < _FEWEST_NUMBERS:
        return None
    now = numbers(revised.text)
    kept = len(before & now)
    if kept >= _KEPT_NUMBERS_SHARE * len(before) or len(now) >= _OWN_NUMBERS_SHARE * len(before):
        return None
    if asks_for_less(revised):
        return None
    return f"it lost {len(before) - kept} of {len(before)} numbers"


def asks_for_less(revised: Revised) -> bool:
    """Whether the critique or the prompt asks for a shorter text."""
    fault = revised.fault
    asked = any(not _NOT.search(fault, 0, one.start()) for one in _ASKS_FOR_LESS.finditer(fault))
    return asked or any(map(_WANTS_LITTLE.search, revised.prompts[-1:]))


def code_blocks(text: str) -> int:
    """The fenced code blocks of a text; one that is not closed counts."""
    blocks, fence = 0, ""
    if "```" not in text and "~~~" not in text:
        return 0
    for found in filter(None, map(_FENCE.match, text.splitlines())):
        if not fence:
            blocks, fence = blocks + 1, found["fence"]
        elif found["fence"].startswith(fence) and not found["info"].strip():
            fence = ""
    return blocks


def longest_list(text: str) -> int:
    """Items of the longest list: bullets, numbers, table rows or headings, on one level or more."""
    items = [n for n, line in enumerate(text.splitlines()) if _ITEM.match(line)]
    longest = run = 1 if items else 0
    for one, following in pairwise(items):
        run = run + 1 if following - one <= _LINES_OF_AN_ITEM else 1
        longest = max(longest, run)
    return longest


_LINES_OF_AN_ITEM = 12


def numbers(text: str) -> set[str]:
    """The numbers of two digits or more in a text, without those that count a list's items."""
    found = (one.replace(",", "") for one in _NUMBER.findall(_ORDINAL.sub("\n", f"\n{text}")))
    return {one for one in found if len(one) > 1}
