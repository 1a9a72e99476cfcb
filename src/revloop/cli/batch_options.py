"""The options of ``revloop batch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from revloop.cli.stores import tell_if_in_two_files
from revloop.errors import InputError
from revloop.rows import AUTO, FORMS

_INPUT, _RUN, _SPEED = "Input", "Run", "Speed"

Input = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        help="JSONL (plain, .gz, .zst), Parquet, the folder of a saved data set, "
        "hf:OWNER/NAME[:SPLIT], or - for standard input.",
    ),
]
Output = Annotated[
    Path,
    typer.Argument(
        metavar="OUTPUT",
        help="File to write: JSONL (plain, .gz or .zst) or .parquet, by its name; -: stdout.",
    ),
]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        metavar="OURS=THEIRS",
        help="The input's name for id, prompt, messages or response: --field prompt=question.",
        rich_help_panel=_INPUT,
    ),
]
Form = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="|".join((AUTO, *FORMS)),
        help="The form of the rows.",
        rich_help_panel=_INPUT,
    ),
]
Questions = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="The questions of FastChat answers. Else: question.jsonl beside them.",
        rich_help_panel=_INPUT,
    ),
]
ShareDuplicates = Annotated[
    bool,
    typer.Option(
        "--share-duplicates",
        help="Revise rows with the same prompt and response once. Always so at temperature 0.",
        rich_help_panel=_INPUT,
    ),
]
FinalOnly = Annotated[
    bool,
    typer.Option(
        "--final-only",
        help="Write each row as it came in, with `response` replaced by the last version and "
        "the one that came in under `original_response`. Else: all versions.",
    ),
]
BatchStore = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="PATH",
        help="File that every version is committed to. Else: OUTPUT.sqlite.",
        callback=tell_if_in_two_files,
        rich_help_panel=_RUN,
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option("--retry-failed", help="Try failed trajectories again.", rich_help_panel=_RUN),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict", help="Stop at the first row that cannot be used.", rich_help_panel=_RUN
    ),
]
MaxFailures = Annotated[
    str | None,
    typer.Option(
        metavar="N|P%",
        help="Stop when more rows were rejected or trajectories failed: a number, or a share "
        "of all so far.",
        rich_help_panel=_RUN,
    ),
]
MinConcurrency = Annotated[
    int, typer.Option(min=1, help="Fewest requests at once.", rich_help_panel=_SPEED)
]
MaxConcurrency = Annotated[
    int,
    typer.Option(
        min=1,
        help="Most requests at once; how many it is depends on how busy the server is.",
        rich_help_panel=_SPEED,
    ),
]
WaitForServer = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        min=0,
        help="How long a server that went away is waited for. 0: no longer than a request is "
        "tried anyway, about a minute and a half.",
        rich_help_panel=_RUN,
    ),
]
LogJson = Annotated[
    bool, typer.Option("--log-json", help="Progress as JSON lines on standard error.")
]


def read_fields(given: list[str] | None) -> dict[str, str]:
    """Our names of fields to the input's.

    Raises:
        InputError: A pair has not the form OURS=THEIRS.
    """
    fields = {}
    for pair in given or ():
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs):
            raise InputError(f"--field is '{pair}'; it is OURS=THEIRS, as in prompt=question.")
        fields[ours] = theirs
    return fields
