"""The rules that count faults in revisions of real answers: `benchmarks/real_answers`."""

from __future__ import annotations

import json

import pytest

from benchmarks.real_answers.__main__ import NAME, table
from benchmarks.real_answers.rules import FAULTS, Revised, faults
from benchmarks.saving import FOLDER
from tests.helpers.repository import REPOSITORY

ORIGINAL = (
    "Here are some ways to save water at home, in the order of what they bring:\n\n"
    "1. Repair taps that drip.\n2. Take short showers.\n3. Collect rain for the garden.\n"
)
GOOD = ORIGINAL.replace("short showers", "short showers, of five minutes at most")
CODE = f"{ORIGINAL}\n```python\nprint(1)\n```\n"
CRITIQUE = "It could be clearer about how much water each of these measures saves in a normal year."


def found(text: str, original: str = ORIGINAL, critique: str = CRITIQUE) -> set[str]:
    revised = Revised(
        text,
        original=original,
        before=original,
        question="How do I save water?",
        critique=critique,
        templates=("Write a better answer to the question now. Write only the answer.",),
    )
    return faults(revised)


@pytest.mark.parametrize("original", [ORIGINAL, CODE])
def test_the_original_and_a_good_revision_have_no_fault(original: str) -> None:
    assert found(original, original) == set()
    assert found(original.replace(ORIGINAL, GOOD), original) == set()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"Sure! Here is a better answer:\n\n{GOOD}", "preamble"),
        (f"Here's a rewritten version of the text:\n\n{GOOD}", "preamble"),
        (f"{GOOD}\nThis answer explains how to save water.", "postamble"),
        (f"{GOOD}\nLet me know if you need more.", "postamble"),
        (f"{GOOD}\nThe answer should mention dishwashers.", "critique_inside"),
        (f"{GOOD}\n{CRITIQUE} {CRITIQUE}", "critique_inside"),
        (f"{GOOD}\nNow write a better answer to the question now.", "template_inside"),
        (f"<answer>\n{GOOD}", "template_inside"),
        ("Repair taps that drip, take short showers and collect rain for the garden.", "list_lost"),
        ("1. Repair taps.\n2. Shower.\n3. Rain.", "short"),
        (GOOD + "Take short showers and you will save water at home. " * 5, "repetition"),
    ],
)
def test_each_fault_is_found(text: str, fault: str) -> None:
    assert fault in found(text)


def test_a_code_block_that_is_gone_is_found() -> None:
    assert "code_lost" in found(GOOD, CODE)
    assert "code_lost" in found(f"{GOOD}\n```python\nprint(1)", CODE)


def test_types_and_headers_of_code_are_no_tags() -> None:
    code = "```cpp\n#include <iostream>\nstd::vector<int> v;\n```"
    assert "template_inside" not in found(f"{CODE}\n{code}\nA vector<int> after #include <map>.")


def test_what_the_original_has_too_is_no_fault() -> None:
    original = f"Sure! Here is a better answer:\n\n{ORIGINAL}\nLet me know if you need more."
    assert found(original.replace("drip", "leak"), original) == set()


def test_every_measured_form_is_in_the_docs() -> None:
    forms = json.loads((FOLDER / f"{NAME}.json").read_bytes())["forms"]
    page = (REPOSITORY / "docs" / "prompts.md").read_text(encoding="utf-8")
    assert table(forms) in page
    assert all(set(form["faults"]) == set(FAULTS) for form in forms.values())
