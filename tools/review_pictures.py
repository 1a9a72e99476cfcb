"""Take the pictures of docs/review.md from a store, such as `revloop demo --store` makes.

    python -m tools.review_pictures STORE

It needs Chromium. A copy of the store is shown, so that the votes in the pictures stay out of it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.helpers.browser import Visited, chromium
from tests.helpers.review_server import Reviewer, serving, until

if TYPE_CHECKING:
    from playwright.sync_api import Page

DOCS = Path(__file__).parent.parent / "docs"
WIDTH, HEIGHT = 1100, 720


def main(store: Path) -> None:
    """Write the pictures into docs/."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(store, folder)).rename(Path(folder) / "demo.sqlite")
        with serving(copy, sample=20) as address, chromium() as browser:
            reviewer = Reviewer(address)
            until(lambda: reviewer.json("/progress")["pairs_known"])
            visited = Visited(browser, address, viewport={"width": WIDTH, "height": HEIGHT})
            page = visited.page
            _take(page, "list")
            page.locator(".list a").nth(2).click()
            page.locator("#compare").wait_for()
            _take(page, "trajectory")
            page = visited.open("/vote")
            page.fill("main [name=name]", "anna")
            page.keyboard.press("Enter")
            page.locator(".ballot").wait_for()
            page.keyboard.press("d")
            _take(page, "vote")
            page.locator("[data-view=rendered]").click()
            page = visited.open("/critique/1/1")
            page.fill("[name=score]", "6")
            page.fill("[name=negative]", "The closing is too casual for the rest.")
            _take(page, "critique")
            visited.close()


def _take(page: Page, name: str) -> None:
    page.screenshot(path=DOCS / f"review-{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
