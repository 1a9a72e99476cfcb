"""``revloop judge``: blind comparison of versions by people, on a sheet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from revloop.cli import output
from revloop.cli.files import Force, new_file
from revloop.cli.stores import StoreToRead
from revloop.errors import InputError
from revloop.evaluation import ComparedWith, Verdicts, comparisons, count_store
from revloop.evaluation.drawing import sample_pairs
from revloop.evaluation.sheets import (
    UnusableSheetRow,
    human_judge,
    match_sheet,
    questions_for_people,
    read_sheet,
    write_sheet,
)
from revloop.files.paths import Writes, check_paths
from revloop.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE = (
    "Example: `revloop judge versions.sqlite --human sheet.csv`, then `revloop judge "
    "versions.sqlite --read sheet.csv --name anna`"
)
_SHOWN = 20
_DEFAULT_NAME = "people"
_DEFAULT_AGAINST: ComparedWith = "original"


def judge(
    store: StoreToRead,
    human: Annotated[
        Path | None,
        typer.Option(help="Write a sheet to fill in (.csv or .jsonl).", metavar="SHEET"),
    ] = None,
    read: Annotated[
        Path | None, typer.Option(help="Read a completed sheet.", metavar="SHEET")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="With --read: name of the judge.", show_default=_DEFAULT_NAME),
    ] = None,
    against: Annotated[
        ComparedWith | None,
        typer.Option(
            help="With --human: version to compare each round with.",
            show_default=_DEFAULT_AGAINST,
        ),
    ] = None,
    only_round: Annotated[
        int | None,
        typer.Option("--round", min=1, help="With --human: only this round. Default: all."),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="With --human: only so many pairs of each round, a stratified random sample, "
            "which the store remembers. Default: all.",
            metavar="N",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="With --sample: draw in proportion to this field of the drafts, besides the stop "
            "reason.",
            metavar="FIELD",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="With --human: random seed.", show_default="0")
    ] = None,
    force: Force = False,
) -> None:
    """Let people compare versions: write a sheet, or read a completed one.

    A sheet has the columns id, prompt, text_a, text_b, verdict (A, B or tie) and reason. Texts and
    rows are in random order. `revloop evaluate` then reports the figures, once all pairs are
    judged, or ten of a sample.
    """
    if (human is None) == (read is None):
        raise InputError("Name a sheet: --human to write one, --read to read one.")
    wanted = _WantedPairs(against, only_round, sample, by, seed)
    if human is not None:
        _refuse("--read", {"--name": name})
        check_paths([Writes(human, "the sheet", may_replace=force)], {"the store": store})
        _write(store, human, wanted, force=force)
    elif read is not None:
        _refuse("--human", {**wanted.by_flag(), "--force": force or None})
        _read(store, read, _DEFAULT_NAME if name is None else name)


def _refuse(needed: str, options: Mapping[str, object]) -> None:
    """Refuse options that would have no effect.

    Raises:
        InputError: One of them is given.
    """
    for flag, value in options.items():
        if value is not None:
            raise InputError(f"{flag} needs {needed}.")


class _WantedPairs(NamedTuple):
    """What a sheet asks about; None: the default."""

    against: ComparedWith | None
    round: int | None
    sample: int | None
    by: str | None
    seed: int | None

    def by_flag(self) -> dict[str, object]:
        """What was chosen, by the option's name."""
        return {f"--{name}": value for name, value in self._asdict().items()}


def _write(store: Path, sheet: Path, wanted: _WantedPairs, *, force: bool) -> None:
    if wanted.by is not None and wanted.sample is None:
        raise InputError("--by needs --sample: a sheet of all pairs is the same with any field.")
    most = count_store(store, by=wanted.by).rounds
    rounds = range(1, most + 1) if wanted.round is None else range(wanted.round, wanted.round + 1)
    pairs: dict[str, Any] = {
        "rounds": rounds,
        "against": comparisons(wanted.against or _DEFAULT_AGAINST),
        "seed": wanted.seed or 0,
    }
    if sheet.suffix.lower() not in {"", ".csv", ".jsonl"}:
        raise InputError(f"{sheet}: a sheet's name ends in .csv or .jsonl.")
    with new_file(sheet, force=force) as file:
        only = None
        if wanted.sample is not None:
            only = sample_pairs(store, **pairs, size=wanted.sample, by=wanted.by)
        with Store.open_to_read(store) as opened:
            questions = questions_for_people(opened.contents(), **pairs, only=only)
        if not questions:
            raise InputError(f"{store} holds no changed text in these rounds.")
        write_sheet(file, questions, as_csv=sheet.suffix.lower() != ".jsonl")
    output.results.print(output.printable(f"{sheet}: {len(questions)} pairs to judge"))


def _read(store: Path, sheet: Path, name: str) -> None:
    who = human_judge(name)
    with Store.open_to_read(store) as opened:
        given, unusable = match_sheet(read_sheet(sheet), opened.contents())
    _tell(unusable)
    if not given:
        raise InputError(f"{sheet} holds no usable verdict.")
    with Verdicts.open(store) as verdicts:
        verdicts.add(who, given)
    output.results.print(output.printable(f"{store}: {len(given)} verdicts of {who.name}"))


def _tell(unusable: list[UnusableSheetRow]) -> None:
    for row in unusable[:_SHOWN]:
        output.say(f"line {row.line}: {row.reason}")
    if len(unusable) > _SHOWN:
        output.say(f"... and {len(unusable) - _SHOWN} more")
