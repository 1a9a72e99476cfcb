"""Printing trajectories: versions, critiques and changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from revloop.cli.checks import print_checks
from revloop.cli.output import printable, report, results, shortened, width
from revloop.cli.panel import print_votes
from revloop.cli.spending import in_words
from revloop.edits.changes import changes_between

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from revloop.edits import EditResult
    from revloop.options import Prices
    from revloop.trajectory import Critique, Step, Trajectory, Usage, Version

_STYLES = {"same": "", "removed": "red strike", "added": "green"}
_MARKS = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}

_SHOWN_EDITS = 10
_SHORTEST_PASSAGE = 16
"""Columns that a passage gets at least, even if its line becomes too long."""


def print_trajectory(
    trajectory: Trajectory,
    *,
    console: Console = results,
    thoughts: bool = False,
    prices: Prices | None = None,
) -> None:
    """Print every version with its critique and its changes.

    Args:
        trajectory: What is printed.
        console: Where.
        thoughts: Whether thoughts are printed too, not only their lengths.
        prices: The prices of the models, to print what each round cost.
    """
    for message in trajectory.draft.conversation:
        _paragraph(console, f"{message.role}:", Text(printable(message.content)))
    _paragraph(console, "version 0, the response:", Text(printable(trajectory.original)))
    print_checks(trajectory.versions[0], console)
    for version in trajectory.versions[1:]:
        _print_refused(trajectory, version.round, console)
        _print_thoughts(version.round, version.steps, console, whole=thoughts)
        before = trajectory.base_of(version)
        if version.critique is not None:
            critique = Text(printable(version.critique.raw.strip()), style="italic")
            noted = _unread(version.critique) + _cut(version)
            _paragraph(console, f"critique of version {before.round}{noted}:", critique)
            _print_criteria(version.critique, before.round, console)
        _paragraph(console, f"version {version.round}:", _changed(before, version, console))
        _print_edits(version, console)
        _print_notes(version, console)
        print_checks(version, console)
        print_votes(version, console)
    _print_refused(trajectory, trajectory.rounds + 1, console)
    if trajectory.end is not None:
        _print_thoughts(trajectory.rounds + 1, trajectory.end.steps, console, whole=thoughts)
    if trajectory.kept != trajectory.rounds:
        _print_line(console, f"Kept: version {trajectory.kept}.")
    for number, spent in trajectory.spending_by_round.items():
        _print_line(console, f"Round {number}: {in_words(spent, prices)}.")
    detail = "Unfinished." if trajectory.end is None else trajectory.end.detail
    _print_line(console, f"{detail} {totals(trajectory)}")


def diff_text(
    old: str, new: str, edits: Sequence[EditResult] | None = None, *, coloured: bool
) -> Text:
    """The changes in colour, or marked with ``[-`` ``-]`` and ``{+`` ``+}``.

    A rewritten text is shown without marks.
    """
    changes, shown = changes_between(old, new, edits), Text()
    if changes is None:
        return shown.append("(mostly rewritten)\n", "dim").append(printable(new))
    for change in changes:
        before, after = ("", "") if coloured else _MARKS[change.kind]
        shown.append(before + printable(change.text) + after, _STYLES[change.kind])
    return shown


def totals(trajectory: Trajectory) -> str:
    """Rounds, tokens and seconds of a trajectory, in a sentence."""
    usage = trajectory.usage
    cached = "" if usage.cached_tokens is None else f" ({usage.cached_tokens} from the cache)"
    written = f"{usage.generated_tokens} written{_of_thoughts(usage)}"
    return (
        f"Rounds: {trajectory.rounds}; tokens: {usage.prompt_tokens} read{cached}, {written}; "
        f"engine: {trajectory.latency_s:.1f} s.{_roles(trajectory)}"
    )


def _roles(trajectory: Trajectory) -> str:
    """Which models did which part, if there were two."""
    last = trajectory.versions[-1]
    if last.engine is None or last.editor is None:
        return ""
    return printable(f" Critic: {last.engine.model}; editor: {last.editor.model}.")


def version_teller(iterations: int) -> Callable[[Version], None]:
    """A function that reports each new version on stderr."""

    def tell(version: Version) -> None:
        if version.round == 0:
            return
        score = None if version.critique is None else version.critique.score
        scored = "" if score is None else f"version {version.round - 1} scored {score:g}, "
        if version.critique is not None and version.critique.criteria:
            scored = f"version {version.round - 1}, {_criteria_met(version.critique)}, "
        if version.critique is not None and version.critique.unread_score is not None:
            scored = f"version {version.round - 1}{_unread(version.critique)}, "
        tokens = version.usage.generated_tokens
        report(
            f"round {version.round} of {iterations}: {scored}{_edits_of(version)}"
            f"{tokens} tokens{_of_thoughts(version.usage)} in {version.latency_s:.1f} s",
            round=version.round,
            iterations=iterations,
            score=score,
            generated_tokens=tokens,
            latency_s=version.latency_s,
        )

    return tell


def _criteria_met(critique: Critique) -> str:
    """How many criteria a version meets, in words."""
    return f"criteria met: {critique.criteria_met} of {len(critique.criteria)}"


def _print_criteria(critique: Critique, round_: int, console: Console) -> None:
    """Print the score of each criterion; the reasons stand in the critique."""
    if critique.criteria:
        _print_line(console, f"version {round_}, {_criteria_met(critique)}", "bold cyan")
        for one in critique.criteria:
            _print_line(console, f"- {one.name}: {one.score:g}{'' if one.met else ', not met'}", "")
        console.print()


def _edits_of(version: Version) -> str:
    """How a version was written, where a prompt set has edits."""
    if version.unusable_edits is not None:
        return "rewritten because no edits could be used, "
    return "" if version.edits is None else f"{_applied(version.edits)}, "


def _applied(edits: Sequence[EditResult]) -> str:
    if not edits:
        return "no edits"
    number = "1 edit" if len(edits) == 1 else f"{len(edits)} edits"
    return f"{number}, {sum(edit.outcome.is_applied for edit in edits)} applied"


def _print_refused(trajectory: Trajectory, round_: int, console: Console) -> None:
    """Print why replies of a round were not used, and the start of each."""
    for number, step, refusal in trajectory.refused:
        if number != round_:
            continue
        by = "" if refusal.guard is None else f" ({refusal.guard})"
        what = f"round {number}, {step.kind}, try {step.attempt}, not used{by}: {refusal.reason}"
        if refusal.reply is None:
            _print_line(console, what)
            continue
        rest = refusal.characters - len(refusal.reply)
        more = f" … and {rest} characters more" if rest else ""
        _paragraph(console, f"{what}:", Text(printable(refusal.reply) + more))


def _changed(before: Version, version: Version, console: Console) -> Text:
    """What a version changed, with colours where the console shows any."""
    if before.text == version.text:
        nothing = "no edits: nothing to change" if version.edits == () else "unchanged"
        return Text(f"({nothing})", style="dim")
    coloured = console.color_system is not None and not console.no_color
    return diff_text(before.text, version.text, version.edits, coloured=coloured)


def _print_edits(version: Version, console: Console) -> None:
    """Print how many edits made a version, and which were not applied as they were written."""
    if (refusal := version.unusable_edits) is not None:
        said = f"version {version.round} is a rewrite, because its edits could not be used"
        _print_line(console, f"{said}: {refusal.reason}")
    if not version.edits:
        return
    remarks = [(edit, edit.remark) for edit in version.edits if edit.remark is not None]
    lines = [f"version {version.round}: {_applied(version.edits)}"]
    lines += [_edit_line(*one, width(console)) for one in remarks[:_SHOWN_EDITS]]
    if len(remarks) > _SHOWN_EDITS:
        lines.append(f"- and {len(remarks) - _SHOWN_EDITS} more")
    console.print(Text("\n".join([*lines, ""]), style="dim"))


def _edit_line(edit: EditResult, remark: str, columns: int) -> str:
    room = columns - len(f"- '': {remark}")
    return f"- '{shortened(printable(edit.line), max(room, _SHORTEST_PASSAGE))}': {remark}"


def _print_notes(version: Version, console: Console) -> None:
    """Print what stood around a revision, and which guards it fails that are off."""
    for step in version.steps:
        for text in step.left_out:
            _paragraph(console, "left out of the reply:", Text(printable(text), style="dim"))
    for failed in version.failed_guards:
        said = f"version {version.round} fails {failed.guard}, which is off: {failed.reason}"
        _print_line(console, said)


def _print_thoughts(round_: int, steps: Sequence[Step], console: Console, *, whole: bool) -> None:
    """Print the thoughts of a round, or how long they are."""
    for step in steps:
        if step.thoughts is None:
            continue
        what = f"round {round_}, {step.kind}, try {step.attempt}, thoughts"
        if whole:
            _paragraph(console, f"{what}:", Text(printable(step.thoughts), style="dim"))
        else:
            _print_line(console, f"{what}: {len(step.thoughts)} characters")


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


def _paragraph(console: Console, heading: str, body: Text) -> None:
    _print_line(console, heading, "bold cyan")
    console.print(body)
    console.print()


def _print_line(console: Console, line: str, style: str = "dim") -> None:
    """Print a line of our own: whole, but a terminal would break it within words."""
    console.print(Text(printable(line), style=style), soft_wrap=not console.is_terminal)
