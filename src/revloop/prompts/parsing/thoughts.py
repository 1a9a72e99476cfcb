"""Thoughts: what a reasoning model writes before its answer. They are no part of the answer.

A thought counts as one only at the start of a generated text. Marks of thoughts that stand further
in, or that the draft holds itself, are text like any other.
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
        reason: Why, as the end of a sentence that names the text: "the revision could not be used:
            it is blank".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ReplyFormat:
    """How an answer looks whose start may have to be told from a thought.

    Attributes:
        begin: Found in an answer that is still to come.
        opening: What opens the passage that is asked for, if anything does.
        closing: What closes it.
    """

    begin: re.Pattern[str]
    opening: re.Pattern[str] | None = None
    closing: re.Pattern[str] | None = None

    def encloses(self, text: str, place: int) -> bool:
        """Whether the place is inside of the passage that is asked for."""
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
# the harmony format again, as a server writes it that leaves special tokens out
_BARE_MARKS = _marks((r"analysis(?=.*assistantfinal)", "assistantfinal"))
_ANY_CLOSING = re.compile("|".join(closing.pattern for _, closing in _MARKS), re.IGNORECASE)
_END_OF_TURN = re.compile(r"<\|(?:return|end)\|>\s*\Z")
_BLANK_LINES = re.compile(r"(?:[ \t]*\r?\n)*")
_WHITE_SPACE = re.compile(r"\s*")


def without_thoughts(
    generated: str, given: Sequence[str] = (), expected: ReplyFormat | None = None
) -> str:
    """A generated text without the thoughts at its start, and the blank lines after them.

    A thought stands between two marks (``<think>`` and ``</think>``, say), or before a closing mark
    whose opening one stood in the prompt. A closing mark alone ends a thought where the form that
    was asked for begins only after it; not where it stands inside of that form, and not where the
    draft holds such a mark.

    Args:
        generated: The critic's text, to the letter.
        given: The texts of the draft: a mark that stands in them may be in the answer too.
        expected: The format that was asked for; None if any text is an answer.

    Raises:
        UnusableError: A thought has no end, or cannot be told from the answer.
    """
    text = generated
    while True:
        text = _after_opened(text, given)
        end = _last_orphan(text)
        if end is None or _is_text(text, end, given, expected):
            return text
        text = _rest(text, end)


def _after_opened(text: str, given: Sequence[str]) -> str:
    """A text without the thoughts that it begins with."""
    end, after = 0, _end_of_opened(text, 0, given)
    while after is not None:
        end, after = after, _end_of_opened(text, after, given)
    return _rest(text, end) if end else text


def _is_text(text: str, end: int, given: Sequence[str], expected: ReplyFormat | None) -> bool:
    """Whether a closing mark that ends here, and has no opening one, is text like any other."""
    if expected is not None and expected.begin.search(text[end:]):
        return False
    if expected is not None and expected.encloses(text, end):
        return True
    known = sum(len(_ANY_CLOSING.findall(one)) for one in given)
    if known and expected is None and len(_ANY_CLOSING.findall(text)) > known:
        raise UnusableError("a thought in it cannot be told apart from the answer")
    return known > 0


def _end_of_opened(text: str, start: int, given: Sequence[str]) -> int | None:
    """Where the thought ends that begins at a place, white space aside; None: none does."""
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
    """Whether a text of the draft begins with the mark too, and is no thought itself."""
    return opening.match(given.lstrip()) is not None and closing.search(given) is None


def _last_orphan(text: str) -> int | None:
    """The end of the last closing mark that has no opening one before it."""
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
    """What follows a thought, without the blank lines after it and the mark that ends a turn."""
    rest = text[_end(_BLANK_LINES, text, end) :]
    return _END_OF_TURN.sub("", rest) if text.endswith("<|message|>", 0, end) else rest


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    """Where a pattern that matches everywhere stops matching."""
    found = pattern.match(text, start)
    return start if found is None else found.end()
