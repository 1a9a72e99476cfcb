"""The server of the review pages, running in this process, and a client that has entered."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from functools import cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from anyio.from_thread import start_blocking_portal

from revloop.review import ReviewOptions, ReviewServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import Message
    from pathlib import Path

LIMIT_S = 60.0


class Answer(NamedTuple):
    """An answer of the server.

    Attributes:
        status: Its status.
        headers: Its headers.
        text: Its body.
        address: Where redirects led.
    """

    status: int
    headers: Message[str, str]
    text: str
    address: str = ""


class Reviewer:
    """A client with cookies of its own.

    Args:
        address: What the server printed.
        enters: Whether to open that address first.
        name: Name of the reviewer; empty: says none.
    """

    def __init__(self, address: str, *, enters: bool = True, name: str = "") -> None:
        parts = urlsplit(address)
        self.base = f"{parts.scheme}://{parts.netloc}"
        self.cookies = CookieJar(DefaultCookiePolicy())
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        )
        if enters:
            assert self.request(address.removeprefix(self.base)).status == 200
        if name:
            self.post("/name", name=name)

    def request(
        self, path: str, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request; refusals are answers too."""
        request = urllib.request.Request(self.base + path, data, dict(headers or {}))
        try:
            with self._opener.open(request, timeout=LIMIT_S) as answer:
                return Answer(
                    answer.status, answer.headers, answer.read().decode(), str(answer.url)
                )
        except urllib.error.HTTPError as exc:
            with exc:
                return Answer(exc.code, exc.headers, exc.read().decode())

    def get(self, path: str, **query: object) -> str:
        """The text of a page that must be there."""
        answer = self.request(f"{path}?{urlencode(query)}" if query else path)
        assert answer.status == 200, answer.text
        return answer.text

    def json(self, path: str, **query: object) -> dict[str, Any]:
        """The JSON of an address."""
        found: dict[str, Any] = json.loads(self.get(path, **query))
        return found

    @cached_property
    def csrf(self) -> str:
        """What forms bring; every page has it."""
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.get("/"))
        assert found is not None
        return found[1]

    def post(self, path: str, **fields: object) -> Answer:
        """Send a form as the page would."""
        return self.request(path, urlencode({"csrf": self.csrf, **fields}).encode())


@contextmanager
def serving(path: Path, **options: Any) -> Iterator[str]:
    """Serve a store while the block runs; yields the address to open."""
    run = options.pop("run", None)
    server = ReviewServer(path, ReviewOptions(**{"port": 0, **options}), run=run)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(server.running()) as address,
    ):
        yield address


def until(condition: Any) -> None:
    """Wait until a condition holds; the test's own time limit ends a wait in vain."""
    while not condition():
        time.sleep(0.05)
