"""The pages in a real browser: keys, live news, hostile texts, a phone, dark mode, axe."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from revloop.demo import demo_drafts
from revloop.errors import StoreError
from revloop.evaluation import Verdicts
from revloop.evaluation.sheets import human_judge
from revloop.store import Store, StoreFollower
from revloop.trajectory import Draft, Trajectory, Version
from tests.helpers.browser import Visited, chromium, needs_chromium
from tests.helpers.judges import NOW, store_of
from tests.helpers.record_samples import write_jsonl
from tests.helpers.report_samples import HOSTILE
from tests.helpers.review_server import Reviewer, serving, until
from tests.helpers.stored import append

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium

MARKDOWN = """# A title

A list with a [link](https://example.com/a) and `code`:

1. one
2. **two**

| a | b |
| - | - |
| 1 | 2 |

```python
print("<b>")
```

![a picture](https://example.com/x.png)

<img src=x onerror="document.title = 1">

[no script](javascript:document.title=1)
"""
ARABIC = "مرحبا بالعالم (hello)."
PHONE = {"viewport": {"width": 360, "height": 740}}
DARK = {"color_scheme": "dark"}
PLACES = ("/", "/trajectory/1", "/trajectory/2")
FORMS = ("/vote", "/critique/1/1", "/critique/2/1")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this module."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The pages of a store with markdown, right-to-left and hostile texts."""
    rows = [[MARKDOWN, MARKDOWN.replace("two", "three")], [ARABIC, f"{ARABIC}\n\n{ARABIC} 2"]]
    rows += [[text, f"{text} two"] for text in HOSTILE]
    fields = [{}, {}, *({text: text} for text in HOSTILE)]
    path = store_of(tmp_path_factory.mktemp("texts") / "s.sqlite", rows, fields=fields)
    with serving(path) as found:
        until(lambda: Reviewer(found).json("/progress")["pairs_known"])
        yield found


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visited]]:
    """Opens pages; checks at the end for console messages and requests to elsewhere."""
    opened: list[Visited] = []

    def one(address: str, **options: Any) -> Visited:
        opened.append(Visited(browser, address, **options))
        return opened[-1]

    yield one
    for visited in opened:
        visited.close()
    assert [complaint for visited in opened for complaint in visited.complaints] == []


def is_wider(page: Page) -> bool:
    """Whether a page needs horizontal scrolling."""
    return bool(
        page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    )


def test_the_token_is_not_left_in_the_address(visit: Callable[..., Visited], address: str) -> None:
    page = visit(address).page
    assert "token" not in page.url
    assert page.locator(".list a").count() == 12


def test_filters_apply_at_once_and_the_address_keeps_them(
    visit: Callable[..., Visited], address: str
) -> None:
    page = visit(address).page
    page.select_option("[name=result]", "better")
    page.wait_for_url("**result=better**")
    assert page.locator(".list .id").all_text_contents() == ["d1", "d3", "d5", "d7"]


def test_the_list_and_trajectories_are_moved_through_by_keyboard(
    visit: Callable[..., Visited], address: str
) -> None:
    page = visit(address).page
    page.locator(".list a").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/trajectory/4")
    page.keyboard.press("j")
    page.wait_for_url("**/trajectory/6")
    page.keyboard.press("k")
    page.wait_for_url("**/trajectory/4")


def test_a_deep_link_leads_to_a_version(visit: Callable[..., Visited], address: str) -> None:
    page = visit(address).open("/trajectory/2#v2")
    box = page.locator("#v2").bounding_box()
    assert box is not None
    assert box["y"] < 700


def test_markdown_is_rendered_and_m_shows_the_source(
    visit: Callable[..., Visited], texts: str
) -> None:
    page = visit(texts).open("/trajectory/1")
    shown = page.locator("#v0 .rendered")
    assert shown.locator("h1").text_content() == "A title"
    assert shown.locator("li strong").text_content() == "two"
    assert shown.locator("td").count() == 2
    assert shown.locator("pre code").text_content() == 'print("<b>")\n'
    link = shown.locator("a").first
    assert link.get_attribute("rel") == "noopener noreferrer nofollow"
    assert shown.locator("img, script").count() == 0
    assert shown.locator("a[href^=javascript]").count() == 0
    page.keyboard.press("m")
    assert not shown.is_visible()
    assert page.locator("#v0 .source").text_content() == MARKDOWN
    page.reload()
    assert page.locator("#v0 .source").is_visible()
    assert page.title().startswith("d1 ")


def test_right_to_left_text_runs_from_the_right(visit: Callable[..., Visited], texts: str) -> None:
    page = visit(texts).open("/trajectory/2")
    shown = page.locator("#v0 .rendered")
    assert shown.evaluate("one => getComputedStyle(one).direction") == "rtl"


def test_markup_in_texts_is_shown_as_text(visit: Callable[..., Visited], texts: str) -> None:
    visited = visit(texts)
    for number, text in enumerate(HOSTILE, start=3):
        page = visited.open(f"/trajectory/{number}")
        assert text in (page.locator("#v0 .source").text_content() or "")
        assert text in page.locator(".fields dd").all_text_contents()
        assert page.title() == f"d{number} · revloop review"
        assert page.locator("main img, main svg, main script").count() == 0


def test_a_very_long_text_is_shown_as_its_source(
    visit: Callable[..., Visited], tmp_path: Path
) -> None:
    long = "# A title\n\n" + "A *word*. " * 7000
    path = store_of(tmp_path / "s.sqlite", [[long, f"{long} more"]])
    with serving(path) as address:
        page = visit(address).open("/trajectory/1")
        shown = page.locator("#v0 .card .text")
        assert shown.locator(".rendered").count() == 0
        assert shown.locator(".source").is_visible()
        assert shown.locator(".source").text_content() == long


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_markup_in_names_notes_fields_and_file_names_is_shown_as_text(
    visit: Callable[..., Visited], tmp_path: Path, text: str
) -> None:
    file = f"{text.replace('/', '')}.sqlite"
    rows = [["one", f"two {number}"] for number in range(2)]
    path = store_of(tmp_path / file, rows, fields=[{text: text}] * 2, prompt=text)
    with serving(path, by=text, sample=2) as address:
        until(lambda: Reviewer(address).json("/progress")["pairs_known"])
        name = " ".join(text.split())[:80].strip()
        said = dict.fromkeys(("positive", "negative", "revision"), text)
        for who in (f"{text} 2", text):
            reviewer = Reviewer(address, name=who)
            for _ in rows:
                pair = re.search(r'name="pair" value="(\w+)"', reviewer.get("/vote"))
                assert pair is not None
                reviewer.post("/vote", choice="a", pair=pair[1], note=text)
            reviewer.post("/critique/1/1", **said)
        visited = visit(address)
        page = visited.open("/vote")
        page.fill("main [name=name]", name)
        page.keyboard.press("Enter")
        page.locator("#agreement").wait_for()
        assert page.locator("td").first.text_content() == " ".join(f"{text} 2".split())[:80].strip()
        command = page.locator("main code").text_content() or ""
        assert shlex.split(command)[2:] == [file, "--judge", name]
        assert page.locator(".brand").text_content() == file
        page = visited.open("/trajectory/1")
        assert page.locator("#verdicts + div td[dir=auto]").first.text_content() == text
        assert page.locator(".critique.person h3").first.is_visible()
        assert page.locator("main img, main svg, main script").count() == 0
        page = visited.open("/?text=two")
        assert page.title() == f"{file} · revloop review"
        assert visited.open("/critique/1/1").locator("[name=negative]").input_value() == text


def test_new_trajectories_appear_without_a_reload(
    visit: Callable[..., Visited], tmp_path: Path
) -> None:
    path = store_of(tmp_path / "s.sqlite", [["one", "two"]])
    with serving(path) as address, Store.open(path) as store:
        page = visit(address).page
        page.locator(".list a").first.focus()
        page.evaluate("window.isTheSamePage = true")
        draft = Draft(id="new", prompt="Why?", response="other")
        new = store.begin(store.runs()[0], "t-new", draft)
        append(new, Version(round=0, text="other", created_at=NOW))
        page.locator(".list .id", has_text="new").wait_for()
        assert page.evaluate("document.activeElement.id") == "line-1"
        assert page.evaluate("window.isTheSamePage")
        assert page.locator("#progress-text").text_content() == "1 of 2 ended"
        page.locator("#line-2").click()
        append(new, Version(round=1, text="another", created_at=NOW))
        page.locator("#news").wait_for()
        page.locator("#news a").click()
        page.locator("#v1").wait_for()


def test_the_list_shows_how_far_it_is_while_a_store_is_read(
    visit: Callable[..., Visited], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revloop.review.listing._AT_ONCE", 1)
    may_read, read = threading.Semaphore(0), StoreFollower.outlines

    def slowly(follower: StoreFollower, keys: Sequence[int]) -> dict[int, Trajectory]:
        may_read.acquire()
        return read(follower, keys)

    monkeypatch.setattr(StoreFollower, "outlines", slowly)
    path = store_of(tmp_path / "s.sqlite", [["one", f"two {n}"] for n in range(3)])
    with serving(path) as address:
        page = visit(address).page
        for number in (0, 1, 2):
            page.locator(".count", has_text=f"reading {number} of 3").wait_for()
            may_read.release()
        page.locator(".count", has_text="3 trajectories").wait_for()
        assert "reading" not in (page.locator(".count").text_content() or "")
        page = visit(address).open("/vote")
        page.fill("main [name=name]", "anna")
        page.keyboard.press("Enter")
        page.locator("main", has_text="The store is still being read").wait_for()
        may_read.release(3)
        page.locator("#done", has_text="0 of 3").wait_for()


def has_begun(path: Path) -> bool:
    """Whether a batch has made its store and begun its run."""
    with suppress(StoreError), Store.open_to_read(path) as store:
        return bool(store.runs())
    return False


@pytest.mark.slow
def test_a_running_batch_is_watched_to_its_end(
    visit: Callable[..., Visited], tmp_path: Path
) -> None:
    drafts = tmp_path / "drafts.jsonl"
    write_jsonl(drafts, [draft.model_dump() for draft in demo_drafts(24, seed=1)])
    store = tmp_path / "s.sqlite"
    words = ("batch", drafts, tmp_path / "out.jsonl", "--store", store, "--model", "demo")
    few = ("--min-concurrency", "1", "--max-concurrency", "2")
    command = [sys.executable, "-m", "revloop", *map(str, words), *few]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as batch:
        try:
            until(lambda: has_begun(store) or batch.poll() is not None)
            with serving(store) as address:
                page = visit(address).page
                page.evaluate("window.isTheSamePage = true")
                assert batch.poll() is None
                page.locator("#progress-text", has_text="24 of 24 ended").wait_for(timeout=120_000)
                assert page.evaluate("window.isTheSamePage")
                assert page.locator(".list a").count() == 24
            assert batch.wait(60) == 0
        finally:
            batch.kill()


NEXT_PAIR = "before => document.querySelector('[name=pair]')?.value !== before"


def test_thirty_pairs_are_voted_on_by_keyboard(
    visit: Callable[..., Visited], tmp_path: Path
) -> None:
    rows = [[f"old text {n}", f"new text {n}"] for n in range(31)]
    path = store_of(tmp_path / "s.sqlite", rows)
    with serving(path) as address:
        until(lambda: Reviewer(address).json("/progress")["pairs_known"])
        page = visit(address).open("/vote")
        page.fill("main [name=name]", "anna")
        page.keyboard.press("Enter")
        page.locator("#done", has_text="0 of 31").wait_for()
        page.keyboard.press("d")
        assert page.locator(".marked mark").first.is_visible()
        assert page.locator(".prompt .rendered").is_visible()
        assert page.locator("[value=undo]").is_disabled()
        page.keyboard.press("m")
        page.keyboard.press("n")
        page.keyboard.type("a tie, but a good one")
        page.keyboard.press("Enter")
        assert page.locator("#done").text_content() == "0 of 31"
        for key in "tabuas" + "ab" * 14 + "u":
            before = page.evaluate("document.querySelector('[name=pair]')?.value")
            page.keyboard.press(key)
            page.wait_for_function(NEXT_PAIR, arg=before)
        assert page.locator("#done").text_content() == "30 of 31"
    with Verdicts.open_to_read(path) as verdicts:
        given = list(verdicts.given_by(human_judge("anna")).values())
    assert len(given) == 30
    assert given[0].verdict.reason == "a tie, but a good one"


def test_a_version_is_corrected_in_place_by_keyboard(
    visit: Callable[..., Visited], tmp_path: Path
) -> None:
    path = store_of(tmp_path / "s.sqlite", [["one", "A text with a mistaek."]])
    with serving(path) as address:
        visited = visit(address)
        page = visited.open("/critique/1/1")
        page.fill("main [name=name]", "anna")
        page.keyboard.press("Enter")
        page.locator("[name=score]").wait_for()
        page = visited.open("/trajectory/1")
        page.keyboard.press("c")
        page.locator("[name=score]").fill("6")
        page.locator("[name=negative]").fill("A typing error.")
        text = page.locator("[name=revision]")
        assert text.input_value() == "A text with a mistaek."
        text.fill("A text with a mistake.")
        page.keyboard.press("Control+Enter")
        page.locator(".person ins", has_text="mistake").wait_for()
        assert page.url.endswith("/trajectory/1#v1")
        results = Axe().run(page).response["violations"]
        assert [one["id"] for one in results if one["impact"] in {"serious", "critical"}] == []


def say_ones_name(visited: Visited) -> None:
    """Enter a name, without which the forms are not shown."""
    page = visited.open("/vote")
    page.fill("main [name=name]", "anna")
    page.keyboard.press("Enter")
    page.locator("#done").wait_for()


def test_a_phone_needs_no_horizontal_scrolling(visit: Callable[..., Visited], texts: str) -> None:
    visited = visit(texts, **PHONE)
    say_ones_name(visited)
    assert [path for path in (*PLACES, *FORMS) if is_wider(visited.open(path))] == []


@pytest.mark.parametrize("options", [{}, DARK, PHONE], ids=["light", "dark", "phone"])
def test_axe_finds_nothing_serious(
    visit: Callable[..., Visited], texts: str, address: str, options: dict[str, Any]
) -> None:
    found = []
    for base, paths in ((texts, (*PLACES, *FORMS)), (address, ("/", "/trajectory/2"))):
        visited = visit(base, **options)
        say_ones_name(visited)
        for path in paths:
            results = Axe().run(visited.open(path)).response["violations"]
            found += [
                (path, one["id"], one["nodes"][0]["html"])
                for one in results
                if one["impact"] in {"serious", "critical"}
            ]
    assert found == []
