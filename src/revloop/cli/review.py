"""``revloop review``: people look at the versions of a store, in a browser."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import anyio
import typer

from revloop.cli import output
from revloop.cli.generated import with_options
from revloop.cli.stores import RunToRead, StoreToRead
from revloop.files.paths import check_paths, standard_output
from revloop.review import ReviewOptions, ReviewServer
from revloop.serving import stopping_on_sigterm

EXAMPLE = "Example: `revloop review versions.sqlite`"


@with_options(review=ReviewOptions)
def review(
    store: StoreToRead,
    review: ReviewOptions,
    run: RunToRead = None,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the pages in the browser.")
    ] = True,
) -> None:
    """Browse, vote on and correct a store's versions in the browser, also while a batch writes.

    The pages are served on this machine until Ctrl-C. Nothing is loaded from elsewhere.
    """
    check_paths([standard_output()], {"the store": store})
    server = ReviewServer(store, review, run=run)
    with stopping_on_sigterm():
        try:
            anyio.run(_serve, server, open_browser)
        except KeyboardInterrupt:
            output.say("Stopped.")


async def _serve(server: ReviewServer, open_browser: bool) -> None:
    async with server.running() as address:
        output.results.print(address)
        output.say("Open it in a browser. Ctrl-C stops the server.")
        if open_browser:
            await anyio.to_thread.run_sync(webbrowser.open, address)
        await anyio.sleep_forever()
