"""Printing: results on stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import sys
import unicodedata
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from revloop.errors import InputError
from revloop.report.textdiff import is_rewritten, word_diff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.status import Status

    from revloop.trajectory import Critique, Step, Trajectory, Usage, Version

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

_STYLES = {"same": "", "removed": "red strike", "added": "green"}
_MARKS = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}
# bidirectional controls, which can make a text look like another one
_REORDERING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def width() -> int:
    """Columns available for results: the terminal's, or 80 in a pipe or a file."""
    return results.width if results.is_terminal else _PIPED_COLUMNS


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


def diff_text(old: str, new: str, *, coloured: bool) -> Text:
    """The changes in colour, or marked with ``[-`` ``-]`` and ``{+`` ``+}``.

    A rewritten text is shown without marks.
    """
    changes, shown = word_diff(old, new), Text()
    if is_rewritten(changes):
        return shown.append("(mostly rewritten)\n", "dim").append(printable(new))
    for change in changes:
        before, after = ("", "") if coloured else _MARKS[change.kind]
        shown.append(before + printable(change.text) + after, _STYLES[change.kind])
    return shown


def print_trajectory(
    trajectory: Trajectory, *, console: Console = results, thoughts: bool = False
) -> None:
    """Print every version with its critique and its changes.

    Args:
        trajectory: What is printed.
        console: Where.
        thoughts: Whether thoughts are printed too, not only their lengths.
    """
    coloured = console.color_system is not None
    for message in trajectory.draft.conversation:
        _paragraph(console, f"{message.role}:", Text(printable(message.content)))
    _paragraph(console, "version 0, the response:", Text(printable(trajectory.original)))
    for version in trajectory.versions[1:]:
        _print_refused(trajectory, version.round, console)
        _print_thoughts(version.round, version.steps, console, whole=thoughts)
        before = trajectory.base_of(version)
        if version.critique is not None:
            critique = Text(printable(version.critique.raw.strip()), style="italic")
            noted = _unread(version.critique) + _cut(version)
            _paragraph(console, printable(f"critique of version {before.round}{noted}:"), critique)
        changed = diff_text(before.text, version.text, coloured=coloured)
        if before.text == version.text:
            changed = Text("(unchanged)", style="dim")
        _paragraph(console, f"version {version.round}:", changed)
        _print_notes(version, console)
    _print_refused(trajectory, trajectory.rounds + 1, console)
    if trajectory.end is not None:
        _print_thoughts(trajectory.rounds + 1, trajectory.end.steps, console, whole=thoughts)
    if trajectory.kept != trajectory.rounds:
        console.print(Text(f"Kept: version {trajectory.kept}.", style="dim"))
    detail = "Unfinished." if trajectory.end is None else trajectory.end.detail
    console.print(Text(printable(f"{detail} {totals(trajectory)}"), style="dim"))


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


def totals(trajectory: Trajectory) -> str:
    """Rounds, tokens and seconds of a trajectory, in a sentence."""
    usage = trajectory.usage
    cached = "" if usage.cached_tokens is None else f" ({usage.cached_tokens} from the cache)"
    written = f"{usage.generated_tokens} written{_of_thoughts(usage)}"
    return (
        f"Rounds: {trajectory.rounds}; tokens: {usage.prompt_tokens} read{cached}, {written}; "
        f"engine: {trajectory.latency_s:.1f} s."
    )


def version_teller(iterations: int) -> Callable[[Version], None]:
    """A function that reports each new version on stderr."""

    def tell(version: Version) -> None:
        if version.round == 0:
            return
        score = None if version.critique is None else version.critique.score
        scored = "" if score is None else f"version {version.round - 1} scored {score:g}, "
        if version.critique is not None and version.critique.unread_score is not None:
            scored = f"version {version.round - 1}{_unread(version.critique)}, "
        tokens = version.usage.generated_tokens
        report(
            f"round {version.round} of {iterations}: {scored}"
            f"{tokens} tokens{_of_thoughts(version.usage)} in {version.latency_s:.1f} s",
            round=version.round,
            iterations=iterations,
            score=score,
            generated_tokens=tokens,
            latency_s=version.latency_s,
        )

    return tell


def _print_refused(trajectory: Trajectory, round_: int, console: Console) -> None:
    """Print why replies of a round were not used, and the start of each."""
    for number, step, refusal in trajectory.refused:
        if number != round_:
            continue
        by = "" if refusal.check is None else f" ({refusal.check})"
        what = f"round {number}, {step.kind}, try {step.attempt}, not used{by}: {refusal.reason}"
        if refusal.reply is None:
            console.print(Text(printable(what), style="dim"))
            continue
        rest = refusal.characters - len(refusal.reply)
        more = f" … and {rest} characters more" if rest else ""
        _paragraph(console, printable(f"{what}:"), Text(printable(refusal.reply) + more))


def _print_notes(version: Version, console: Console) -> None:
    """Print what stood around a revision, and which checks it fails that are off."""
    for step in version.steps:
        for text in step.left_out:
            _paragraph(console, "left out of the reply:", Text(printable(text), style="dim"))
    for failed in version.failed_checks:
        said = f"version {version.round} fails {failed.check}, which is off: {failed.reason}"
        console.print(Text(printable(said), style="dim"))


def _print_thoughts(round_: int, steps: Sequence[Step], console: Console, *, whole: bool) -> None:
    """Print the thoughts of a round, or how long they are."""
    for step in steps:
        if step.thoughts is None:
            continue
        what = f"round {round_}, {step.kind}, try {step.attempt}, thoughts"
        if whole:
            _paragraph(console, f"{what}:", Text(printable(step.thoughts), style="dim"))
        else:
            console.print(Text(f"{what}: {len(step.thoughts)} characters", style="dim"))


def _of_thoughts(usage: Usage) -> str:
    """How many of the written tokens are thoughts, where that is known and not 0."""
    return f" ({usage.thinking_tokens} of them thoughts)" if usage.thinking_tokens else ""


def _unread(critique: Critique) -> str:
    """A note on a score that could not be read."""
    said = critique.unread_score
    return "" if said is None else f" (unreadable score: '{said}')"


def _cut(version: Version) -> str:
    """A note on a critique that was cut at its token limit and used all the same."""
    steps = [step for step in version.steps if step.kind == "critique" and step.refusal is None]
    return " (cut at its token limit)" if steps and steps[0].finish_reason == "length" else ""


def _write(text: str) -> None:
    if sys.stdout is None:
        raise InputError("Standard output is closed.")
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()  # a reader that has gone is noticed here, not when Python exits


def _paragraph(console: Console, heading: str, body: Text) -> None:
    console.print(Text(heading, style="bold cyan"))
    console.print(body)
    console.print()


def _shown(letter: str) -> str:
    code, is_space = ord(letter), unicodedata.category(letter).startswith("Z")
    if letter in "\n\t" or is_space or (letter.isprintable() and letter not in _REORDERING):
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
