"""A headless Chromium for tests, with a new profile and offline."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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
