"""Checks from a file: every kind, and every mistake."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from revloop.checks import Keeps, Language, Length, Mentions, Regex, load_checks
from revloop.checks.builtin import BuiltInCheck, CommandEntry, FunctionEntry, kinds
from revloop.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path


def checks_file(folder: Path, content: str) -> Path:
    path = folder / "checks.toml"
    path.write_text(content, encoding="utf-8")
    return path


def test_a_file_lists_checks_in_order(tmp_path: Path) -> None:
    path = checks_file(
        tmp_path,
        """
        [[check]]
        kind = "length"
        words_max = 120
        [[check]]
        kind = "keeps"
        name = "no harm"
        what = ["numbers", "quotes"]
        [[check]]
        kind = "mentions"
        any = "refund"
        message = "Say what happens to the money."
        [[check]]
        kind = "language"
        is = "en"
        [[check]]
        kind = "regex"
        must_not = '(?i)as an ai'
        [[check]]
        kind = "function"
        function = "module:function"
        [[check]]
        kind = "command"
        command = "python -m pytest {file}"
        """,
    )
    assert load_checks(path) == (
        Length(words_max=120),
        Keeps("numbers", "quotes", name="no harm"),
        Mentions(any=("refund",), message="Say what happens to the money."),
        Language("en"),
        Regex(must_not=("(?i)as an ai",)),
        FunctionEntry(function="module:function"),
        CommandEntry(command="python -m pytest {file}"),
    )


def test_files_are_relative_to_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"type": "object"}', encoding="utf-8")
    path = checks_file(tmp_path, '[[check]]\nkind = "json"\nschema = "schema.json"\n')
    (check,) = load_checks(path)
    assert isinstance(check, BuiltInCheck)
    assert check.result("x", "{}").passed
    assert not check.result("x", "[]").passed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"checks\.toml has no check\. Each check is a table \[\[check\]\]\."),
        ("[[check]", r"checks\.toml is not TOML"),
        ("[checks]", r"checks\.toml has no check\."),
        ("[[checks]]", r"'checks' does not belong in a file of checks"),
        ("words_max = 3", r"'words_max' does not belong in a file of checks"),
        ("[length]\nwords_max = 3", r"'length' does not belong in a file of checks"),
        ('[check]\nkind = "links"', r"write each check as a table \[\[check\]\], in double"),
        (
            "[[check]]\nwords_max = 3",
            r"\[\[check\]\] 1: it has no kind\. Known: json, .*",
        ),
        ('[[check]]\nkind = "lenght"', r"\[\[check\]\] 1: there is no kind 'lenght'\. Known: "),
        (
            '[[check]]\nkind = "links"\n[[check]]\nkind = "length"\nword_max = 3',
            r"\[\[check\]\] 2: word_max: is not known",
        ),
        (
            '[[check]]\nkind = "length"\nwords_max = "3"',
            r"\[\[check\]\] 1: words_max: Input should be a valid integer\.",
        ),
        ('[[check]]\nkind = "regex"\nmust = "("', r"\[\[check\]\] 1: the pattern '\(' is wrong"),
        (
            '[[check]]\nkind = "json"\nschema = "none.json"',
            r"\[\[check\]\] 1: .*none\.json cannot be read",
        ),
        ('[[check]]\nkind = "function"\nfunction = " "', r"\[\[check\]\] 1: function: "),
        ('[[check]]\nkind = ["links"]', r"\[\[check\]\] 1: there is no kind"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_checks(checks_file(tmp_path, content))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_checks(tmp_path / "none.toml")


def test_a_missing_library_keeps_its_kind_of_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "regex", None)
    path = checks_file(tmp_path, '[[check]]\nkind = "regex"\nmust = "not compiled yet"')
    with pytest.raises(MissingExtraError, match=r"1: .*pip install 'revloop\[checks\]'"):
        load_checks(path)


def test_every_kind_has_a_model() -> None:
    assert list(kinds()) == [
        *("json", "regex", "length", "language", "mentions", "markdown", "links", "code", "keeps"),
        *("function", "command"),
    ]
    assert all(model.__doc__ for model in kinds().values())
