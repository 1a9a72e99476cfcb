"""Exit codes: each has one meaning, which the help tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.cli import exit_codes
from revloop.errors import RevloopError
from tests.helpers.command_line import revloop

if TYPE_CHECKING:
    from collections.abc import Iterator


def below(error: type[RevloopError]) -> Iterator[type[RevloopError]]:
    yield error
    for child in error.__subclasses__():
        yield from below(child)


def test_every_error_that_ends_a_command_has_a_code_with_a_meaning() -> None:
    raised = {error.exit_code for error in below(RevloopError) if error is not RevloopError}
    assert raised <= set(exit_codes.MEANINGS)


def test_codes_of_endings_without_an_error_are_no_codes_of_errors() -> None:
    ended = [
        exit_codes.REJECTED_ROWS,
        exit_codes.STOPPED,
        exit_codes.LOST,
        exit_codes.INTERRUPTED,
    ]
    raised = {error.exit_code for error in below(RevloopError)}
    assert len(set(ended)) == 4
    assert not raised & set(ended)


async def test_the_help_tells_every_code() -> None:
    shown = " ".join((await revloop("--help")).out.split())
    for code, meaning in exit_codes.MEANINGS.items():
        assert f"{code} {meaning.replace('`', '')}" in shown
