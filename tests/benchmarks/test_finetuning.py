"""The measurements of fine-tuning on a CPU: `benchmarks/finetuning.py`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.finetuning import MEMORY, RESULTS, write_records
from revloop.finetune.examples import read_usable
from tests.helpers.repository import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

PAGE = REPOSITORY / "docs" / "finetuning.md"
FOUND = json.loads(RESULTS.read_text(encoding="utf-8"))


def test_every_training_was_measured_and_its_estimate_is_within_a_quarter() -> None:
    assert [line["training"] for line in FOUND["memory"]] == [name for name, _ in MEMORY]
    for line in FOUND["memory"]:
        assert 0.75 <= line["estimate_gib"] / line["peak_gib"] <= 1.25


def test_the_docs_say_what_was_measured() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for line in FOUND["memory"]:
        assert f"| {line['estimate_gib']:.1f} | {line['peak_gib']:.1f} |" in page
    ratio = FOUND["speed"]["ratio"]
    assert f"{ratio['median']} times as fast as fp32 ({ratio['least']} to {ratio['most']}" in page


def test_bf16_was_faster_in_every_pair() -> None:
    speed = FOUND["speed"]
    pairs = zip(speed["bf16_tokens_per_s"], speed["fp32_tokens_per_s"], strict=True)
    assert all(bf16 > fp32 for bf16, fp32 in pairs)


def test_its_records_can_be_trained_on(tmp_path: Path) -> None:
    usable, _ = read_usable(write_records(tmp_path / "records.jsonl", count=3))
    assert len(usable) == 3
