"""The server of the review pages."""

from __future__ import annotations

import errno
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from revloop.concurrency import task_group
from revloop.errors import InputError
from revloop.review import browsing, critique_pages, entering, vote_pages
from revloop.review.access import (
    ACCESS,
    MOST_BYTES,
    TOKEN,
    Access,
    add_headers,
    guarded,
    is_loopback,
)
from revloop.review.options import DEFAULT_PORT, PASSWORD_VARIABLE
from revloop.review.site import SITE, Site, asset, errors_as_pages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from revloop.review.options import ReviewOptions

_PAUSE_S = 1.0
_FEWEST_CHARACTERS = 12


class ReviewServer:
    """Serves the review pages of a store.

    Args:
        path: The store.
        options: Where and how.
        run: The run to review; None: the newest.

    Raises:
        InputError: Another machine could reach it, and there is no long password.
    """

    def __init__(self, path: Path, options: ReviewOptions, *, run: int | None = None) -> None:
        password = None if options.password is None else options.password.get_secret_value()
        _check_password(options.host, password)
        self.address = ""
        self._options = options
        self._access = Access(options.host, password)
        self._path, self._run = path, run

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve while the block runs.

        Yields:
            The address to open in a browser, with the token if there is no password.

        Raises:
            StoreError: The store cannot be read.
            InputError: There is no such run, or the port is taken.
            MissingExtraError: jinja2 or nh3 is not installed.
        """
        site = Site.open(self._path, self._options, run=self._run)
        try:
            runner = web.AppRunner(
                self._application(site), access_log=None, handle_signals=False, shutdown_timeout=2.0
            )
            await runner.setup()
            try:
                port = await self._listen(runner)
                async with task_group() as tasks:
                    tasks.start_soon(site.follow, _PAUSE_S)
                    yield self._printed(port)
                    tasks.cancel_scope.cancel()
            finally:
                await runner.cleanup()
        finally:
            site.close()

    def _application(self, site: Site) -> web.Application:
        app = web.Application(middlewares=[errors_as_pages, guarded], client_max_size=MOST_BYTES)
        app[SITE], app[ACCESS] = site, self._access
        app.on_response_prepare.append(add_headers)
        app.router.add_get("/assets/{name}", asset)
        entering.add_to(app)
        browsing.add_to(app)
        vote_pages.add_to(app)
        critique_pages.add_to(app)
        return app

    async def _listen(self, runner: web.AppRunner) -> int:
        """Listen; returns the port."""
        wanted = self._options.port
        for port in (DEFAULT_PORT, 0) if wanted is None else (wanted,):
            site = web.TCPSite(runner, self._options.host, port)
            try:
                await site.start()
            except OSError as exc:
                if exc.errno == errno.EADDRINUSE and port != wanted:
                    continue
                raise InputError(
                    f"{self._options.host}:{port} cannot be listened on: {exc.strerror}. Choose "
                    "another port (--port 0 takes any free one) or host."
                ) from exc
            number: int = runner.addresses[0][1]
            return number
        raise AssertionError("port 0 is never taken")

    def _printed(self, port: int) -> str:
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        start = f"http://{host}:{port}/"
        return (
            start
            if self._access.password is not None
            else f"{start}enter?{TOKEN}={self._access.token}"
        )


def _check_password(host: str, password: str | None) -> None:
    if not is_loopback(host) and password is None:
        raise InputError(
            f"Other machines can reach {host}, so the pages need a password: set "
            f"{PASSWORD_VARIABLE} to at least {_FEWEST_CHARACTERS} characters. Without --host, "
            "only this machine can reach them."
        )
    if password is not None and len(password) < _FEWEST_CHARACTERS:
        raise InputError(
            f"The password in {PASSWORD_VARIABLE} is too short: it needs at least "
            f"{_FEWEST_CHARACTERS} characters."
        )
