"""The command itself: its subcommands, and how every error ends."""

from __future__ import annotations

from typing import Annotated

import typer

from revloop._version import __version__
from revloop.cli import (
    batch,
    bench,
    config,
    critic,
    demo,
    evaluate,
    export,
    finetune,
    gateway,
    judge,
    output,
    pilot,
    plan,
    prompts,
    records,
    report,
    review,
    revise,
    serve,
    show,
    streams,
)
from revloop.cli.batch_ray import BatchCommand
from revloop.cli.everywhere import Config, LogJson, Quiet, Verbose, reset, with_common_options
from revloop.cli.exit_codes import MEANINGS
from revloop.cli.help import HelpfulCommand, HelpfulGroup
from revloop.errors import InputError, ReaderGoneError, RevloopError

app = typer.Typer(
    name="revloop",
    cls=HelpfulGroup,
    context_settings={"help_option_names": ["--help", "-h"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog=f"Exit codes: {'; '.join(f'{code} {means}' for code, means in MEANINGS.items())}.",
)
app.command("revise", epilog=revise.EXAMPLE)(revise.revise)
app.command("batch", epilog=batch.EXAMPLE, cls=BatchCommand)(batch.batch)
app.command("show", epilog=show.EXAMPLE)(show.show)
app.command("export", epilog=export.EXAMPLE)(export.export)
app.command("serve", epilog=serve.EXAMPLE, context_settings=serve.PASSES_OPTIONS_ON)(serve.serve)
app.command("pilot", epilog=pilot.EXAMPLE)(pilot.pilot)
app.command("plan", epilog=plan.EXAMPLE)(plan.plan)
app.command("evaluate", epilog=evaluate.EXAMPLE)(evaluate.evaluate_store)
app.command("report", epilog=report.EXAMPLE)(report.report)
app.command("review", epilog=review.EXAMPLE)(review.review)
app.command("judge", epilog=judge.EXAMPLE)(judge.judge)
app.command("finetune", epilog=finetune.EXAMPLE)(finetune.finetune)
app.command("gateway", epilog=gateway.EXAMPLE)(gateway.gateway)
app.command("config", epilog=config.EXAMPLE)(config.config)
app.command("demo", epilog=demo.EXAMPLE)(demo.demo)
app.add_typer(
    bench.app, name="bench", cls=HelpfulGroup, help="Measure throughput, and compare measurements."
)
app.add_typer(
    records.app,
    name="records",
    cls=HelpfulGroup,
    help="Check, import, split and render feedback records.",
)
app.add_typer(
    prompts.app,
    name="prompts",
    cls=HelpfulGroup,
    help="List, show and copy the prompt sets that come with revloop.",
)
app.add_typer(critic.app, name="critic", cls=HelpfulGroup, help="Install the proofreader.")
for group in (app, bench.app, records.app, prompts.app, critic.app):
    for command in group.registered_commands:
        command.cls = BatchCommand if command.cls is BatchCommand else HelpfulCommand
        if command.callback is not None:
            command.callback = with_common_options(command.callback)


def _print_version(wanted: bool) -> None:
    if wanted:
        output.results.print(f"revloop {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def revloop(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    config: Config = None,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    log_json: LogJson = False,
) -> None:
    """Make a model's answers better: rounds of critique and revision, every version kept."""
    reset(config, quiet, verbose, log_json)


def main() -> int:
    """Run the command line; an error that can be expected shows no traceback.

    Returns:
        The exit code, where typer has not ended the process itself.
    """
    streams.prepare(output.say)
    try:
        streams.check_standard_output()
        try:
            app(prog_name="revloop")
        finally:
            streams.flush()
    except ReaderGoneError as exc:  # head or less has read what it wanted: nothing went wrong
        return exc.exit_code
    except RevloopError as exc:
        output.complain(str(exc))
        return exc.exit_code
    except OSError as exc:
        if exc.filename is None:
            raise
        output.complain(f"{exc.filename}: {exc.strerror}.")
        return InputError.exit_code
    return 0
