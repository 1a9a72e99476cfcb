"""The check `regex`: patterns that must match, or must not, and patterns without an end."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from revloop.checks import Regex
from revloop.checks.builtin import patterns
from revloop.trajectory import Draft
from tests.helpers.built_in import says, shows


def test_a_pattern_that_must_match_may_match_anywhere() -> None:
    check = Regex(must=r"\d{4}")
    assert says(check, "in 2024") is None
    assert says(check, "in 24") == r"The text must match the pattern `\d{4}`."


def test_a_pattern_that_must_not_match_is_told_with_what_it_matches() -> None:
    check = Regex(must_not="(?i)todo", name="finished")
    assert says(check, "TODO: a, todo: b") == (
        'The text must not match the pattern `(?i)todo`, but has "TODO", "todo".'
    )
    assert shows(check, "TODO: a, todo: b") == ["TODO", "todo"]


def test_flags_apply_to_all_patterns() -> None:
    check = Regex(must=("^b$", "a.b"), flags=("multiline", "dotall", "ignorecase"))
    assert says(check, "A\nB") is None
    assert says(Regex(must="^b$"), "a\nb") is not None


def test_an_empty_match_counts() -> None:
    assert says(Regex(must_not="x*"), "abc") == "The text must not match the pattern `x*`."


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "has no pattern: set must or must_not"),
        ({"must": "("}, r"the pattern '\(' is wrong: missing \)"),
        ({"must": "a", "flags": ["verbose"]}, "flags"),
        ({"must": ""}, "is blank"),
    ],
)
def test_patterns_that_cannot_be_used_are_refused(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Regex.model_validate(settings)


async def test_a_pattern_without_end_fails_as_a_check_and_others_run_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patterns, "LIMIT_S", 0.3)
    check = Regex(must="(a|a)*$")
    running = asyncio.create_task(check.check(Draft(response="a"), "a" * 40 + "b"))
    turns = 0
    while not running.done():
        await asyncio.sleep(0.01)
        turns += 1
    with pytest.raises(TimeoutError, match=r"takes more than 0\.3 s on this text: simplify it"):
        await running
    assert turns > 2
