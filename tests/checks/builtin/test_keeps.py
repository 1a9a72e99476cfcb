"""The check `keeps`: what of the original must stand in a later version."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from revloop.checks import Keeps
from revloop.checks.builtin.names import names
from revloop.checks.builtin.numbers import numbers
from tests.helpers import hostile
from tests.helpers.built_in import says

any_text = st.text() | st.sampled_from(hostile.ALL)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,000 and 2.50 and 05", ["1000", "2.50", "5"]),
        ("1.000.000,5 or 1\u00a0000 or 1'000 or 3,5", ["1000000.5", "1000", "3.5"]),
        ("-5 to \u22122, pages 10-15, COVID-19", ["-5", "-2", "10", "15", "19"]),
        ("1. one\n2) two\n**3.** three\n4.5 four", ["4.5"]),
        ("H2O, 5km, 3rd, 1990s, v1.2.3", ["2", "5", "3", "1990", "1.2.3"]),
        ("10:30, 2023-11-05, 1,2,3", ["10", "30", "2023", "11", "5", "1", "2", "3"]),
        ("\u0664\u0662 and \uff15", ["42", "5"]),
        ("$40. \u00a35,", ["40", "5"]),
        ("none, \u00bd and x\u00b2", []),
    ],
)
def test_numbers_are_read_in_all_their_forms(text: str, expected: list[str]) -> None:
    assert list(dict.fromkeys(numbers(text))) == expected


@pytest.mark.parametrize(
    ("original", "text"),
    [
        ("It costs 1,000 dollars.", "It costs 1000 dollars."),
        ("It costs 1 000 dollars.".replace("1 0", "1\u202f0"), "It costs 1,000 dollars."),
        ("It takes 3 days.", "It takes three days."),
        ("The 1st of 20.", "The first of twenty."),
        ("Do it in 5km.", "Do it in 5 km."),
        ("Step 1: go.", "1. Go."),
        ("1. Go.\n2. Stop.", "Go, then stop."),
        ("40 and 40", "40"),
    ],
)
def test_a_number_is_kept_in_another_form(original: str, text: str) -> None:
    assert says(Keeps("numbers"), text, original) is None


@pytest.mark.parametrize(
    ("original", "text", "missing"),
    [
        ("From 40 to 3.5.", "From a lot to a little.", "40, 3.5"),
        ("It costs 1,000.", "It costs 1,001.", "1,000"),
        ("At -5 degrees.", "At 5 degrees.", "-5"),
        ("Python 3.10", "Python 3.1", "3.10"),
        ("40% of 12", "4% of 12", "40"),
    ],
)
def test_a_missing_number_is_told_as_it_was_written(original: str, text: str, missing: str) -> None:
    message = f"These numbers of the original are missing: {missing}."
    assert says(Keeps("numbers"), text, original) == message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yesterday Anna met Bob Miller in New York.", ["anna", "bob", "miller", "new", "york"]),
        ("Then I saw NASA's O'Neill and Jean-Luc.", ["nasa", "o'neill", "jean-luc"]),
        ('- First item. Second one.\n- Third: Fourth (Fifth) "Sixth"', []),
        ("# A Title About Paris\n\nHow To Make Good Bread At Home", []),
        ("Dr. Strange is here. e.g. Paris", ["strange", "paris"]),
        ("see `Foo` at https://Example.com/Bar and [Baz](http://x.com)", ["baz"]),
        (
            "**Note:** we like \u00c9mile and \u0414\u043c\u0438\u0442\u0440\u0438\u0439",
            ["\u00e9mile", "\u0434\u043c\u0438\u0442\u0440\u0438\u0439"],
        ),
        ("All in lower case.", []),
    ],
)
def test_names_are_capitalised_words_inside_sentences(text: str, expected: list[str]) -> None:
    assert list(names(text)) == expected


@pytest.mark.parametrize(
    ("original", "text"),
    [
        ("I met Anna.", "Anna met me."),
        ("It is Anna's.", "It belongs to Anna."),
        ("He likes Americans.", "He likes every American."),
        ("He went to ZURICH.", "He went to Zurich."),
        ("He is Jean-Luc.", "Jean Luc it is."),
        ("We use the Internet.", "We use the internet."),
    ],
)
def test_a_name_is_kept_in_another_form(original: str, text: str) -> None:
    assert says(Keeps("names"), text, original) is None


def test_a_missing_name_is_told() -> None:
    assert says(Keeps("names"), "He met somebody in London.", "He met Anna in London.") == (
        "These names of the original are missing: Anna."
    )


@pytest.mark.parametrize(
    ("original", "text"),
    [
        ('He said "to be or not".', "He said \u201cTo be or  not.\u201d"),
        ("He said \u201cto be or not.\u201d", "> To be\nor not"),
        ('He said "yes", then "of course".', "\u00abYes\u00bb and \u00abof course\u00bb"),
        ('It is 5" by 6" and `"some code"`.', "It is small."),
    ],
)
def test_a_quote_is_kept_whatever_its_marks(original: str, text: str) -> None:
    assert says(Keeps("quotes"), text, original) is None


def test_a_changed_quote_is_told() -> None:
    message = says(Keeps("quotes"), 'He said "to be".', 'He said "to be or not".')
    assert message == 'These quotes of the original are missing: "to be or not".'


def test_code_is_kept_to_the_letter_wherever_it_stands() -> None:
    original = "Use `f(x)`:\n\n```py\nif x:\n    y = 1  \n```\n"
    moved = "- As here:\n\n  ```\n  if x:\n      y = 1\n  ```\n\n  with `f(x)`"
    assert says(Keeps("code"), moved, original) is None
    changed = original.replace("f(x)", "f(y)").replace("y = 1", "y = 2")
    assert says(Keeps("code"), changed, original) == (
        "This code of the original is missing: `if x: y = 1`, `f(x)`."
    )


def test_links_are_kept_wherever_they_stand() -> None:
    original = "See [this](https://a.com/b) and https://c.com."
    assert says(Keeps("links"), "https://a.com/b/ or <https://c.com>", original) is None
    assert says(Keeps("links"), "See https://a.com/c", original) == (
        "These links of the original are missing: https://a.com/b, https://c.com."
    )


def test_everything_is_kept_by_default_and_each_kind_is_told() -> None:
    original = 'In 2020 Anna said "so be it" of `x` at https://a.com.'
    found = str(says(Keeps(), "Nothing.", original))
    assert found == (
        "These numbers of the original are missing: 2020. These names of the original are missing: "
        'Anna. These quotes of the original are missing: "so be it". This code of the original is '
        "missing: `x`. These links of the original are missing: https://a.com."
    )
    assert says(Keeps(), original, original) is None


@given(any_text, any_text, any_text)
def test_a_text_that_is_only_added_to_keeps_everything(before: str, text: str, after: str) -> None:
    if says(Keeps(), f"{text}\n\n{after}", text) is not None:
        # an open code block takes in what follows
        assert "```" in text or "~~~" in text
    assert says(Keeps("numbers", "names"), f"{before}\n\n{text}\n\n{after}", text) is None


@given(st.lists(st.integers(1, 10**9).map(lambda n: 10 * n + 1), min_size=1, unique=True))
def test_a_number_that_is_taken_away_is_always_found(counts: list[int]) -> None:
    gone = counts[len(counts) // 2]
    original = " and ".join(f"{count:,}" for count in counts)
    text = " and ".join(str(count) for count in counts if count != gone)
    assert says(Keeps("numbers"), text, original) == (
        f"These numbers of the original are missing: {gone:,}."
    )


@given(any_text, st.sampled_from(["numbers", "names", "quotes", "code", "links"]))
def test_every_text_keeps_what_it_has(text: str, what: str) -> None:
    check = Keeps.model_validate({"what": what})
    assert says(check, text, text) is None
    assert says(check, f"{text}\n", text) is None


def test_kinds_are_given_by_position_or_as_a_list() -> None:
    assert Keeps("numbers", "code") == Keeps.model_validate({"what": ["numbers", "code"]})
    assert Keeps.model_validate({"what": "links"}) == Keeps("links")
    for wrong in (["number"], []):
        with pytest.raises(ValidationError, match="what"):
            Keeps.model_validate({"what": wrong})
