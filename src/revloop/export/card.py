"""The data set card of an export: where the rows come from, and what the judges said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop._version import __version__
from revloop.errors import MissingExtraError
from revloop.evaluation import evaluate
from revloop.evaluation.tables import percent
from revloop.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from revloop.evaluation import RoundFigures
    from revloop.export.exporting import ExportCounts
    from revloop.export.options import ExportOptions
    from revloop.options import RunSettings

CARD_NAME = "README.md"
"""The card's name beside the rows of a data set."""

_SETTINGS = ("keep", "candidates", "critiques", "single_pass", "early_stop", "seed")


def card_of(
    store: Path, options: ExportOptions, counts: ExportCounts, *, run: int | None = None
) -> str:
    """The card, in Markdown with the metadata block of the Hugging Face hub.

    Args:
        store: The store.
        options: Form and filters.
        counts: What was written.
        run: The run that was read; None: the newest with a trajectory.

    Raises:
        StoreError: The store cannot be read.
    """
    with Store.open_to_read(store) as opened:
        newest = opened.newest_run()
        read = newest if run is None else run
        settings = next(one.settings for one in opened.runs() if one.id == read)
    figures = list(_figures(store, counts)) if read == newest else [_OTHER_RUN]
    summary = (
        f"{counts.rows} rows of the form `{options.form}`, exported by revloop {__version__} from "
        f"run {read} of `{store.name}`: {counts.trajectories} trajectories of critique and "
        "revision."
    )
    parts = [
        "---\nlicense: # fill in\nlanguage: # fill in\ntags: [revloop]\n---",
        f"# {store.stem}: {options.form}",
        summary,
        _SOURCE,
        "## How it was made\n\n" + _table("setting", _settings(settings)),
        "## Rows\n\n" + _table("count", _counts(options, counts)),
        "## What the judges said\n\n" + "\n\n".join(figures),
    ]
    return "\n\n".join(parts) + "\n"


_SOURCE = (
    "## Source\n\nFill in: where the prompts and the first answers come from, and their licence. "
    "The revisions were written by the models below, whose licences may bind them."
)
_OTHER_RUN = "Not measured: `revloop evaluate` measures the newest run of a store only."
_NO_JUDGE = "No verdict decided these rows."


def _settings(settings: RunSettings) -> Iterator[tuple[str, object]]:
    yield "critic", settings.model
    yield "prompt set", f"{settings.prompt_set} ({settings.prompt_set_digest})"
    if settings.editor is not None:
        yield "editor", f"{settings.editor.model}, prompt set {settings.editor.prompt_set}"
    yield "temperature", settings.sampling.temperature
    for name in _SETTINGS:
        if (value := getattr(settings, name, None)) is not None:
            yield name.replace("_", " "), value
    for judge in settings.all_judges:
        yield "judge of the rounds", judge.name
    if settings.selector is not None:
        yield "selector of the rounds", settings.selector.name
    if settings.checks:
        yield "checks", ", ".join(check.name for check in settings.checks)
    yield "digest of all settings", settings.digest


def _counts(options: ExportOptions, counts: ExportCounts) -> Iterator[tuple[str, object]]:
    yield "rows", counts.rows
    yield "trajectories read", counts.trajectories
    for reason, count in counts.left_out.most_common():
        yield f"left out: {reason}", count
    for name, value in sorted(options.given.items()):
        if name != "form" and value not in {(), None}:
            shown = ", ".join(value) if isinstance(value, tuple) else value
            yield f"option: {name.replace('_', ' ')}", shown


def _figures(store: Path, counts: ExportCounts) -> Iterator[str]:
    """For each judge, the last round of the whole store against the originals."""
    if not counts.judges:
        yield _NO_JUDGE
        return
    try:
        found = evaluate(store, counts.judges)
    except MissingExtraError as exc:
        yield f"Not measured: {exc}"
        return
    yield "All finished trajectories of the run after their last round, against the originals."
    for of_judge in found.judges:
        if of_judge.rounds:
            yield _table(f"judge: {of_judge.judge.name}", _of_round(of_judge.rounds[-1]))


def _of_round(figures: RoundFigures) -> Iterator[tuple[str, object]]:
    yield "round", figures.round
    yield "records", figures.records
    interval = (
        ""
        if figures.win_rate is None
        else (
            f" (95% interval: {percent(figures.win_rate_low)} to {percent(figures.win_rate_high)})"
        )
    )
    yield "win rate", percent(figures.win_rate) + interval
    yield "harmed (lost in both orders)", percent(figures.harm_rate)
    yield "verdicts that changed with the order", percent(figures.order_flip_share)
    if figures.mean_characters is not None and figures.length_ratio:
        yield "mean characters before", round(figures.mean_characters / figures.length_ratio)
        yield "mean characters after", round(figures.mean_characters)


def _table(heading: str, rows: Iterator[tuple[str, object]]) -> str:
    lines = [f"| {heading} | |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {_cell(name)} | {_cell(value)} |" for name, value in rows)])


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
