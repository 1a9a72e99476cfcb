"""A headless Chromium for tests, with a new profile and offline."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium: install the package 'chromium'"
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LIMIT_MS = 60_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser while the block runs; playwright creates a temporary profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Opened:
    """A page opened from a file, with its console messages and requests.

    Attributes:
        page: The page.
        complaints: Console warnings and errors, and uncaught exceptions.
        requests: Requested addresses, except the page's own.
    """

    def __init__(self, browser: Browser, path: Path, **options: Any) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        context = browser.new_context(offline=True, **options)
        context.set_default_timeout(LIMIT_MS)
        self.page: Page = context.new_page()
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        address = path.absolute().as_uri()
        self.page.on("request", lambda r: self.requests.append(r.url) if r.url != address else None)
        self.page.goto(address)

    def close(self) -> None:
        self.page.context.close()


class Visited:
    """Pages of a local server, with the console's messages and requests to anywhere else.

    Attributes:
        page: The page.
        complaints: Console warnings and errors, uncaught exceptions, and requests to elsewhere.
    """

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        self.complaints: list[str] = []
        context = browser.new_context(**options)
        context.set_default_timeout(LIMIT_MS)
        self.page: Page = context.new_page()
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        parts = urlsplit(address)
        self.base = f"{parts.scheme}://{parts.netloc}"
        self.page.on("request", lambda request: self._check(request.url))
        self.page.goto(address)
        self.page.wait_for_url(f"{self.base}/")

    def open(self, path: str) -> Page:
        """Go to another page of the server."""
        self.page.goto(self.base + path)
        return self.page

    def close(self) -> None:
        """Close it and its cookies."""
        self.page.context.close()

    def _check(self, address: str) -> None:
        if not address.startswith(f"{self.base}/"):
            self.complaints.append(f"requested {address}")
