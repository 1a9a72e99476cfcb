"""Templates on disk: every fault is reported with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop.errors import PromptSetError
from revloop.prompts.templates import load_template, read_text, shipped_folder

if TYPE_CHECKING:
    from pathlib import Path

ALLOWED = frozenset({"prompt"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ask.txt"


def test_a_template_is_used_to_the_letter(path: Path) -> None:
    path.write_bytes(b"Ask: ${prompt}\r\n $$ 3 ")
    assert load_template(path, ALLOWED) == "Ask: ${prompt}\r\n $$ 3 "


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b" \n", "is empty"),
        (b"a\n5 $ ${prompt}", r"line 2: write \$\$"),
        (b"${prompt} ${answer}", r"\$\{answer\} is unknown \(known: \$\{prompt\}\)"),
        (b"Ask.", r"\$\{prompt\} is missing"),
        (b"\xff", "not UTF-8: byte 0"),
    ],
)
def test_what_is_wrong_with_a_template_is_told(path: Path, content: bytes, said: str) -> None:
    path.write_bytes(content)
    with pytest.raises(PromptSetError, match=said):
        load_template(path, ALLOWED)


def test_a_file_that_is_missing_or_a_folder_is_told(path: Path) -> None:
    with pytest.raises(PromptSetError, match="is missing"):
        read_text(path)
    with pytest.raises(PromptSetError, match="cannot be read"):
        read_text(path.parent)


def test_the_sets_that_come_with_revloop_are_found() -> None:
    assert {"chat", "cnr", "judge"} <= {folder.name for folder in shipped_folder().iterdir()}
