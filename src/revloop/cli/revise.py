"""``revloop revise``: one response, from an argument, a file or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from revloop.cli import output
from revloop.cli.files import judges_read
from revloop.cli.options import (
    ApiKeyFile,
    BaseUrl,
    Candidates,
    EarlyStop,
    Iterations,
    Judge,
    JudgePrompts,
    KeepWhich,
    Model,
    NewRun,
    Prompts,
    Seed,
    SinglePass,
    StopScore,
    Store,
    Temperature,
    TensorParallelSize,
    Tokenizer,
    TopP,
    judge_opener,
    read_key,
    read_text,
)
from revloop.errors import EngineError, InputError
from revloop.evaluation import DEFAULT_JUDGE_PROMPTS
from revloop.files.compression import STANDARD_INPUT
from revloop.files.paths import Kind, Writes, check_paths, standard_output
from revloop.options import DEFAULT_ITERATIONS, DEFAULT_PROMPTS
from revloop.reviser import Reviser
from revloop.trajectory import Draft, as_draft

EXAMPLE = (
    'Example: `revloop revise "Thier answer." --prompt "The question?" --iterations 3 '
    "--base-url http://127.0.0.1:8000`"
)


def revise(
    response: Annotated[
        str | None, typer.Argument(help="The response; left out: read from standard input.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Read the response from this file.", metavar="PATH")
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="What the response answers.")] = None,
    draft_id: Annotated[
        str | None, typer.Option("--id", help="The draft's name in the store.")
    ] = None,
    iterations: Iterations = DEFAULT_ITERATIONS,
    base_url: BaseUrl = None,
    model: Model = None,
    tensor_parallel_size: TensorParallelSize = 1,
    tokenizer: Tokenizer = None,
    api_key_file: ApiKeyFile = None,
    prompts: Prompts = DEFAULT_PROMPTS,
    single_pass: SinglePass = False,
    temperature: Temperature = None,
    top_p: TopP = None,
    seed: Seed = 0,
    early_stop: EarlyStop = True,
    stop_score: StopScore = None,
    keep: KeepWhich = "last",
    candidates: Candidates = 1,
    judge: Judge = None,
    judge_prompts: JudgePrompts = DEFAULT_JUDGE_PROMPTS,
    store: Store = None,
    new_run: NewRun = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole trajectory as JSON.")
    ] = False,
) -> None:
    """Make one response better by rounds of critique and revision.

    The version that is kept (the last one, unless a judge chooses) goes to standard output, the
    progress to standard error.
    """
    reviser = Reviser(  # before anything is read: options that cannot be used end it at once
        base_url=base_url,
        model=model,
        tensor_parallel_size=tensor_parallel_size,
        tokenizer=tokenizer,
        api_key=read_key(api_key_file),
        prompts=prompts,
        single_pass=single_pass,
        temperature=temperature,
        top_p=top_p,
        seed=seed,
        early_stop=early_stop,
        stop_score=stop_score,
        keep=keep,
        candidates=candidates,
        judge=judge_opener(judge, judge_prompts),
        store=store,
        new_run=new_run,
    )
    check_paths(
        [standard_output(), *([] if store is None else [Writes(store, "the store", Kind.STORE)])],
        {
            "the response": file,
            "the prompt set": prompts,
            "the model": model,
            "the tokenizer": tokenizer,
            "the key": api_key_file,
            "the judges' prompts": judge_prompts,
            **judges_read([judge]),
        },
        data=STANDARD_INPUT if response is None and file is None else None,
    )
    draft = _draft(_read_response(response, file), prompt, draft_id)
    with reviser:
        tell = output.version_teller(iterations)
        trajectory = reviser.revise(draft, iterations=iterations, on_version=tell)
    end = trajectory.end
    if end is not None:
        output.say(f"{end.detail} {output.totals(trajectory)}")
    if trajectory.kept != trajectory.rounds:
        output.say(f"Kept: version {trajectory.kept} of {trajectory.rounds}.")
    if as_json:
        output.print_json(trajectory.model_dump_json(indent=2))
    else:
        output.print_text(trajectory.kept_text)
    if end is not None and end.reason.is_failure:
        output.complain(f"Only {trajectory.rounds} of {iterations} rounds were done.")
        raise typer.Exit(EngineError.exit_code)


def _read_response(argument: str | None, file: Path | None) -> str:
    if argument is not None and file is not None:
        raise InputError("Give the response as an argument or with --file, not both.")
    if argument is not None:
        return argument
    if file is not None:
        return read_text(file)
    if sys.stdin.isatty():
        output.say("Reading the response from standard input; end it with Ctrl-D.")
    return read_text(None)


def _draft(response: str, prompt: str | None, draft_id: str | None) -> Draft:
    named = {} if draft_id is None else {"id": draft_id}
    return as_draft({"response": response, "prompt": prompt, **named})
