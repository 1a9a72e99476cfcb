"""``revloop show``: list the trajectories of a store, or print one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from revloop.cli import output
from revloop.cli.stores import RunToRead, StoreToRead, tell_which_run
from revloop.cli.versions import print_trajectory
from revloop.errors import InputError
from revloop.evaluation import Verdicts
from revloop.export import (
    ExportOptions,
    accepted,
    filters_of,
    is_harmed,
    judged_preferences,
)
from revloop.files.paths import check_paths, standard_output
from revloop.options import Prices
from revloop.store import Store
from revloop.trajectory import StopReason, Trajectory

if TYPE_CHECKING:
    from revloop.export import FieldFilter
    from revloop.export.preferences import Preferences

EXAMPLE = (
    "Example: `revloop show versions.sqlite` lists, `revloop show versions.sqlite 7` shows one."
)


_UNFINISHED = "unfinished"

SortKey = Literal["id", "rounds", "score", "length"]


@dataclass(frozen=True, slots=True)
class _Filter:
    """Which trajectories are shown."""

    fields: tuple[FieldFilter, ...]
    reasons: frozenset[str]
    preferences: Preferences | None

    def accepts(self, trajectory: Trajectory) -> bool:
        if self.reasons and _reason(trajectory) not in self.reasons:
            return False
        if not accepted(trajectory, self.fields):
            return False
        return self.preferences is None or is_harmed(trajectory, self.preferences)


def show(
    store: StoreToRead,
    draft_id: Annotated[
        str | None, typer.Argument(help="Id of a draft or trajectory.", metavar="[ID]")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Only drafts whose field has this value; repeat it for several fields.",
            metavar="FIELD=VALUE",
        ),
    ] = None,
    reason: Annotated[
        list[str] | None,
        typer.Option(
            help="Only trajectories that ended for this stop reason, or 'unfinished'; repeat it "
            "for several.",
            metavar="REASON",
        ),
    ] = None,
    harmed: Annotated[
        bool,
        typer.Option(
            "--harmed", help="Only those whose original the judges prefer to what was kept."
        ),
    ] = False,
    sort: Annotated[
        SortKey | None,
        typer.Option(help="Sort by this column, least first. Default: the order of the input."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print trajectories as JSON, one per line.")
    ] = False,
    thoughts: Annotated[
        bool, typer.Option("--thoughts", help="Print a reasoning model's thoughts too.")
    ] = False,
    prices: Annotated[
        Path | None,
        typer.Option(help="TOML file of prices by model, to print costs.", metavar="FILE"),
    ] = None,
    run: RunToRead = None,
) -> None:
    """List the trajectories of a store, or print one with its versions and critiques."""
    check_paths([standard_output()], {"the store": store, "the prices": prices})
    known = None if prices is None else Prices.load(prices)
    with ExitStack() as opened:
        read = opened.enter_context(Store.open_to_read(store))
        tell_which_run(read, run)
        preferences = None
        if harmed:
            verdicts = opened.enter_context(Verdicts.open_to_read(store))
            preferences = judged_preferences(read, verdicts, ExportOptions(), run, or_scores=False)
        wanted = _Filter(filters_of(where or ()), _checked_reasons(reason or ()), preferences)
        contents = read.contents(run, name=draft_id)
        if draft_id is not None:
            contents = iter(_found(read, contents, draft_id))
        _print(
            filter(wanted.accepts, contents),
            sort,
            _Printing(as_json=as_json, is_list=draft_id is None, thoughts=thoughts, prices=known),
        )


class _Printing(NamedTuple):
    """How trajectories are printed.

    Attributes:
        as_json: As lines of JSON.
        is_list: As a line each.
        thoughts: With the thoughts of a reasoning model.
        prices: The prices of the models, to print costs.
    """

    as_json: bool
    is_list: bool
    thoughts: bool
    prices: Prices | None


def _found(store: Store, contents: Iterable[Trajectory], name: str) -> list[Trajectory]:
    """The trajectories of one id.

    Raises:
        InputError: There is none.
    """
    found = list(contents)
    if not found:
        raise InputError(f"{store.path} has no trajectory '{name}'{_elsewhere(store, name)}.")
    return found


def _print(trajectories: Iterable[Trajectory], sort: SortKey | None, printing: _Printing) -> None:
    """Print trajectories as they are read; of sorted ones, the lines are held until all are."""
    if not (printing.as_json or printing.is_list):
        for trajectory in trajectories:
            print_trajectory(trajectory, thoughts=printing.thoughts, prices=printing.prices)
        return
    key = _SORT_KEYS[sort] if sort is not None else lambda _: 0
    lines: Iterable[tuple[Any, str]] = (
        (key(one), one.to_json() if printing.as_json else _line_of(one)) for one in trajectories
    )
    if sort is not None:
        lines = sorted(lines, key=itemgetter(0))
    if not printing.as_json:
        output.results.print(_line("id", "rounds", "score", "ended", "last version"), style="bold")
    for _, line in lines:
        if printing.as_json:
            output.print_json(line)
        else:
            output.results.print(line)


def _checked_reasons(names: Iterable[str]) -> frozenset[str]:
    """The stop reasons that were named.

    Raises:
        InputError: There is no such reason.
    """
    known = [reason.value for reason in StopReason]
    for name in names:
        if name not in {*known, _UNFINISHED}:
            raise InputError(
                f"There is no stop reason '{name}'. Known: {', '.join([*known, _UNFINISHED])}."
            )
    return frozenset(names)


def _elsewhere(opened: Store, name: str | None) -> str:
    """A note on which other runs have the trajectory."""
    runs = [str(run) for run in opened.run_ids() if any(opened.contents(run, name=name))]
    return f" in this run; --run {' or '.join(runs)} has one" if runs else ""


def _line_of(trajectory: Trajectory) -> str:
    reason = _reason(trajectory)
    name, preview = (
        output.printable(" ".join(text.split()))
        for text in (str(trajectory.draft.id), trajectory.final)
    )
    ended = "not yet" if reason == _UNFINISHED else reason
    return _line(name, str(trajectory.rounds), _scores(trajectory), ended, preview)


def _line(draft_id: str, rounds: str, score: str, ended: str, preview: str) -> str:
    """A line of the list, cut to the terminal's width."""
    line = f"{draft_id:<16}  {rounds:>6}  {score:>8}  {ended:<18}  {preview}"
    return output.shortened(line, output.width())


def _reason(trajectory: Trajectory) -> str:
    return _UNFINISHED if trajectory.end is None else trajectory.end.reason.value


def _known_scores(trajectory: Trajectory) -> list[float]:
    """The critic's scores of the versions that it scored, in order."""
    scores = (trajectory.score_of(version.round) for version in trajectory.versions)
    return [score for score in scores if score is not None]


def _scores(trajectory: Trajectory) -> str:
    """The critic's first and last score: ``3 > 7``; empty if it gave none."""
    scores = _known_scores(trajectory)
    ends = [scores[0], scores[-1]] if len(scores) > 1 else scores
    return " > ".join(f"{score:g}" for score in ends)


_SORT_KEYS: dict[SortKey, Callable[[Trajectory], Any]] = {
    "id": lambda trajectory: trajectory.draft.name,
    "rounds": lambda trajectory: trajectory.rounds,
    "score": lambda trajectory: (_known_scores(trajectory) or [-math.inf])[-1],
    "length": lambda trajectory: len(trajectory.kept_text),
}
