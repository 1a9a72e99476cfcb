"""Options that several commands share, so that they have the same names and say the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from revloop.cli.stores import tell_if_in_two_files
from revloop.demo import CRITIC_FOLDER
from revloop.engines.factory import DEMO
from revloop.evaluation import open_judge
from revloop.options import HOW_TO_NAME_A_JUDGE, Keep
from revloop.trajectory import verdicts as judging

_ENGINE, _LOOP = "Engine", "Loop"

Iterations = Annotated[
    int, typer.Option("--iterations", "-n", help="Rounds of critique and revision.")
]
Store = Annotated[
    Path | None,
    typer.Option(
        help="File that every version is committed to.",
        metavar="PATH",
        callback=tell_if_in_two_files,
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        help="Address of an OpenAI-compatible server. Else: REVLOOP_BASE_URL.",
        metavar="URL",
        rich_help_panel=_ENGINE,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        help="With a server: the model it serves. Without: a model folder or hub id to run in "
        "this process; demo is the toy critic that ships with revloop. Else: REVLOOP_MODEL.",
        rich_help_panel=_ENGINE,
    ),
]
TensorParallelSize = Annotated[
    int,
    typer.Option(
        "--tensor-parallel-size",
        "-tp",
        min=1,
        help="GPUs that share the model.",
        rich_help_panel=_ENGINE,
    ),
]
Tokenizer = Annotated[
    str | None,
    typer.Option(
        help="Folder of the served model, to send exact tokens. Found by itself for a vLLM server "
        "on this machine.",
        metavar="PATH",
        rich_help_panel=_ENGINE,
    ),
]
ApiKeyFile = Annotated[
    Path | None,
    typer.Option(
        help="File that holds the server's key. Else: REVLOOP_API_KEY.",
        metavar="PATH",
        rich_help_panel=_ENGINE,
    ),
]
Prompts = Annotated[
    str,
    typer.Option(
        help="Prompt set: cnr (a fine-tuned critic), chat (any instruction-tuned model), or a "
        "folder of your own.",
        metavar="NAME|DIR",
        rich_help_panel=_LOOP,
    ),
]
SinglePass = Annotated[
    bool,
    typer.Option(
        "--single-pass",
        help="Critique and revision in one request.",
        rich_help_panel=_LOOP,
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        min=0, help="0: the likeliest token. Else: the prompt set's.", rich_help_panel=_LOOP
    ),
]
TopP = Annotated[
    float | None,
    typer.Option(help="Nucleus to draw tokens from, above 0 to 1.", rich_help_panel=_LOOP),
]
Seed = Annotated[
    int, typer.Option(min=0, help="Where random choices start.", rich_help_panel=_LOOP)
]
EarlyStop = Annotated[
    bool,
    typer.Option(help="End when a round changes nothing or goes back.", rich_help_panel=_LOOP),
]
NewRun = Annotated[
    bool, typer.Option("--new-run", help="Begin a new run in the store, whatever it holds.")
]
StopScore = Annotated[
    float | None,
    typer.Option(help="End when a critique's score is at least this.", rich_help_panel=_LOOP),
]

KeepWhich = Annotated[
    Keep,
    typer.Option(
        help="Which version is kept. last: the last one. best: the one that a judge prefers, "
        "version 0 included. gate: the same, and each round starts from the one that is kept.",
        rich_help_panel=_LOOP,
    ),
]
Candidates = Annotated[
    int,
    typer.Option(
        min=1,
        max=64,
        help="Revisions a round; the judge chooses one, or without one the critic's own score.",
        rich_help_panel=_LOOP,
    ),
]
StoreToRead = Annotated[
    Path, typer.Argument(help="The store.", metavar="STORE", callback=tell_if_in_two_files)
]
Judge = Annotated[
    str | None,
    typer.Option(
        help=f"For --keep best or gate, and for --candidates: who compares. {HOW_TO_NAME_A_JUDGE}.",
        metavar="JUDGE",
        rich_help_panel=_LOOP,
    ),
]
JudgePrompts = Annotated[
    str,
    typer.Option(help="Prompt set of a model judge.", metavar="NAME|DIR", rich_help_panel=_LOOP),
]


def model_folder(name: str) -> str:
    """The model that a name stands for: ``demo`` is the toy critic that ships with revloop."""
    return str(CRITIC_FOLDER) if name == DEMO else name


def judge_opener(spec: str | None, prompts: str) -> Callable[[], Awaitable[judging.Judge]] | None:
    """What opens the judge that was named, in the event loop that will use it."""
    return None if spec is None else partial(open_judge, spec, prompts=prompts)
