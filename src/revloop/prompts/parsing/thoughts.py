"""Thoughts: what a reasoning model writes before its answer, and what is not part of it.

Thoughts are only recognised at the start of a generated text. Their marks are ordinary text further
in, or if the draft contains them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import Field

from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    Patterns = tuple[re.Pattern[str], re.Pattern[str]]


UNFINISHED = "it is an unfinished thought"
BLANK = "it is blank"


class UnusableError(Exception):
    """A generated text cannot be used.

    Attributes:
        reason: Why, to end the sentence "The revision could not be used: it is blank".
        guard: The guard of revisions that refused it; None if it could not be read at all.
    """

    def __init__(self, reason: str, guard: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.guard = guard


class UnfinishedThoughtError(UnusableError):
    """A generated text ends within a thought.

    Attributes:
        thoughts: What was thought so far.
    """

    def __init__(self, thoughts: str) -> None:
        super().__init__(UNFINISHED)
        self.thoughts = thoughts


class ThoughtMarks(Frozen):
    """The marks around a thought."""

    opening: str = Field(min_length=1)
    closing: str = Field(min_length=1)


class ThinkingSettings(Frozen):
    """How a model marks its thoughts."""

    marks: tuple[ThoughtMarks, ...] = Field(
        default=(), description="Marks besides those that are always recognised, in any case."
    )


class Separated(NamedTuple):
    """A generated text and the thoughts before it, without their marks."""

    text: str
    thoughts: str = ""


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


@dataclass(frozen=True, slots=True)
class _Marks:
    """Patterns of marks.

    Attributes:
        pairs: Opening and closing marks.
        bare: Those that are recognised only in pairs.
        any_closing: Any closing mark of :attr:`pairs`.
        begin_closing: The characters that a closing mark begins with. Few texts have one, and to
            look for them is much faster than the search for the marks.
        openings: The opening marks as written, to recognise a part of one.
    """

    pairs: tuple[Patterns, ...]
    bare: tuple[Patterns, ...]
    any_closing: re.Pattern[str]
    begin_closing: frozenset[str]
    openings: tuple[str, ...]


_NAMES = ("think", "thinking", "thought", "thoughts", "reasoning", "seed:think")
_WRITTEN = (
    *((f"<{name}>", f"</{name}>") for name in _NAMES),
    ("[think]", "[/think]"),
    ("◁think▷", "◁/think▷"),
    ("<|start_thinking|>", "<|end_thinking|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)
# the harmony format of gpt-oss: everything before the channel "final"
_HARMONY = (
    r"(?:<\|start\|>assistant)?<\|channel\|>(?:analysis|commentary)(?:[^<\n]*<\|message\|>)?",
    r"(?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>final\b[^<\n]*<\|message\|>",
)
_HARMONY_OPENINGS = tuple(
    f"{start}<|channel|>{channel}"
    for start in ("", "<|start|>assistant")
    for channel in ("analysis", "commentary")
)
SPECIAL_MARKS = frozenset(
    {
        *(mark for pair in _WRITTEN for mark in pair),
        *("<|channel|>", "<|message|>", "<|start|>"),
    }
)
"""Marks that may be special tokens of a tokenizer, in lower case."""
# the harmony format from a server that omits special tokens
_BARE = (r"analysis(?=.*assistantfinal)", "assistantfinal")
_BARE_CUT = re.compile(r"analysis(?=[^\W_])")


@cache
def _patterns(more: tuple[ThoughtMarks, ...]) -> _Marks:
    """All marks: those always recognised, and more."""
    written = [*_WRITTEN, *((one.opening, one.closing) for one in more)]
    escaped = [(re.escape(opening), re.escape(closing)) for opening, closing in written]
    sources = [*escaped, _HARMONY]
    flags = re.IGNORECASE | re.DOTALL
    return _Marks(
        pairs=tuple((re.compile(one, flags), re.compile(other, flags)) for one, other in sources),
        bare=((re.compile(_BARE[0], flags), re.compile(_BARE[1], flags)),),
        any_closing=re.compile("|".join(closing for _, closing in sources), re.IGNORECASE),
        # that of the harmony format begins like the others
        begin_closing=frozenset(
            "".join(closing[0].lower() + closing[0].upper() for _, closing in written)
        ),
        openings=(*(opening for opening, _ in written), *_HARMONY_OPENINGS, "analysis"),
    )


_END_OF_TURN = re.compile(r"<\|(?:return|end)\|>\s*\Z")
_BLANK_LINES = re.compile(r"(?:[ \t]*\r?\n)*")
_WHITE_SPACE = re.compile(r"\s*")


def without_thoughts(
    generated: str,
    given: Sequence[str] = (),
    expected: ReplyFormat | None = None,
    more: tuple[ThoughtMarks, ...] = (),
    *,
    lead: str = "",
    is_cut: bool = False,
) -> Separated:
    """A generated text without the thoughts at its start and the blank lines after them.

    A thought stands between two marks such as ``<think>`` and ``</think>``, or before a closing
    mark if the prompt ended with the opening one. A lone closing mark ends a thought if the
    requested format begins after it, but not inside that format, nor if the draft contains one.

    Args:
        generated: The critic's exact text.
        given: The texts of the draft: the answer may contain marks that they contain.
        expected: The requested format; None if any text is an answer.
        more: Marks besides those that are always recognised.
        lead: What stands before the text and is read with it: a prefill.
        is_cut: Whether the text ended at its token limit: the start of a mark then begins a
            thought.

    Raises:
        UnfinishedThoughtError: A thought has no end.
        UnusableError: A thought cannot be told apart from the answer.
    """
    marks = _patterns(more)
    text, thoughts = generated, list[str]()
    while True:
        text = _after_opened(text, given, marks, thoughts)
        orphan = _last_orphan(text, marks)
        if orphan is None or _is_text(lead + text, len(lead) + orphan[1], given, expected, marks):
            break
        thoughts.append(text[: orphan[0]])
        text = _rest(text, orphan[1])
    if is_cut and _begins_thought(text, marks):
        raise UnfinishedThoughtError(_joined([*thoughts, text]))
    return Separated(text, _joined(thoughts))


def marks_shown(
    generated: str, more: tuple[ThoughtMarks, ...] = ()
) -> Literal["opening", "closing"] | None:
    """The first mark of the thought that a generated text begins with; None without one."""
    marks = _patterns(more)
    start = generated.lstrip()
    if any(opening.match(start) for opening, _ in (*marks.pairs, *marks.bare)):
        return "opening"
    return "closing" if _last_orphan(generated, marks) is not None else None


def _joined(thoughts: Sequence[str]) -> str:
    return "\n\n".join(filter(None, (thought.strip() for thought in thoughts)))


def _begins_thought(text: str, marks: _Marks) -> bool:
    """Whether a text that was cut is only the start of a mark, or of a bare thought."""
    begun = text.strip().casefold()
    if not begun:
        return False
    is_part = any(opening.casefold().startswith(begun) for opening in marks.openings)
    return is_part or _BARE_CUT.match(text.lstrip()) is not None


def _after_opened(text: str, given: Sequence[str], marks: _Marks, thoughts: list[str]) -> str:
    """The text without the marked thoughts at its start, which are added to ``thoughts``."""
    end = 0
    while (found := _opened(text, end, given, marks, thoughts)) is not None:
        begin, close, end = found
        thoughts.append(text[begin:close])
    return _rest(text, end) if end else text


def _is_text(
    text: str,
    end: int,
    given: Sequence[str],
    expected: ReplyFormat | None,
    marks: _Marks,
) -> bool:
    """Whether a lone closing mark that ends here is ordinary text."""
    if expected is not None and expected.begin.search(text[end:]):
        return False
    if expected is not None and expected.encloses(text, end):
        return True
    known = sum(len(marks.any_closing.findall(one)) for one in given)
    if known and expected is None and len(marks.any_closing.findall(text)) > known:
        raise UnusableError("a thought in it cannot be told apart from the answer")
    return known > 0


def _opened(
    text: str, start: int, given: Sequence[str], marks: _Marks, thoughts: Sequence[str]
) -> tuple[int, int, int] | None:
    """The thought that begins at ``start`` (after white space); None without one.

    Returns:
        Where its text begins and ends, and where its closing mark ends.
    """
    start = _end(_WHITE_SPACE, text, start)
    for opening, closing in (*marks.pairs, *marks.bare):
        opened = opening.match(text, start)
        if opened is None:
            continue
        closed = closing.search(text, opened.end())
        if closed is None:
            if any(_only_opens(one, opening, closing) for one in given):
                return None
            raise UnfinishedThoughtError(_joined([*thoughts, text[opened.end() :]]))
        if any(text[start : closed.end()] in one for one in given):
            return None
        return opened.end(), closed.start(), closed.end()
    return None


def _only_opens(given: str, opening: re.Pattern[str], closing: re.Pattern[str]) -> bool:
    """Whether a text of the draft begins with the mark too, without being a thought."""
    return opening.match(given.lstrip()) is not None and closing.search(given) is None


def _last_orphan(text: str, marks: _Marks) -> tuple[int, int] | None:
    """Where the last closing mark without an opening one begins and ends."""
    if not any(map(text.__contains__, marks.begin_closing)) or not marks.any_closing.search(text):
        return None
    last: tuple[int, int] | None = None
    for opening, closing in marks.pairs:
        depth = 0
        both = re.compile(f"({opening.pattern})|{closing.pattern}", re.IGNORECASE)
        for mark in both.finditer(text):
            if mark[1] is not None:
                depth += 1
            elif depth:
                depth -= 1
            elif last is None or mark.end() > last[1]:
                last = mark.span()
    return last


def _rest(text: str, end: int) -> str:
    """What follows a thought, without leading blank lines and the end-of-turn mark."""
    rest = text[_end(_BLANK_LINES, text, end) :]
    return _END_OF_TURN.sub("", rest) if text.endswith("<|message|>", 0, end) else rest


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    """Where the match of a pattern at ``start`` ends."""
    found = pattern.match(text, start)
    return start if found is None else found.end()
