"""Records and rows for the tests; every text was written for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from revloop.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

BOTTLES: dict[str, Any] = {
    "id": "bottles",
    "prompt": "Why do shops sell hydrogen peroxide in bottles of coloured plastic?",
    "response": "The brown plastic looks like medicine, so that nobody drinks it by mistake.",
    "score": 4,
    "positive": "It is short, and it is right that the bottles are often brown.",
    "negative": "The reason is wrong: light breaks hydrogen peroxide down. Say what becomes of it.",
    "revision": "Light breaks hydrogen peroxide down into water and oxygen, and the solution "
    "grows weak. A brown bottle keeps most of the light out, so it stays strong for longer.",
}
"""Shaped like the record that the paper shows, with other words."""


def record(**changes: Any) -> Record:
    """The record about bottles with some fields changed; None removes a field."""
    fields = {**BOTTLES, **changes}
    return Record.model_validate({name: v for name, v in fields.items() if v is not None})


def write_jsonl(path: Path, rows: Iterable[object]) -> Path:
    """A file with a JSON value on each line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


TURNS = [
    {"role": "user", "content": "Name a prime."},
    {"role": "assistant", "content": "Seven."},
    {"role": "user", "content": "And one above ten?"},
]

ROWS: dict[str, dict[str, Any]] = {
    "helpsteer3-edit": {
        "domain": "stem",
        "language": "english",
        "context": TURNS,
        "original_response": "Twelve is one.",
        "edited_response": "Eleven is one.",
        "feedback": ["The response is not helpful. Twelve is even.", "Twelve has divisors."],
        "change_summary": "Another number.",
    },
    "helpsteer3-edit-quality": {
        "domain": "stem",
        "language": "english",
        "context": TURNS,
        "original_response": "Twelve is one.",
        "good_edited_response": "Eleven is one.",
        "bad_edited_response": "Nine is one.",
        "feedback": ["Twelve is even."],
    },
    "helpsteer3-feedback": {
        "domain": "stem",
        "language": "english",
        "context": TURNS,
        "response1": "Twelve.",
        "response2": "Eleven.",
        "feedback1": ["The response is not helpful.", "Twelve is even."],
        "feedback2": ["The response is perfectly helpful."],
    },
    "aligner": {"question": "Two and two?", "answer": "Five.", "correction": "Four."},
    "ultrafeedback": {
        "source": "made up",
        "instruction": "Two and two?",
        "models": ["a", "b"],
        "completions": [
            {"model": "a", "response": "Five.", "critique": "Count again.", "overall_score": 2.0},
            {"model": "b", "response": "Four.", "critique": "Well done.", "overall_score": "N/A"},
        ],
    },
    "shepherd": {
        "id": 17,
        "dataset": "made up",
        "question": "Two and two?",
        "answer": "Five.",
        "feedback": "One too many.",
    },
    "rich-feedback-reasoning": {
        "Original": "Can a penguin fly to the moon?",
        "Generation": "Yes, birds fly.",
        "Correction": "No: penguins cannot fly, and no bird leaves the air.",
        "Subquestions": ["Can penguins fly?"],
        "ErrorType": ["FE"],
        "FE_reason": "Penguins cannot fly.",
        "MF_reason": "The moon is beyond the air.",
        "IR_reason": "",
        "LI_reason": None,
    },
    "constitutional-ai": {
        "init_prompt": "How do I open a lock?",
        "init_response": "Break it.",
        "critic_prompt": "Find the harm.",
        "critic_response": "It tells to break things.",
        "revision_prompt": "Mend it.",
        "revision_response": "With its key, or ask a locksmith.",
        "prompt": "How do I open a lock?",
        "messages": [],
        "chosen": [],
        "rejected": [],
    },
    "sygra": {
        "prompt": "Two and two?",
        "candidate": "Four.",
        "self_refine_judge": {"score": 5, "is_good": True, "critique": "Right.", "raw": {}},
        "reflection_trajectory": [
            {
                "iteration": 0,
                "candidate_key": "candidate",
                "candidate": "Five.",
                "judge": {"score": 2, "is_good": False, "critique": "Count again.", "raw": {}},
            },
            {
                "iteration": 1,
                "candidate_key": "candidate",
                "candidate": "Four.",
                "judge": {"score": 5, "is_good": True, "critique": "Right.", "raw": {}},
            },
        ],
    },
}
"""A row of each format that records are imported from."""
