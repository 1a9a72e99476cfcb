"""The check `code`: blocks that parse, and blocks that do not. Nothing is run."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from revloop.checks import Code
from tests.helpers.built_in import says, shows

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def block(code: str, language: str = "python") -> str:
    return f"See:\n\n```{language}\n{code}\n```\n\nDone."


@pytest.mark.parametrize(
    "text",
    [
        block("def f(x):\n    return x ** 2"),
        block("  x = 1\n  y = 2", "py"),
        block(">>> 1 +\\\n... 2\n3\n>>> f()\nTraceback (most recent call last)"),
        block('{"a": [1, 2]}', "json"),
        block("print 'old'", "python2"),
        block("x = = 1", ""),
        block("x = = 1", "js"),
        block("import re; re.compile('\\d')"),
        block("x is 1"),
        block("await f()\nasync with a: pass"),
        "- a list:\n  ```python\n  for x in y:\n      pass\n  ```\n",
        "no code, `x = = 1`",
        "",
    ],
)
def test_blocks_that_parse_pass(text: str) -> None:
    assert says(Code(), text) is None


def test_a_block_that_does_not_parse_is_told_with_its_number_and_line() -> None:
    text = block("x = 1") + "\n" + block("def f():\nreturn 1")
    assert says(Code(), text) == (
        "The code block 2 is not valid Python: expected an indented block after function "
        "definition on line 1 (line 2 of the block)."
    )
    assert shows(Code(), text) == ["```python\ndef f():\nreturn 1\n```"]


def test_json_blocks_are_json() -> None:
    assert str(says(Code(), block("{'a': 1}", "json"))).startswith(
        "The code block 1 is not valid JSON: "
    )
    assert says(Code(), block("NaN", "json")) is not None


def test_a_language_can_be_given_to_blocks_that_name_none() -> None:
    check = Code(language="python")
    assert says(check, block("x = = 1", "")) is not None
    assert says(check, block("x = = 1", "js")) is None
    assert says(Code(language="json"), block("x = 1", "")) is not None


def test_code_is_never_run(tmp_path: Path) -> None:
    path = tmp_path / "made"
    assert says(Code(), block(f"open({str(path)!r}, 'w')")) is None
    assert not path.exists()


@pytest.mark.parametrize(
    "code",
    [
        "(" * 100_000,
        "-" * 100_000 + "1",
        "1" + "+1" * 100_000,
        "a" + ".a" * 100_000,
        "{[" * 90,
        "lambda: " * 50_000 + "1",
        "not " * 50_000 + "1",
        "\n".join(" " * depth + "if x:" for depth in range(200)),
        "x = 1\0",
        "9" * 10_000,
        "f'" + "{" * 1000,
    ],
)
def test_hostile_code_is_a_flaw_or_passes_and_nothing_else(code: str) -> None:
    message = says(Code(), block(code))
    assert message is None or message.startswith("The code block 1 is not valid Python: ")
    assert len(message or "") < 400


def test_this_test_parses() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert says(Code(), f"~~~~py\n{source}\n~~~~") is None
