"""IFEval's sentence tokenizer, out of a package."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from benchmarks.ifeval import punkt

if TYPE_CHECKING:
    from pathlib import Path


def test_the_tokenizer_is_taken_out_of_its_package(tmp_path: Path) -> None:
    wheel = tmp_path / "package.whl"
    with zipfile.ZipFile(wheel, "w") as package:
        package.writestr(f"{punkt.INSIDE}{punkt.FILES}abbrev_types.txt", "dr")
        package.writestr("llama_index/core/code.py", "raise SystemExit")
    punkt.unpack(wheel, tmp_path / "nltk")
    files = [path for path in (tmp_path / "nltk").rglob("*") if path.is_file()]
    assert [file.read_text("utf-8") for file in files] == ["dr"]


def test_a_package_without_the_tokenizer_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "package.whl"
    with zipfile.ZipFile(wheel, "w") as package:
        package.writestr("code.py", "")
    with pytest.raises(SystemExit, match="has no tokenizers/punkt_tab"):
        punkt.unpack(wheel, tmp_path / "nltk")
