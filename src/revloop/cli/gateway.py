"""``revloop gateway``: an OpenAI-compatible server with revised answers."""

from __future__ import annotations

import anyio
import typer

from revloop.cli import output
from revloop.cli.files import paths_read
from revloop.cli.generated import with_options
from revloop.cli.interrupts import Interrupts, run_interruptibly
from revloop.cli.stores import tell_if_in_two_files
from revloop.files.paths import Kind, Writes, check_paths
from revloop.gateway import open_gateway
from revloop.options import GatewayOptions, RunOptions, StoreOptions

EXAMPLE = (
    "Example: `revloop gateway --upstream http://127.0.0.1:8000 --store answers.sqlite`. Give "
    "your application the base URL that it prints, with /v1."
)


@with_options(
    gateway=GatewayOptions, loop=RunOptions, store=StoreOptions, defaults={"iterations": 1}
)
def gateway(
    context: typer.Context, gateway: GatewayOptions, loop: RunOptions, store: StoreOptions
) -> None:
    """Serve a model whose answers are revised, to any OpenAI client.

    The upstream writes a draft, the critic reviews and revises it, and the client gets the version
    that is kept. Ctrl-C once finishes the requests under way, twice stops at once.
    """
    gateway.check()
    kept = [] if store.store is None else [Writes(store.store, "the store", Kind.STORE)]
    reads = paths_read(gateway, loop, judges=(*loop.judge, loop.selector))
    check_paths(kept, reads)
    tell_if_in_two_files(context, store.store)
    anyio.run(_run, gateway, loop, store)
    output.say("The gateway has stopped.")


async def _run(gateway: GatewayOptions, loop: RunOptions, store: StoreOptions) -> None:
    interrupts = Interrupts()

    async def work() -> None:
        stopped = anyio.Event()
        async with open_gateway(gateway, loop, store) as running:
            interrupts.on_first(stopped.set)
            output.results.print(f"The gateway is at {running.address}/v1")
            output.say(f"{running.about} Ctrl-C stops it.")
            await stopped.wait()

    await run_interruptibly(work, anyio.sleep_forever, interrupts)
