"""``revloop serve``: a vLLM server, up until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from revloop.cli import output
from revloop.cli.files import model_folder
from revloop.cli.generated import with_options
from revloop.engines.factory import DEMO, SHIPPED_CRITIC
from revloop.errors import InputError
from revloop.files.paths import Kind, Writes, check_paths
from revloop.models.config import ignored_sampling
from revloop.options.engine import read_key
from revloop.serving import (
    ServerOptions,
    ServingOptions,
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


@with_options(server=ServingOptions, defaults={"port": 8000})
def serve(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(help="Model folder or hub id; demo: the critic that ships.")
    ],
    server: ServingOptions,
    api_key_file: Annotated[
        Path | None,
        typer.Option(help="File with the API key that clients must send.", metavar="FILE"),
    ] = None,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart", help="Restart a dead server, up to 5 times an hour with growing pauses."
        ),
    ] = False,
) -> None:
    """Serve a model with vLLM until Ctrl-C. Options after -- are passed to vLLM."""
    options = _options(server, model, api_key_file, context.args)
    check_paths(
        [Writes(log, "the log", Kind.IN_PLACE) for log in [server.log_path] if log is not None],
        {"the model": options.model, "the key": api_key_file},
    )
    if doubt := speculation_warning(options.speculate):
        output.complain(doubt)
    with (
        stopping_on_sigterm(),
        output.stages("starting vLLM") as tell,
        _server(options, tell, restart=restart) as running,
    ):
        tell.stop()
        for note in _about_sampling(options, running.log_path):
            output.say(note)
        output.say(f"Log: {running.log_path}")
        output.results.print(f"{running.model} is served at {running.base_url}")
        output.say("Ctrl-C stops it.")
        try:
            running.wait()
        except KeyboardInterrupt:
            output.say("Stopping the server ...")
    output.say("The server has stopped.")


def _options(
    server: ServingOptions, model: str, key: Path | None, vllm_options: list[str]
) -> ServerOptions:
    name = {"served_model_name": SHIPPED_CRITIC} if model == DEMO else {}
    try:
        return ServerOptions(
            model=model_folder(model),
            api_key=None if key is None else read_key(key),
            vllm_options=tuple(vllm_options),
            **{**name, **server.given},
        )
    except ValidationError as exc:
        raise InputError(f"An option cannot be used: {explain(exc)}.") from exc


def _about_sampling(options: ServerOptions, log_path: Path) -> Iterator[str]:
    """The recommended sampling settings that are ignored, or those that vLLM applies."""
    if warning := sampling_warning(log_path.read_text(encoding="utf-8", errors="replace")):
        yield warning
    elif note := ignored_sampling(options.model):
        yield note


def _server(
    options: ServerOptions, tell: output.StageTeller, *, restart: bool
) -> VllmServer | SupervisedServer:
    if restart:
        return SupervisedServer(options, tell=output.say, on_progress=tell)
    return VllmServer(options, on_progress=tell)
