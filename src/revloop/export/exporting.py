"""Export a store: its trajectories one by one into rows, filtered, counted and sampled."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from revloop.errors import InputError
from revloop.evaluation import Verdicts
from revloop.export.benchmarks import BENCHMARKS, answer_row
from revloop.export.filters import accepted, filters_of
from revloop.export.forms import FORMS, FormContext
from revloop.export.preferences import CriticScores, judged_preferences
from revloop.files.compression import STANDARD_OUTPUT
from revloop.files.endings import check_exactly, check_rows, check_trajectories
from revloop.rows.columns import is_flat, open_rows
from revloop.rows.writing import open_output
from revloop.store import Feedback, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from revloop.export.options import ExportOptions
    from revloop.export.preferences import Preferences
    from revloop.records import PersonFeedback
    from revloop.trajectory import JudgeInfo, Trajectory

ROWS_NAME = "train.jsonl"
"""The name of the rows in the folder of a data set, which the hub reads as its part "train"."""

UNFINISHED = "unfinished trajectories"
FAILED = "failed trajectories"
NO_PROMPT = "trajectories without a prompt"

_WHOLE = "trajectories"
_EFFECTS = {
    _WHOLE: frozenset({"where", "sample", "seed"}),
    **{name: form.options for name, form in FORMS.items()},
    **dict.fromkeys(BENCHMARKS, frozenset({"round", "model_name", "where"})),
}
"""The options of the form that have an effect on each form."""


@dataclass
class ExportCounts:
    """What an export read and wrote.

    Attributes:
        trajectories: Trajectories that were read and that the filter accepts.
        unfinished: Those of them that are not finished.
        failed: Those of them that ended with rounds missing.
        rows: Rows written.
        left_out: Number of things that made no row, by reason.
        judges: Whose verdicts decided; empty where none did.
    """

    trajectories: int = 0
    unfinished: int = 0
    failed: int = 0
    rows: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    judges: tuple[JudgeInfo, ...] = ()


def check_form(options: ExportOptions, *, final_only: bool = False, has_card: bool = False) -> None:
    """Check that every option that was given has an effect on the form.

    Raises:
        InputError: One has none, or a filter cannot be read.
    """
    given = {name for name, value in options.given.items() if value != ()}
    for name in sorted(given - {"form"} - _EFFECTS[options.form]):
        flag = name.replace("_", "-")
        raise InputError(f"--{flag} has no effect on the form '{options.form}': leave it out.")
    if final_only and options.form != _WHOLE:
        raise InputError(f"--final-only has no effect on the form '{options.form}': leave it out.")
    if has_card and options.form in {_WHOLE, *BENCHMARKS}:
        raise InputError(f"The form '{options.form}' has no card: leave out --card.")
    filters_of(options.where)


def check_folder(options: ExportOptions, folder: Path) -> None:
    """Check that the form's rows can be a data set in a folder.

    Raises:
        InputError: They are no training data.
    """
    if options.form not in FORMS:
        raise InputError(
            f"{folder} is a folder, and the form '{options.form}' is one file: name the file."
        )


def check_ending_for(options: ExportOptions) -> Callable[[Path], None]:
    """What checks that a form can be written in the format that a name's ending promises."""
    if options.form == _WHOLE:
        return check_trajectories
    if options.form in BENCHMARKS:
        benchmark = BENCHMARKS[options.form]
        return lambda path: check_exactly(path, benchmark.files, benchmark.ending)
    form = FORMS[options.form]
    endings = set() if form.is_jsonl else {".parquet"}
    if not form.is_jsonl and is_flat(form.columns(options)):
        endings.add(".csv")
    what = f"Rows of the form '{options.form}'"
    return lambda path: check_rows(path, what, endings)


def export(
    store: Path,
    output: Path,
    options: ExportOptions,
    *,
    run: int | None = None,
    final_only: bool = False,
) -> ExportCounts:
    """Write what a store holds in the form that the options choose.

    Args:
        store: The store; a batch may be writing to it.
        output: The file; ``-``: standard output.
        options: Form and filters.
        run: The run to read; None: the newest with a trajectory.
        final_only: As for :func:`revloop.rows.open_output`.

    Raises:
        StoreError: The store cannot be read.
        InputError: The file cannot be written, or the form has no row.
        MissingExtraError: A library that it needs is not installed.
    """
    counts = ExportCounts()
    with ExitStack() as opened:
        read = opened.enter_context(Store.open_to_read(store))
        verdicts = opened.enter_context(Verdicts.open_to_read(store))
        made = _Rows(read, verdicts, options, run, _model_name(output, options))
        wanted = _drawn(made, options)
        write = opened.enter_context(_open(output, options, final_only=final_only))
        counts.judges = made.judges
        for number, row in enumerate(made.of(counts)):
            if wanted is None or number in wanted:
                write(row)
                counts.rows += 1
        if not counts.rows and options.form != _WHOLE:
            raise _no_rows(store, options, counts)
    return counts


class _Rows:
    """The rows of a store in one form."""

    def __init__(
        self,
        store: Store,
        verdicts: Verdicts,
        options: ExportOptions,
        run: int | None,
        model_name: str,
    ) -> None:
        self.judges: tuple[JudgeInfo, ...] = ()
        self._store, self._verdicts, self._options = store, verdicts, options
        self._run, self._model_name = run, model_name
        self._filters = filters_of(options.where)
        self._form = FORMS.get(options.form)
        self._of_people = self._feedback()
        self._preferences = self._chosen_preferences()

    def of(self, counts: ExportCounts) -> Iterator[Any]:
        """The rows; counts what is read and what is left out."""
        of_people = dict(self._of_people)  # a form takes out what it has made rows of
        context = FormContext(self._options, self._preferences, counts.left_out, of_people)
        for trajectory in self._store.contents(self._run):
            if accepted(trajectory, self._filters):
                counts.trajectories += 1
                counts.unfinished += trajectory.end is None
                counts.failed += trajectory.failed
                yield from self._rows_of(trajectory, context)

    def _rows_of(self, trajectory: Trajectory, context: FormContext) -> Iterator[Any]:
        name = self._options.form
        if name == _WHOLE:
            yield trajectory
            return
        if name in BENCHMARKS:
            yield answer_row(name, trajectory, self._options.round, self._model_name)
            return
        form = FORMS[name]
        if form.make_of_people is not None:
            yield from form.make_of_people(trajectory, context)
        if name != "versions":
            if trajectory.end is None or trajectory.failed:
                context.left_out[UNFINISHED if trajectory.end is None else FAILED] += 1
                return
            if not trajectory.draft.conversation:
                context.left_out[NO_PROMPT] += 1
                return
        yield from form.make(trajectory, context)

    def _feedback(self) -> dict[str, list[PersonFeedback]]:
        if self._form is None or self._form.make_of_people is None:
            return {}
        run = self._store.newest_run() if self._run is None else self._run
        with Feedback.open_to_read(self._store.path) as feedback:
            return feedback.of_run(run)

    def _chosen_preferences(self) -> Preferences | None:
        options, form = self._options, self._form
        if form is None or not form.needs_preferences(options):
            return None
        if options.prefer == "scores":
            return CriticScores()
        judged = judged_preferences(
            *(self._store, self._verdicts, options, self._run), needs_judges=not self._of_people
        )
        self.judges = judged.judges
        return judged


def _drawn(rows: _Rows, options: ExportOptions) -> frozenset[int] | None:
    """The numbers of the rows in the sample; None: all rows are wanted.

    The rows are counted first, so that memory does not grow with them.
    """
    if options.sample is None:
        return None
    count = sum(1 for _ in rows.of(ExportCounts()))
    drawn = random.Random(f"sample {options.seed}").sample(range(count), min(count, options.sample))
    return frozenset(drawn)


@contextmanager
def _open(
    output: Path, options: ExportOptions, *, final_only: bool
) -> Iterator[Callable[[Any], None]]:
    """A function that writes one row to the output."""
    if options.form == _WHOLE:
        with open_output(output, final_only=final_only) as trajectories:
            yield trajectories.write
        return
    form = FORMS.get(options.form)
    columns = {} if form is None else form.columns(options)
    as_array = options.form in BENCHMARKS and BENCHMARKS[options.form].is_array
    with open_rows(output, columns, as_array=as_array) as rows:
        yield rows.write


def _model_name(output: Path, options: ExportOptions) -> str:
    if options.model_name is not None:
        return options.model_name
    return "revloop" if output == STANDARD_OUTPUT else output.name.partition(".")[0]


def _no_rows(store: Path, options: ExportOptions, counts: ExportCounts) -> InputError:
    left_out = told(counts.left_out)
    why = f" Left out: {left_out}." if left_out else ""
    return InputError(
        f"{store}: none of {counts.trajectories} trajectories makes a row of the form "
        f"'{options.form}', so nothing was written.{why}"
    )


def told(left_out: Counter[str]) -> str:
    """What was left out, in words."""
    return "; ".join(f"{reason}: {count}" for reason, count in left_out.most_common())
