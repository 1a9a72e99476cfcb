"""``revloop serve``: a vLLM server, up until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from revloop.cli import output
from revloop.cli.options import ApiKeyFile, model_folder
from revloop.engines.factory import DEMO, SHIPPED_CRITIC
from revloop.errors import InputError
from revloop.files.paths import Kind, Writes, check_paths
from revloop.models.config import ignored_sampling
from revloop.options.engine import read_key
from revloop.serving import (
    ServerOptions,
    Speculation,
    SupervisedServer,
    VllmServer,
    speculation_warning,
    stopping_on_sigterm,
)
from revloop.serving.diagnosis import sampling_warning
from revloop.values import explain

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = "Example: `revloop serve ./critic --tensor-parallel-size 2 -- --max-model-len 2048`"
PASSES_OPTIONS_ON = {"allow_extra_args": True, "ignore_unknown_options": False}


def serve(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            help="Model folder or hub id; demo: the toy critic that ships with revloop."
        ),
    ],
    tensor_parallel_size: Annotated[
        int, typer.Option("--tensor-parallel-size", "-tp", min=1, help="GPUs that share the model.")
    ] = 1,
    host: Annotated[
        str, typer.Option(help="Address to bind to; this machine only, unless you say otherwise.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to bind to.")] = 8000,
    served_model_name: Annotated[
        str | None, typer.Option(help="The name that requests use. Else: MODEL as given.")
    ] = None,
    eager: Annotated[
        bool, typer.Option("--eager", help="Do not compile the model: up sooner, slower after.")
    ] = False,
    speculate: Annotated[
        Speculation, typer.Option(help="Draft tokens ahead from n-grams or suffix trees.")
    ] = "off",
    log: Annotated[
        Path | None, typer.Option(help="Where vLLM's output goes.", metavar="PATH")
    ] = None,
    api_key_file: ApiKeyFile = None,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart",
            help="Start the server again when it dies: up to 5 times within an hour, after pauses "
            "that grow.",
        ),
    ] = False,
) -> None:
    """Serve a model with vLLM and wait until Ctrl-C. Options after -- go to vLLM as they stand."""
    try:
        options = ServerOptions(
            model=model_folder(model),
            tensor_parallel_size=tensor_parallel_size,
            host=host,
            port=port,
            served_model_name=served_model_name or (SHIPPED_CRITIC if model == DEMO else None),
            enforce_eager=eager,
            speculate=speculate,
            log_path=log,
            api_key=None if api_key_file is None else read_key(api_key_file),
            vllm_options=tuple(context.args),
        )
    except ValidationError as exc:
        raise InputError(f"An option cannot be used: {explain(exc)}.") from exc
    check_paths(
        [] if log is None else [Writes(log, "the log", Kind.IN_PLACE)],
        {"the model": options.model, "the key": api_key_file},
    )
    if doubt := speculation_warning(speculate):
        output.complain(doubt)
    with (
        stopping_on_sigterm(),
        output.stages("starting vLLM") as tell,
        _server(options, tell, restart=restart) as server,
    ):
        tell.stop()
        for told in _about_sampling(options, server.log_path):
            output.say(told)
        output.say(f"Log: {server.log_path}")
        output.results.print(f"{server.model} is served at {server.base_url}")
        output.say("Ctrl-C stops it.")
        try:
            server.wait()
        except KeyboardInterrupt:
            output.say("Stopping the server ...")
    output.say("The server has stopped.")


def _about_sampling(options: ServerOptions, log_path: Path) -> Iterator[str]:
    """What the model's authors suggest and is not followed, or what vLLM was told to follow."""
    if warning := sampling_warning(log_path.read_text(encoding="utf-8", errors="replace")):
        yield warning
    elif told := ignored_sampling(options.model):
        yield told


def _server(
    options: ServerOptions, tell: output.StageTeller, *, restart: bool
) -> VllmServer | SupervisedServer:
    if restart:
        return SupervisedServer(options, tell=output.say, on_progress=tell)
    return VllmServer(options, on_progress=tell)
