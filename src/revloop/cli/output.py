"""Printing: results on stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import sys
import unicodedata
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from revloop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.status import Status

results = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
progress = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)

_PIPED_COLUMNS = 80


@dataclass
class ProgressMode:
    """How progress is shown.

    Attributes:
        as_json: As lines of JSON, and never live.
    """

    as_json: bool = False


mode = ProgressMode()

# bidirectional controls, which can make a text look like another one
_JOINERS = "\u200c\u200d"
"""Joiners within emoji, and letters of Persian and of languages of India: they do no harm."""
_REORDERING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def width(console: Console | None = None) -> int:
    """Columns available for results: the terminal's, or 80 in a pipe or a file."""
    console = console or results
    return console.width if console.is_terminal else _PIPED_COLUMNS


def shortened(text: str, columns: int) -> str:
    """A printable text cut to so many columns of a terminal."""
    return text if cell_len(text) <= columns else f"{set_cell_size(text, columns - 1)}…"


def printable(text: str) -> str:
    """A text made safe for a terminal.

    Control characters become their Unicode control pictures, bidirectional controls their code
    points: an escape sequence could clear the screen, or worse.
    """
    return text.translate(_SHOWN)


def print_text(text: str) -> None:
    """Print a text on stdout: made safe in a terminal, unchanged elsewhere.

    Rich would drop carriage returns and expand tabs.
    """
    _write(printable(text) if sys.stdout.isatty() else text)


def print_json(text: str) -> None:
    """Print JSON on stdout; characters that are unsafe or not in its encoding are escaped."""
    escaped = text.translate(_ESCAPED)
    try:
        escaped.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        escaped = "".join(c if c.isascii() else json.dumps(c)[1:-1] for c in escaped)
    _write(escaped)


def complain(message: str) -> None:
    """Print an error on stderr."""
    errors.print(Text.assemble(("Error: ", "bold red"), printable(message)))


def say(message: str) -> None:
    """Print a line of progress on stderr."""
    progress.print(Text(printable(message), style="dim"))


def report(line: str, **values: object) -> None:
    """Print progress on stderr: a line, or with ``--log-json`` its values."""
    if mode.as_json:
        progress.print(json.dumps(values))
    else:
        say(line)


def is_live() -> bool:
    """Whether progress is shown live."""
    return progress.is_terminal and not mode.as_json


class StageTeller:
    """Shows the stages of a long start on stderr: a live line in a terminal, else plain lines."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._stage = ""

    def __call__(self, elapsed_s: float, stage: str) -> None:
        """Show the current stage, and the seconds since the start."""
        line = printable(f"{elapsed_s:3.0f} s: {stage}")
        if is_live():
            self._status.update(Text(line))
        elif stage != self._stage:
            report(line, elapsed_s=round(elapsed_s, 1), stage=stage)
        self._stage = stage

    def stop(self) -> None:
        """Remove the live line."""
        self._status.stop()


@contextmanager
def stages(first: str) -> Iterator[StageTeller]:
    """Show the stages of a long start while the block runs, or until ``stop``."""
    console = progress if is_live() else Console(quiet=True)
    with console.status(Text(first)) as status:
        yield StageTeller(status)


def trajectories(number: int) -> str:
    """A number of trajectories, in words."""
    return "1 trajectory" if number == 1 else f"{number} trajectories"


def _write(text: str) -> None:
    if sys.stdout is None:
        raise InputError("Standard output is closed.")
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()  # a reader that has gone is noticed here, not when Python exits


def _shown(letter: str) -> str:
    code, is_space = ord(letter), unicodedata.category(letter).startswith("Z")
    if (
        letter in "\n\t"
        or is_space
        or letter in _JOINERS
        or (letter.isprintable() and letter not in _REORDERING)
    ):
        return letter
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<U+{code:04X}>"


def _escaped(letter: str) -> str:
    return letter if _shown(letter) == letter else json.dumps(letter)[1:-1]


class _Letters(dict[int, str]):
    """A table for :meth:`str.translate`, filled on demand."""

    def __init__(self, shown: Callable[[str], str]) -> None:
        self._shown = shown

    def __missing__(self, code: int) -> str:
        return self.setdefault(code, self._shown(chr(code)))


_SHOWN = _Letters(_shown)
_ESCAPED = _Letters(_escaped)
