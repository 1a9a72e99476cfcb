"""Talk: what a model says about its work around a revision, and what is not part of it.

"Here is the revised response:", "I hope this helps!", "Changes made: ...", a fence or quotes around
the whole. Only lines of their own are taken off, or a first sentence that ends in a colon, and only
if they speak of the revision itself. What a text of the draft has too stays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.prompts.parsing.revision import RevisionTags

_LINE_CHARACTERS = 300
"""A longer line is no preamble."""

_MADE_BETTER = "(?:revised|improved|rewritten|updated|corrected|refined|edited|enhanced|polished)"
_OTHER = (
    "(?:better|new|shorter|clearer|final|optimi[sz]ed|simplified|shortened|condensed|rephrased|"
    "expanded|streamlined)"
)
_A_RESPONSE = "(?:response|answer|version|reply|text|draft)"
_THE_RESPONSE = rf"(?:the|your|my|this) (?:original |previous |given |first )?{_A_RESPONSE}"
_SURE = (
    r"(?:(?:sure|certainly|of course|okay|ok|absolutely|alright|understood|yes|great|got it|thanks|"
    r"thank you(?: for [^.!:\n]{1,60})?)(?: thing)?[,.!:]+ +)*"
)
_NOTHING_ELSE = (
    r"(?! of (?:the|your|my|this|an?) (?!original |previous |given )"
    r"(?!response|answer|reply|prompt))"
)
_HERE_IS = (
    r"(?:here(?:['\u2019]s| is| are)|below is|this is|the following is|please find(?: below)?) "
    r"(?:the|an?|my|your) (?:[a-z-]+,? (?:and )?){0,4}?"
    rf"(?:(?:{_MADE_BETTER}|{_OTHER}) (?:[a-z-]+ ){{0,3}}?{_A_RESPONSE}|"
    rf"revision|rewrite){_NOTHING_ELSE}\b[^.:!?\n]{{0,140}}|"
    r"the answer to (?:this|your|the) question is"
)
_LABEL = rf"(?:the |my )?{_MADE_BETTER} (?:response|answer|reply)(?: \([^()\n]{{1,40}}\))?"
_LABEL_OF_VERSION = r"(?:the |my )?(?:revised|improved|rewritten|corrected) (?:version|text|draft)"
_I_REVISED = (
    rf"I(?:['\u2019]ve| have)? (?:carefully )?{_MADE_BETTER} {_THE_RESPONSE}"
    r"[^.:!?\n]{0,160}"
)
_MARKS = r"[ \t>]*(?:#{1,6}[ \t]*)?[*_]{0,3}"
_COLON = r"(?:[*_]{0,3}[ \t]*:[*_]{0,3}(?:[ \t]+|$))"
_PREAMBLE = re.compile(
    rf"{_MARKS}{_SURE}(?:"
    rf"(?:{_HERE_IS}|{_LABEL}|{_LABEL_OF_VERSION}|{_I_REVISED}){_COLON}|"
    rf"(?:{_HERE_IS}|{_I_REVISED})[.!][*_]{{0,3}}[ \t]*$)",
    re.IGNORECASE,
)
_HEADING = re.compile(
    rf"[ \t]*(?:#{{1,6}}[ \t]*[*_]{{0,3}}|[*_]{{2,3}})(?:{_LABEL}|{_LABEL_OF_VERSION}|revision)"
    r"[*_]{0,3}:?[*_]{0,3}[ \t]*$",
    re.IGNORECASE,
)

_COURTESY = (
    r"(?:I hope (?:this|that|it|these|the)\b[^.!?\n]{0,160}|"
    r"(?:please )?let me know (?:if|how|whether|what)\b[^.!?\n]{0,200}|"
    r"(?:please )?feel free to (?:ask|reach out|let me know|contact me)\b[^.!?\n]{0,160}|"
    r"if you (?:have|need|want|would like|['\u2019]d like) (?:any|me|more|"
    r"further)\b[^.!?\n]{0,200}|"
    r"(?:would you like me to|do you want me to|is there anything else)\b[^.!?\n]{0,160})"
    r"[.!?]*"
)
_WORK = (
    rf"(?:(?:this|the) {_MADE_BETTER} (?:response|answer|reply)|"
    r"this (?:revised|improved|rewritten) (?:version|text|draft)|"
    r"this (?:answer|revision|rewrite) (?:now |also |will )?"
    r"(?:addresses|aims|avoids|covers|emphasi[sz]es|explains|explores|focuses|gives|highlights|"
    r"includes|keeps|maintains|offers|presents|provides?|takes|uses|"
    r"is (?:improved|more|now|tailored))\b|"
    r"this (?:response|answer|revision|rewrite) (?:now |also )?"
    r"(?:addresses|improves|fixes|corrects|incorporates|provides|focuses|highlights|"
    r"is (?:improved|more (?:detailed|concise|specific|accurate)|tailored))\b|"
    rf"in (?:this|the) {_MADE_BETTER} (?:response|version|answer|reply)\b|"
    r"(?:please )?note(?:[*_]{0,3}:[*_]{0,3}| that) (?:I(?:['\u2019]ve| have)?|"
    rf"(?:this|the) {_MADE_BETTER}) (?:(?:also )?(?:removed|added|revised|rewritten|rewrote|"
    rf"changed|"
    r"corrected|fixed|improved|kept|shortened|made|response|version|answer))|"
    rf"{_I_REVISED}|"
    r"I(?:['\u2019]ve| have)? (?:removed|added|made|corrected|fixed|changed|addressed|incorporated|"
    r"restructured|simplified)\b(?=[^\n]{0,200}\b(?:critique|(?:the|your) (?:original )?response)))"
    r"[^\n]*"
)
_CHANGES = (
    r"(?:(?:the )?(?:key |main )?(?:changes|improvements|revisions|edits|corrections|modifications)"
    r"(?: that)?(?: I(?:['\u2019]ve| have)?| were)? made\b[^.:\n]{0,60}|"
    r"(?:summary|explanation|list) of (?:the )?(?:changes|improvements|revisions|"
    r"edits)[^.:\n]{0,40}|"
    r"what I changed[^.:\n]{0,40}|"
    r"I(?:['\u2019]ve| have)? made the following (?:changes|improvements|revisions|"
    r"edits)[^.:\n]{0,60}|"
    r"the following (?:changes|improvements|revisions|edits) (?:were|have been) made[^.:\n]{0,60})"
)
_IN_BRACKETS = r"[ \t>]*[*_(\[]{0,3}"
_KINDS = {
    "courtesy": re.compile(rf"{_IN_BRACKETS}(?:{_COURTESY}[ \t]*)+[*_)\]]{{0,3}}", re.IGNORECASE),
    "work": re.compile(rf"{_IN_BRACKETS}{_WORK}", re.IGNORECASE),
    "changes": re.compile(rf"{_MARKS}{_CHANGES}(?:[*_]{{0,3}}:.*|[*_]{{0,3}})", re.IGNORECASE),
}
"""Kinds of talk after a revision, as whole lines."""

_LETTER = re.compile(r"^[ \t*_]*(?:subject:|dear\b|hi\b|hello\b|to:)", re.IGNORECASE | re.MULTILINE)
_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d{1,2}[.)])[ \t]+\S|[ \t]+\S")
_RULE = re.compile(r"[ \t]*(?:-{3,}|\*{3,}|_{3,})[ \t]*")
_FENCED = re.compile(
    r"\s*(?P<fence>`{3,}|~{3,})(?:markdown|md|text|txt|plaintext)?[ \t]*\r?\n(?P<inner>.*?)\r?\n"
    r"[ \t]*(?P=fence)\s*",
    re.IGNORECASE | re.DOTALL,
)
_ANY_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_QUOTES = {'"': '"', "“": "”", "«": "»"}


def without_talk(text: str, given: Sequence[str] = ()) -> str:
    """The passage of a revision without the model's talk around it.

    Args:
        text: The revision as parsed.
        given: The texts of the draft, the one revised first: what they have too stays.

    Returns:
        An exact passage of the text; the text itself if there is no such talk. It may be blank.
    """
    while True:
        shorter = text
        for taken in (_without_preamble, _without_postamble, _without_fence, _without_quotes):
            shorter = taken(shorter, given)
        if shorter == text:
            return text
        text = shorter


def left_out(reply: str, revision: str, tags: RevisionTags | None) -> tuple[str, ...]:
    """What stands before and after a revision in its reply.

    Args:
        reply: The critic's text, without its thoughts.
        revision: A passage of it; of edits without their tags, nothing is known to be left out.
        tags: The tags around it, which are no part of what was left out.
    """
    before, found, after = reply.partition(revision.strip())
    if not found:
        return ()
    for pattern in () if tags is None else tags.patterns():
        before, after = pattern.sub("", before), pattern.sub("", after)
    return tuple(part.strip() for part in (before, after) if part.strip())


def _without_preamble(text: str, given: Sequence[str]) -> str:
    end = _end_of_preamble(text)
    if end == 0 or any(map(_end_of_preamble, given)):
        return text
    return _after_rule(text[end:])


def _end_of_preamble(text: str) -> int:
    """Where the talk at the start of a text ends; 0 without any."""
    start = len(text) - len(text.lstrip())
    line = text[start:].partition("\n")[0].rstrip("\r")[:_LINE_CHARACTERS]
    found = _HEADING.match(line) or _PREAMBLE.match(line)
    return 0 if found is None else start + found.end()


def _after_rule(text: str) -> str:
    """What follows a preamble, without blank lines and a horizontal rule."""
    lines = text.splitlines(keepends=True)
    while lines and (not lines[0].strip() or _RULE.fullmatch(lines[0].rstrip("\r\n"))):
        del lines[0]
    return "".join(lines)


def _without_postamble(text: str, given: Sequence[str]) -> str:
    lines = text.splitlines(keepends=True)
    for start in _line_starts(lines):
        kind = _kind_of(lines[start:])
        if kind is None or any(_has(kind, one) for one in given):
            continue
        if kind == "courtesy" and _LETTER.search(text) is not None:
            continue
        kept = lines[:start]
        while kept and (not kept[-1].strip() or _RULE.fullmatch(kept[-1].rstrip("\r\n"))):
            del kept[-1]
        return "".join(kept).rstrip()
    return text


def _line_starts(lines: Sequence[str]) -> list[int]:
    """The last line, and the starts of the last paragraphs that a list of changes may fill."""
    filled = [number for number, line in enumerate(lines) if line.strip()]
    if not filled or _is_in_code(lines):
        return []
    after_blank = [n for n in filled if n and not lines[n - 1].strip()]
    return sorted({filled[-1], *after_blank[-12:]} - {0}, reverse=True)


def _is_in_code(lines: Sequence[str]) -> bool:
    """Whether the text ends inside a code block that is not closed."""
    return sum(_ANY_FENCE.match(line) is not None for line in lines) % 2 == 1


def _kind_of(lines: Sequence[str]) -> str | None:
    """The kind of talk that these lines are, if they are nothing else."""
    said = [line.rstrip() for line in lines if line.strip()]
    for kind in ("courtesy", "work"):
        if all(_KINDS[kind].fullmatch(line) for line in said):
            return kind
    if _KINDS["changes"].fullmatch(said[0]) and all(map(_ITEM.match, said[1:])):
        return "changes"
    return None


def _has(kind: str, text: str) -> bool:
    return any(_KINDS[kind].match(line) for line in text.splitlines())


def _without_fence(text: str, given: Sequence[str]) -> str:
    fenced = _FENCED.fullmatch(text)
    if fenced is None or any(map(_ANY_FENCE.search, given)):
        return text
    inner = fenced["inner"]
    return text if _is_in_code(inner.splitlines()) or fenced["fence"] in inner else inner


def _without_quotes(text: str, given: Sequence[str]) -> str:
    inner = _quoted(text)
    asked = any(re.search("quot", one, re.IGNORECASE) or _quoted(one) for one in given)
    return text if inner is None or asked else inner


def _quoted(text: str) -> str | None:
    """The text between the quotes around the whole, if they are its only ones."""
    whole = text.strip()
    closing = _QUOTES.get(whole[:1])
    if closing is None or len(whole) < 2 or whole[-1] != closing:
        return None
    inner = whole[1:-1]
    return None if whole[0] in inner or closing in inner else inner
