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


class TestOptionalPlaceholders:
    @pytest.mark.parametrize("text", ["${prompt}", "${prompt} ${checks}"])
    def test_a_template_may_have_them_or_not(self, path: Path, text: str) -> None:
        path.write_text(text)
        assert load_template(path, ALLOWED, frozenset({"checks"})) == text

    def test_others_are_refused_and_both_kinds_are_named(self, path: Path) -> None:
        path.write_text("${prompt} ${chekcs}")
        known = r"known: \$\{checks\}, \$\{prompt\}\)"
        with pytest.raises(PromptSetError, match=rf"\$\{{chekcs\}} is unknown \({known}"):
            load_template(path, ALLOWED, frozenset({"checks"}))

    @pytest.mark.parametrize("name", ["rubric", "reference answer", "a.b", "Größe", "x-1"])
    def test_fields_of_the_draft_may_have_any_name(self, path: Path, name: str) -> None:
        path.write_text(f"${{prompt}} ${{extra.{name}}}", encoding="utf-8")
        load_template(path, ALLOWED, with_fields=True)
        with pytest.raises(PromptSetError, match=r"is unknown \(known: \$\{prompt\}\)"):
            load_template(path, ALLOWED)

    @pytest.mark.parametrize("text", ["${extra.}", "${extra.a}b}${", "${extra.a\nb}", "${.a}"])
    def test_a_field_without_a_name_is_a_stray_dollar(self, path: Path, text: str) -> None:
        path.write_text("${prompt}\n" + text)
        with pytest.raises(PromptSetError, match=r"line 2: write \$\$"):
            load_template(path, ALLOWED, with_fields=True)


def test_a_file_that_is_missing_or_a_folder_is_told(path: Path) -> None:
    with pytest.raises(PromptSetError, match="is missing"):
        read_text(path)
    with pytest.raises(PromptSetError, match="cannot be read"):
        read_text(path.parent)


def test_the_sets_that_come_with_revloop_are_found() -> None:
    assert {"chat", "cnr", "judge"} <= {folder.name for folder in shipped_folder().iterdir()}
