"""``revloop records``: check, import, split and render feedback records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Annotated, TextIO

import typer
from pydantic import BaseModel

from revloop.cli import output
from revloop.cli.files import Force, make_folder, model_folder, new_file
from revloop.cli.findings import RecordsWritten, print_report, tell_findings, tell_outcome
from revloop.cli.generated import with_options
from revloop.demo.records import demo_records
from revloop.engines.tokens import PromptTokenizer
from revloop.errors import InputError, MissingExtraError
from revloop.files.paths import Kind, Writes, check_paths, standard_output
from revloop.options import DEFAULT_PROMPTS, RunOptions
from revloop.prompts import PromptSet
from revloop.records import (
    DEFAULT_LIKENESS,
    DEFAULT_SHARES,
    FORMATS,
    PARTS,
    STORE_SOURCE,
    Finding,
    FindingKind,
    LanguageDetector,
    Lesson,
    NearDuplicates,
    RecordEntry,
    RecordLimits,
    Report,
    TrainingText,
    ValidationOptions,
    assign_parts,
    import_records,
    only_entries,
    prompt_key,
    read_records,
    read_rows,
    records_of_people,
    records_of_trajectories,
    training_texts,
    validate,
)
from revloop.rows.unusable import Defect, refuse_if_all_unusable
from revloop.store import Feedback, Store
from revloop.values import json_text

Prompts = Annotated[
    str, typer.Option(help=RunOptions.model_fields["prompts"].description, metavar="NAME|DIR")
]
_OTHER_FORMAT = f"Is that its format? Known: {', '.join((*FORMATS, STORE_SOURCE))}."

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

File = Annotated[Path, typer.Argument(metavar="FILE", help="Records: JSONL, plain, .gz or .zst.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", help="File to write. Default: standard output.", metavar="PATH"),
]
Json = Annotated[bool, typer.Option("--json", help="Print the summary and all findings as JSON.")]
_FORMAT_NAMES = ", ".join((*FORMATS, STORE_SOURCE))


@app.command("validate", epilog="Example: `revloop records validate records.jsonl`")
@with_options(validation=ValidationOptions)
def validate_file(
    file: File,
    validation: ValidationOptions,
    prompts: Prompts = DEFAULT_PROMPTS,
    output_file: Annotated[
        Path | None,
        typer.Option("--output", help="Write the valid records to this file.", metavar="PATH"),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Check records: missing, empty, repeated, too long or out-of-range values, by line."""
    reads = {"the prompt set": prompts, **validation.paths_read()}
    check_paths(_written(output_file, force=force), reads, data=file)
    chosen = _limits(validation, PromptSet.load(prompts))
    with ExitStack() as opened:
        # opened before the work, so that an unusable path is reported first
        out = opened.enter_context(new_file(output_file, force=force)) if output_file else None
        report = validate(read_records(file), chosen)
        if as_json:
            output.print_json(report.model_dump_json(indent=2))
        else:
            print_report(report)
        if not report.valid:
            raise _nothing_valid(file)
        if out is not None:
            _write(_valid_records(file, report), out)


@app.command(
    "import", epilog="Example: `revloop records import aligner train.jsonl --output records.jsonl`"
)
def import_file(
    format_name: Annotated[str, typer.Argument(metavar="FORMAT", help=f"One of: {_FORMAT_NAMES}.")],
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Data set (JSONL, plain, .gz or .zst) or store."),
    ],
    output_file: Output = None,
    people: Annotated[
        bool, typer.Option("--people", help="From a store: only the feedback of people.")
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Convert the rows of a public data set, or the rounds of a store, to records.

    From a store come its rounds, and what people wrote on its versions in `revloop review`.
    """
    if people and format_name != STORE_SOURCE:
        raise InputError(f"--people needs the format {STORE_SOURCE}.")
    if format_name not in {*FORMATS, STORE_SOURCE}:
        raise InputError(f"There is no format '{format_name}'. Known: {_FORMAT_NAMES}.")
    _check_destination(output_file, as_json=as_json)
    check_paths(_written(output_file, force=force), data=file)
    findings: list[Finding] = []
    with ExitStack() as opened:
        if format_name == STORE_SOURCE:
            store = opened.enter_context(Store.open_to_read(file))
            feedback = opened.enter_context(Feedback.open_to_read(file))
            of_people = records_of_people(store.contents(), feedback.of_run(store.newest_run()))
            rounds = records_of_trajectories(() if people else store.contents())
            imported: Iterable[RecordEntry | Finding] = chain(rounds, of_people)
        else:
            imported = refuse_if_all_unusable(
                import_records(format_name, read_rows(file)), _defect, str(file), _OTHER_FORMAT
            )
        records = (entry.record for entry in only_entries(imported, findings))
        _write_all(records, file, output_file, findings, force=force, as_json=as_json)


@app.command("split", epilog="Example: `revloop records split records.jsonl --output split`")
def split_file(
    file: File,
    output_folder: Annotated[
        Path,
        typer.Option("--output", help="Folder to write the three parts to.", metavar="DIR"),
    ],
    shares: Annotated[
        tuple[float, float, float],
        typer.Option(
            min=0,
            help="Shares of train, validation and test.",
            metavar="N N N",
            show_default=" ".join(map(str, DEFAULT_SHARES)),
        ),
    ] = DEFAULT_SHARES,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Split records into train, validation and test; each prompt is in one of them only."""
    paths = [output_folder / f"{part}.jsonl" for part in PARTS]
    parts_written = [
        Writes(path, f"the part {part}", may_replace=force, makes_parents=True)
        for path, part in zip(paths, PARTS, strict=True)
    ]
    folder = Writes(output_folder, "the folder of the parts", Kind.FOLDER)
    check_paths([folder, *parts_written], {"the records": file})
    findings: list[Finding] = []
    keys = [prompt_key(entry.record) for entry in only_entries(read_records(file), findings)]
    if not keys:
        tell_findings(findings)
        raise _nothing_valid(file)
    parts = assign_parts(keys, shares=shares, seed=seed)
    make_folder(output_folder)
    with ExitStack() as opened:
        files = [opened.enter_context(new_file(path, force=force)) for path in paths]
        entries = only_entries(read_records(file), [])
        for entry, part in zip(entries, parts, strict=True):
            _write([entry.record], files[part])
    written = {str(path): parts.count(index) for index, path in enumerate(paths)}
    tell_outcome(RecordsWritten(written=written, findings=tuple(findings)), as_json=as_json)


@app.command("render", epilog="Example: `revloop records render records.jsonl --prompts cnr`")
def render_file(
    file: File,
    prompts: Prompts = DEFAULT_PROMPTS,
    lesson: Annotated[
        Lesson | None, typer.Option(help="Only records that teach this. Default: all.")
    ] = None,
    output_file: Output = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Render records as training text: prompts and targets in the loop's format."""
    _check_destination(output_file, as_json=as_json)
    check_paths(_written(output_file, force=force), {"the prompt set": prompts}, data=file)
    findings: list[Finding] = []
    entries = only_entries(read_records(file), findings)
    wanted = (entry for entry in entries if lesson in {None, entry.record.lesson})
    texts = _rendered(wanted, PromptSet.load(prompts), findings)
    _write_all(texts, file, output_file, findings, force=force, as_json=as_json)


@app.command("generate", epilog="Example: `revloop records generate 1000 --output records.jsonl`")
def generate(
    count: Annotated[int, typer.Argument(min=1, help="Number of records.")],
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    output_file: Output = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Generate synthetic records of the demo's domain, to try fine-tuning."""
    _check_destination(output_file, as_json=as_json)
    check_paths(_written(output_file, force=force))
    records = demo_records(count, seed=seed)
    _write_all(records, "the generator", output_file, [], force=force, as_json=as_json)


def _defect(item: RecordEntry | Finding) -> Defect | None:
    return Defect(item.reason, "") if isinstance(item, Finding) else None


def _rendered(
    entries: Iterable[RecordEntry], prompts: PromptSet, findings: list[Finding]
) -> Iterator[TrainingText]:
    for line, record in entries:
        try:
            yield from training_texts(record, prompts)
        except InputError as exc:
            kind = FindingKind.NOT_RENDERED
            findings.append(Finding(line=line, kind=kind, reason=str(exc)))


def _limits(options: ValidationOptions, prompts: PromptSet) -> RecordLimits:
    folder = None if options.tokenizer is None else model_folder(options.tokenizer)
    return RecordLimits(
        prompts=prompts,
        count_tokens=None if folder is None else PromptTokenizer.from_folder(folder).count,
        context_tokens=options.context_tokens,
        near_duplicates=_near_duplicates(options.likeness),
        languages=_languages(),
    )


def _near_duplicates(likeness: float | None) -> NearDuplicates | None:
    """Finds near duplicates; None if its library is missing and it was not asked for."""
    try:
        return NearDuplicates(DEFAULT_LIKENESS if likeness is None else likeness)
    except MissingExtraError:
        if likeness is not None:
            raise
        return None


def _languages() -> LanguageDetector | None:
    try:
        return LanguageDetector()
    except MissingExtraError:
        return None


def _valid_records(file: Path, report: Report) -> Iterator[BaseModel]:
    bad = report.error_lines
    entries = only_entries(read_records(file), [])
    return (entry.record for entry in entries if entry.line not in bad)


def _check_destination(path: Path | None, *, as_json: bool) -> None:
    if path is None and as_json:
        raise InputError(
            "--json prints a summary on stdout: name a file for the records (--output)."
        )


def _written(path: Path | None, *, force: bool) -> list[Writes]:
    """The output to check: a file, or standard output."""
    return [standard_output() if path is None else Writes(path, may_replace=force)]


@contextmanager
def _destination(path: Path | None, *, force: bool) -> Iterator[TextIO | None]:
    """The file to write, or None for standard output."""
    if path is None:
        yield None
        return
    with new_file(path, force=force) as file:
        yield file


def _write(values: Iterable[BaseModel], out: TextIO | None) -> int:
    """Write values as JSON lines; returns their number."""
    count = 0
    for value in values:
        line = json_text(value.model_dump(exclude_defaults=True))
        if out is None:
            output.print_json(line)
        else:
            out.write(f"{line}\n")
        count += 1
    return count


def _write_all(
    values: Iterable[BaseModel],
    source: Path | str,
    path: Path | None,
    findings: list[Finding],
    *,
    force: bool,
    as_json: bool,
) -> None:
    """Write values to a file or standard output, and report the findings that this brings up.

    Raises:
        InputError: There are no values, or the file cannot be written.
    """
    with _destination(path, force=force) as out:
        written = _write(values, out)
        if not written:
            tell_findings(findings)
            raise _nothing_valid(source)
    findings.sort(key=lambda finding: finding.line)
    if path is None:
        tell_findings(findings)
    else:
        outcome = RecordsWritten(written={str(path): written}, findings=tuple(findings))
        tell_outcome(outcome, as_json=as_json)


def _nothing_valid(file: Path | str) -> InputError:
    return InputError(f"{file} holds no usable record; see the findings.")
