"""Thoughts: what a reasoning model writes before its answer, and what is not part of it.

Thoughts are only recognised at the start of a generated text. Their marks are ordinary text further
in, or if the draft contains them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class UnusableError(Exception):
    """A generated text cannot be used.

    Attributes:
        reason: Why, to end the sentence "The revision could not be used: it is blank".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ReplyFormat:
    """The format of an answer, to tell its start from a thought.

    Attributes:
        begin: Matches in a text that the answer is still part of.
        opening: Opens the requested passage, if anything does.
        closing: Closes it.
    """

    begin: re.Pattern[str]
    opening: re.Pattern[str] | None = None
    closing: re.Pattern[str] | None = None

    def encloses(self, text: str, place: int) -> bool:
        """Whether the place is inside the requested passage."""
        if self.opening is None or self.closing is None:
            return False
        before, after = self.opening.search(text, 0, place), self.opening.search(text, place)
        return before is not None and after is None and self.closing.search(text, place) is not None


def _marks(*pairs: tuple[str, str]) -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    flags = re.IGNORECASE | re.DOTALL
    return tuple((re.compile(one, flags), re.compile(other, flags)) for one, other in pairs)


_NAMES = ("think", "thinking", "thought", "thoughts", "reasoning", "seed:think")
_MARKS = _marks(
    *((rf"<{name}>", rf"</{name}>") for name in _NAMES),
    (r"\[think\]", r"\[/think\]"),
    ("◁think▷", "◁/think▷"),
    (r"<\|start_thinking\|>", r"<\|end_thinking\|>"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    # the harmony format of gpt-oss: everything before the channel "final"
    (
        r"(?:<\|start\|>assistant)?<\|channel\|>(?:analysis|commentary)",
        r"<\|channel\|>final\b[^<\n]*<\|message\|>",
    ),
)
# the harmony format from a server that omits special tokens
_BARE_MARKS = _marks((r"analysis(?=.*assistantfinal)", "assistantfinal"))
_ANY_CLOSING = re.compile("|".join(closing.pattern for _, closing in _MARKS), re.IGNORECASE)
_END_OF_TURN = re.compile(r"<\|(?:return|end)\|>\s*\Z")
_BLANK_LINES = re.compile(r"(?:[ \t]*\r?\n)*")
_WHITE_SPACE = re.compile(r"\s*")


def without_thoughts(
    generated: str, given: Sequence[str] = (), expected: ReplyFormat | None = None
) -> str:
    """A generated text without the thoughts at its start and the blank lines after them.

    A thought stands between two marks such as ``<think>`` and ``</think>``, or before a closing
    mark if the prompt ended with the opening one. A lone closing mark ends a thought if the
    requested format begins after it, but not inside that format, nor if the draft contains one.

    Args:
        generated: The critic's exact text.
        given: The texts of the draft: the answer may contain marks that they contain.
        expected: The requested format; None if any text is an answer.

    Raises:
        UnusableError: A thought has no end, or cannot be told apart from the answer.
    """
    text = generated
    while True:
        text = _after_opened(text, given)
        end = _last_orphan(text)
        if end is None or _is_text(text, end, given, expected):
            return text
        text = _rest(text, end)


def _after_opened(text: str, given: Sequence[str]) -> str:
    """The text without the marked thoughts at its start."""
    end, after = 0, _end_of_opened(text, 0, given)
    while after is not None:
        end, after = after, _end_of_opened(text, after, given)
    return _rest(text, end) if end else text


def _is_text(text: str, end: int, given: Sequence[str], expected: ReplyFormat | None) -> bool:
    """Whether a lone closing mark that ends here is ordinary text."""
    if expected is not None and expected.begin.search(text[end:]):
        return False
    if expected is not None and expected.encloses(text, end):
        return True
    known = sum(len(_ANY_CLOSING.findall(one)) for one in given)
    if known and expected is None and len(_ANY_CLOSING.findall(text)) > known:
        raise UnusableError("a thought in it cannot be told apart from the answer")
    return known > 0


def _end_of_opened(text: str, start: int, given: Sequence[str]) -> int | None:
    """Where the thought that begins at ``start`` (after white space) ends; None without one."""
    start = _end(_WHITE_SPACE, text, start)
    for opening, closing in (*_MARKS, *_BARE_MARKS):
        opened = opening.match(text, start)
        if opened is None:
            continue
        closed = closing.search(text, opened.end())
        if closed is None:
            if any(_only_opens(one, opening, closing) for one in given):
                return None
            raise UnusableError("it is an unfinished thought")
        thought = text[start : closed.end()]
        return None if any(thought in one for one in given) else closed.end()
    return None


def _only_opens(given: str, opening: re.Pattern[str], closing: re.Pattern[str]) -> bool:
    """Whether a text of the draft begins with the mark too, without being a thought."""
    return opening.match(given.lstrip()) is not None and closing.search(given) is None


def _last_orphan(text: str) -> int | None:
    """The end of the last closing mark without an opening one."""
    if _ANY_CLOSING.search(text) is None:
        return None
    last = None
    for opening, closing in _MARKS:
        depth = 0
        both = re.compile(f"({opening.pattern})|{closing.pattern}", re.IGNORECASE)
        for mark in both.finditer(text):
            if mark[1] is not None:
                depth += 1
            elif depth:
                depth -= 1
            else:
                last = max(last or 0, mark.end())
    return last


def _rest(text: str, end: int) -> str:
    """What follows a thought, without leading blank lines and the end-of-turn mark."""
    rest = text[_end(_BLANK_LINES, text, end) :]
    return _END_OF_TURN.sub("", rest) if text.endswith("<|message|>", 0, end) else rest


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    """Where the match of a pattern at ``start`` ends."""
    found = pattern.match(text, start)
    return start if found is None else found.end()
