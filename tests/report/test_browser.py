"""The report in a browser: reading, filtering, mouse and keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop import StopReason
from revloop.report import open_source
from revloop.trajectory import Criterion, Critique, End, Refusal
from tests.helpers.browser import Opened, chromium, needs_chromium
from tests.helpers.checked_samples import OUTPUT, checked, checked_store
from tests.helpers.edited_samples import APPLIED, edited_store
from tests.helpers.report_samples import HOSTILE, judged_page, source_of, step, trajectory, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium
MANY = 10_000
SHOWN = 50


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this module."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a judged store."""
    folder = tmp_path_factory.mktemp("judged")
    judged_page(folder)
    return folder / "judged.html"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page full of hostile texts."""
    some = [
        trajectory(text, f"{text} two", id_=f"{n} {text}", prompt=text, extra={text: text})
        for n, text in enumerate(HOSTILE)
    ]
    return write(tmp_path_factory.mktemp("hostile") / "hostile.html", source_of(some))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 10,000 trajectories."""
    some = [
        trajectory(f"first {n}", f"second {n}", id_=f"d{n}", group=str(n % 7)) for n in range(MANY)
    ]
    return write(tmp_path_factory.mktemp("large") / "large.html", source_of(some))


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages; checks at the end for console messages and requests."""
    opened: list[Opened] = []

    def open_one(path: Path, **options: Any) -> Page:
        opened.append(Opened(browser, path, **options))
        return opened[-1].page

    yield open_one
    for one in opened:
        one.close()
    assert [complaint for one in opened for complaint in one.complaints] == []
    assert [address for one in opened for address in one.requests] == []


def ids(page: Page) -> list[str]:
    """The ids in the list, in order."""
    return page.locator("#list button > span:nth-child(2)").all_text_contents()


def expect_count(page: Page, text: str) -> None:
    """Wait until the list shows its count."""
    page.locator("#count", has_text=text).wait_for()


def focused_place(page: Page) -> str:
    """Index of the focused row of the list; empty without one."""
    place: str = page.evaluate("document.activeElement.dataset.place ?? ''")
    return place


def scroll_width(page: Page, element: str = "document.documentElement") -> tuple[int, int]:
    """Widths of an element's content and of the element."""
    width: int = page.evaluate(f"{element}.scrollWidth")
    own: int = page.evaluate(f"{element}.clientWidth")
    return width, own


def test_harm_comes_first(open_page: Callable[..., Page], judged: Path) -> None:
    page = open_page(judged)
    badges = page.locator("#list .badge").all_text_contents()
    assert badges == ["Harmed"] * 4 + ["Same"] * 4 + ["Better"] * 4


def test_the_list_is_filtered_by_result_reason_and_field(
    open_page: Callable[..., Page], judged: Path
) -> None:
    page = open_page(judged)
    page.select_option("#result", "better")
    expect_count(page, "4 of 12")
    page.select_option("#reason", "cycle")
    expect_count(page, "0 of 12")
    page.click("button[type=reset]")
    expect_count(page, "12 trajectories")
    page.fill("#value", "note")
    expect_count(page, "4 of 12")
    assert sorted(ids(page)) == ["d1", "d10", "d4", "d7"]


def test_the_list_is_filtered_by_text_of_any_version(
    open_page: Callable[..., Page], judged: Path
) -> None:
    page = open_page(judged)
    page.fill("#text", "OTHER 2")
    expect_count(page, "1 of 12")
    assert ids(page) == ["d11"]


def test_thoughts_are_folded_and_shown_as_text(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    made = trajectory("a", "b")
    thinking = step().model_copy(update={"thoughts": HOSTILE[0]})
    first = made.versions[1].model_copy(update={"steps": (thinking,)})
    one = made.model_copy(update={"versions": (made.versions[0], first)})
    page = open_page(write(tmp_path / "page.html", source_of([one])))
    page.locator("#list button").first.click()
    text = page.locator("#details details p")
    assert not text.is_visible()
    page.locator("#details summary", has_text="Round 1, both, try 1").click()
    assert text.text_content() == HOSTILE[0]


def test_the_criteria_of_a_rubric_are_listed_as_text(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    made = trajectory("a", "b")
    criteria = (
        Criterion(name=HOSTILE[0], score=3, reason="No.", met=False),
        Criterion(name="tone", score=9.0, reason="Yes.", met=True),
    )
    critique = Critique(raw="Said.", score=20 / 3, criteria=criteria)
    first = made.versions[1].model_copy(update={"critique": critique})
    one = made.model_copy(update={"versions": (made.versions[0], first)})
    page = open_page(write(tmp_path / "page.html", source_of([one])))
    page.locator("#list button").first.click()
    shown = page.locator("#details section").text_content() or ""
    assert "Critique of the original (score 6.67)" in shown
    assert "Criteria met: 1 of 2" in shown
    assert page.locator("#details li").all_text_contents() == [
        f"{HOSTILE[0]}: 3, not met",
        "tone: 9",
    ]


def test_a_rejected_reply_is_shown_as_text(open_page: Callable[..., Page], tmp_path: Path) -> None:
    refusals = [
        Refusal(reason="it is blank", characters=3),
        Refusal(reason="it is HTML", reply=HOSTILE[0], characters=len(HOSTILE[0]) + 7),
    ]
    steps = tuple(step().model_copy(update={"refusal": one}) for one in refusals)
    end = End(reason=StopReason.UNPARSEABLE, detail="No.", steps=steps)
    one = trajectory("a").model_copy(update={"end": end})
    page = open_page(write(tmp_path / "page.html", source_of([one])))
    page.locator("#list button").first.click()
    shown = page.locator("#details").text_content() or ""
    assert "Round 1, both, try 1, rejected: it is blank" in shown
    page.locator("#details summary", has_text="rejected: it is HTML").click()
    assert page.locator("#details details p").text_content() == (
        f"{HOSTILE[0]} … and 7 more characters"
    )


def test_a_trajectory_opens_by_mouse_with_differences_and_both_verdicts(
    open_page: Callable[..., Page], judged: Path
) -> None:
    page = open_page(judged)
    page.locator("#list button").first.click()
    assert page.locator("#opened-title").text_content() == "d2"
    assert page.locator("#details del").first.text_content() == "5 one"
    assert page.locator("#details ins").first.text_content() == "1 three"
    verdicts = page.locator(".verdicts tbody tr")
    assert verdicts.count() == 4
    assert [verdicts.nth(n).locator("td").nth(4).text_content() for n in range(4)] == [
        "won",
        "won",
        "lost",
        "lost",
    ]
    page.click("#close")
    assert not page.locator("#opened").is_visible()


def test_a_rewritten_text_is_shown_without_marks(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    old = "One thing after another was said here, by the first of the two texts. " * 3
    new = "Nothing of that is left now: these words are others, all but a few of them. " * 3
    page = open_page(write(tmp_path / "rewritten.html", source_of([trajectory(old, new)])))
    page.locator("#list button").first.click()
    assert page.locator("#details .sides").first.locator(".text").all_text_contents() == [old, new]
    assert page.locator("#details :is(del, ins)").count() == 0
    assert "so the changes are not marked" in (
        page.locator(".sides .all").first.text_content() or ""
    )


def test_edits_are_marked_as_they_were_written(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    path = write(tmp_path / "edits.html", source_of(edited_store(tmp_path / "s.sqlite")))
    page = open_page(path)
    page.locator("#list button").first.click()
    sides = page.locator("#details section .sides")
    assert sides.locator("del").all_text_contents() == [edit.find for edit in APPLIED]
    assert sides.locator("ins").all_text_contents() == [edit.replacement for edit in APPLIED]
    assert page.locator("#details", has_text="3 edits, 3 applied").count() == 1
    assert page.locator("#details .edits").count() == 0


def test_edits_that_were_not_applied_are_listed(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    path = write(tmp_path / "edits.html", source_of(edited_store(tmp_path / "s.sqlite")))
    page = open_page(path)
    page.locator("#list button").nth(1).click()
    assert page.locator("#details .edits li").all_text_contents() == [
        "is shut in May: applied; its white space or quotes were not those of the text",
        "The <b>sauna</b> \x1b[2J stays open.: the text has no such passage",
        "We mend: the passage and its replacement are the same",
        "mend the tiles: an edit before it replaces a part of the same passage",
        "May: the text has this passage more than once",
    ]
    shown = page.locator("#details section").all_text_contents()
    assert "7 edits, 4 applied" in shown[0]
    assert "No edits: nothing to change." in shown[1]


def test_a_rewrite_after_edits_says_why(open_page: Callable[..., Page], tmp_path: Path) -> None:
    path = write(tmp_path / "edits.html", source_of(edited_store(tmp_path / "s.sqlite")))
    page = open_page(path)
    page.locator("#list button").nth(2).click()
    shown = page.locator("#details section").text_content() or ""
    assert "A rewrite, because its edits could not be used: its edit cannot be applied" in shown


def test_a_version_shows_its_checks_as_text(open_page: Callable[..., Page], tmp_path: Path) -> None:
    checked_store(tmp_path / "s.sqlite")
    with open_source(tmp_path / "s.sqlite") as source:
        page = open_page(write(tmp_path / "checks.html", source))
    page.fill("#text", "offline")
    expect_count(page, "1 of 4")
    page.locator("#list button").click()
    shown = page.locator("#details").text_content() or ""
    for passed in ("Original, checks passed: 1", "Version 1, checks passed: 1"):
        assert f"{passed} of 3" in shown
    assert page.locator("#details .checks b").all_text_contents() == [
        "short fails",
        "reachable could not be run",
        "polite fails",
        "reachable could not be run",
        "reachable could not be run",
    ]
    assert page.locator("#details .checks .text").nth(2).text_content() == OUTPUT


def test_a_version_that_breaks_a_check_and_other_candidates_are_told(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    texts = ("no, please, one two", "not at all", "not at all, never")
    one = checked(*texts, keep="gate", candidates=2, iterations=1)
    page = open_page(write(tmp_path / "veto.html", source_of([one])))
    page.locator("#list button").click()
    shown = page.locator("#details").text_content() or ""
    assert "Not kept: it breaks polite, which the original passes." in shown
    assert "Another candidate of this round, does not pass short, polite" in shown


def test_drafts_without_fields_have_no_filter_by_field(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_page(write(tmp_path / "plain.html", source_of([trajectory("a", "b")])))
    assert [page.locator(name).is_visible() for name in ("#field", "#value", "#pages")] == [
        False
    ] * 3


def test_everything_can_be_done_by_keyboard(open_page: Callable[..., Page], judged: Path) -> None:
    page = open_page(judged)
    page.focus("#list [tabindex='0']")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert focused_place(page) == "1"
    page.keyboard.press("End")
    assert focused_place(page) == "11"
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    assert page.locator("#opened-title").text_content() == "d2"
    page.keyboard.press("ArrowRight")
    assert page.locator("#opened-title").text_content() == "d4"
    page.keyboard.press("Escape")
    page.locator("#opened").wait_for(state="hidden")
    page.locator("#list [data-place='1']:focus").wait_for()


def test_the_list_is_one_tab_stop(open_page: Callable[..., Page], judged: Path) -> None:
    page = open_page(judged)
    page.focus("button[type=reset]")
    page.keyboard.press("Tab")
    assert focused_place(page) == "0"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Tab")
    assert not focused_place(page)


def test_markup_in_texts_is_shown_as_text(open_page: Callable[..., Page], hostile: Path) -> None:
    page = open_page(hostile)
    assert [one.partition(" ")[2] for one in ids(page)] == list(HOSTILE)
    for number, text in enumerate(HOSTILE):
        page.locator("#list button").nth(number).click()
        shown = page.locator("#details").text_content() or ""
        assert shown.count(text) >= 5
        page.click("#close")
    assert page.title() == "some.sqlite: revloop report"
    assert page.locator("main img, dialog img, dialog svg, main script, dialog script").count() == 0


@pytest.mark.parametrize("page_name", ["judged", "hostile"])
def test_a_phone_needs_no_horizontal_scrolling(
    open_page: Callable[..., Page], request: pytest.FixtureRequest, page_name: str
) -> None:
    path: Path = request.getfixturevalue(page_name)
    page = open_page(path, viewport={"width": 360, "height": 740})
    width, own = scroll_width(page)
    assert width <= own
    page.locator("#list button").first.click()
    width, own = scroll_width(page, "document.querySelector('#details')")
    assert width <= own
    sides = page.locator(".sides").first.locator(".version")
    boxes = [sides.nth(n).bounding_box() for n in range(2)]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["x"] == boxes[1]["x"]  # one column


@pytest.mark.parametrize("width", [1280, 390])
def test_a_result_is_shown_whole(
    open_page: Callable[..., Page], tmp_path: Path, width: int
) -> None:
    path = write(tmp_path / "unjudged.html", source_of([trajectory("a", "b")]))
    page = open_page(path, viewport={"width": width, "height": 740})
    page.wait_for_selector("#list .badge")
    assert page.inner_text("#list .badge") == "Not judged"
    needed, given = scroll_width(page, "document.querySelector('#list .badge')")
    assert needed <= given


def test_dark_mode_is_dark(open_page: Callable[..., Page], judged: Path) -> None:
    def brightness(page: Page, property_: str) -> int:
        colour: str = page.evaluate(f"getComputedStyle(document.body).{property_}")
        return sum(int(part) for part in colour.removeprefix("rgb(").rstrip(")").split(","))

    dark = open_page(judged, color_scheme="dark")
    light = open_page(judged, color_scheme="light")
    faint, bright = 150, 600
    assert brightness(dark, "backgroundColor") < faint
    assert brightness(dark, "color") > bright
    assert brightness(light, "color") < faint
    assert brightness(light, "backgroundColor") > bright


def test_ten_thousand_trajectories_are_shown_page_by_page(
    open_page: Callable[..., Page], large: Path
) -> None:
    page = open_page(large)
    expect_count(page, f"{MANY} trajectories")
    assert page.locator("#list button").count() == SHOWN
    assert page.evaluate("document.querySelectorAll('body *').length") < 1500
    assert page.evaluate("parsed.size") == 0  # slices are parsed on demand
    page.click("#next-page")
    assert ids(page)[0] == "d50"
    page.focus("#list [tabindex='0']")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert page.locator("#opened-title").text_content() == f"d{MANY - 1}"
    assert page.evaluate("parsed.size") == 1
    page.keyboard.press("Escape")
    page.fill("#text", "second 7777")
    expect_count(page, f"1 of {MANY}")
    assert ids(page) == ["d7777"]
    assert page.evaluate("parsed.size") <= 4
