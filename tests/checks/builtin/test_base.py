"""What all built-in checks share: results, names, digests, hostile and long texts."""

from __future__ import annotations

import pickle
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from revloop.checks import (
    Code,
    Json,
    Keeps,
    Language,
    Length,
    Links,
    Markdown,
    Mentions,
    Regex,
)
from revloop.checks.builtin.base import listed
from revloop.errors import MissingExtraError
from revloop.trajectory import Check, Checker, Draft
from tests.helpers import hostile
from tests.helpers.built_in import says, shows

if TYPE_CHECKING:
    from revloop.checks.builtin import BuiltInCheck

ALL: list[BuiltInCheck] = [
    Code(language="python"),
    Json(),
    Keeps(),
    Language("en"),
    Length(words_max=5, sentences_max=1, paragraphs_max=1, times_the_original=2.0),
    Links(),
    Markdown(headings=False, sections=("Summary",)),
    Mentions(all=("refund",), none=("a",)),
    Regex(must=("x",), must_not=(r"\d+",)),
]
SHORT = 20_000
UNITS = {
    "prose": 'The quick Brown fox paid 1,000 dollars to "some bank" in `x()` at https://a.b/c. ',
    "line feeds": "\n",
    "lines": "a\n",
    "backticks": "`",
    "code": "`a` ",
    "brackets": "[",
    "links": "[a](b",
    "marks": ".",
    "quotes": '"a b" ',
    "digits": "1",
    "digits with commas": "1,",
    "spaces": " ",
    "capitals": "A ",
    "fences": "```\n",
    "blocks": "```py\nx\n```\n",
    "addresses": "http://",
    "list": "- a\n",
    "headings": "# a\n",
    "quotations": "> ",
    "rows": "|a|\n",
    "marks of combination": "e\u0301",
    "ideographs": "\u4e2d",
    "hyphens": "A-",
    "typographic quotes": "\u201cabc",
}


def seconds(check: BuiltInCheck, original: str, text: str) -> float:
    start = time.thread_time()
    check.result(original, text)
    return time.thread_time() - start


def test_every_check_is_a_checker() -> None:
    assert all(isinstance(check, Checker) for check in ALL)


async def test_a_result_has_the_name_of_its_check() -> None:
    draft = Draft(response="One two.")
    named = Length(words_max=1, name="short")
    assert await named.check(draft, "One two.") == Check(
        name="short", passed=False, message="The text has 2 words; at most 1 are allowed."
    )
    assert (await Length(words_max=1).check(draft, "One.")) == Check(name="length", passed=True)
    await named.aclose()
    await named.aclose()


def test_a_message_of_ones_own_takes_the_place_of_what_was_found() -> None:
    assert says(Length(words_max=1, message="Be brief."), "One two.") == "Be brief."
    assert says(Length(words_max=2, message="Be brief."), "One two.") is None


def test_the_digest_tells_settings_apart_and_not_names() -> None:
    digests = {check.info.digest for check in ALL}
    assert len(digests) == len(ALL)
    short = Length(words_max=5)
    assert short.info.digest == Length(words_max=5, name="short").info.digest
    assert short.info.digest != Length(words_max=6).info.digest
    assert short.info.digest != Length(words_max=5, message="Be brief.").info.digest


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.kind)
def test_a_check_can_be_sent_to_another_process(check: BuiltInCheck) -> None:
    copy = pickle.loads(pickle.dumps(check))
    assert copy == check
    assert copy.info == check.info
    assert copy.result("x 1", "y") == check.result("x 1", "y")


@pytest.mark.parametrize("wrong", [{"words_max": True}, {"words_max": -1}, {"words": 3}, {}])
def test_a_wrong_setting_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Length(**wrong)


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.kind)
def test_hostile_texts_are_checked_like_any_other(check: BuiltInCheck) -> None:
    for text in (*hostile.ALL, *hostile.BLANK, ""):
        for one in (text, text.replace("\n", "\r\n")):
            result = check.result("The 3 answers of Anna.", one)
            assert result.passed is not None
            assert all(span.start < span.end <= len(one) for span in result.spans)


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.kind)
@settings(deadline=None, max_examples=40)
@given(original=st.text(min_size=1), text=st.text())
def test_any_text_can_be_checked(check: BuiltInCheck, original: str, text: str) -> None:
    assert check.result(original, text).passed is not None


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
@pytest.mark.parametrize("check", ALL, ids=lambda check: check.kind)
def test_the_time_of_a_check_grows_with_the_text_and_no_faster(
    check: BuiltInCheck, unit: str
) -> None:
    short, long = ((unit * size)[:size] for size in (SHORT, 4 * SHORT))
    check.result(short[:100], short[:100])  # what is made once
    slow = min(seconds(check, long, long[::-1]) for _ in range(2))
    if slow > 0.1:
        assert slow < 12 * seconds(check, short, short[::-1])


async def test_a_long_text_is_checked_in_a_thread() -> None:
    threads = set()

    class Watched(Length):
        def flaws(self, original: str, text: str) -> Any:
            threads.add(threading.current_thread() is threading.main_thread())
            return super().flaws(original, text)

    check = Watched(words_max=1)
    await check.check(Draft(response="a"), "a")
    assert threads == {True}
    await check.check(Draft(response="a"), "a" * 20_000)
    assert threads == {True, False}


def test_a_message_lists_some_and_counts_the_rest() -> None:
    assert listed(["a", "b\n c"], "`") == "`a`, `b c`"
    assert listed(map(str, range(12))).endswith("8, 9 and 2 more")
    assert len(listed(["long " * 1000])) <= 80
    assert len(shows(Regex(must_not="a"), "a" * 100)) == 20


def test_a_missing_library_is_named_with_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "regex", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'revloop\[checks\]'"):
        Regex(must="never compiled before")
