"""What to do about rows that are known but hold no draft as they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def hint_for(row: Mapping[str, Any]) -> str | None:
    """What a row looks like and the options that read it, as sentences; None if unknown."""
    keys = row.keys()
    if {"custom_id", "response"} <= keys:
        return (
            "It looks like the output of a Batch API, whose prompts are in another file. For the "
            "answers alone: --field id=custom_id "
            "--field response=response.body.choices.0.message.content."
        )
    if {"instruction", "output"} <= keys:
        return (
            "It looks like Alpaca's training data or AlpacaEval's outputs: say which with "
            "--format alpaca or --format alpaca-eval."
        )
    if {"chosen", "rejected"} <= keys:
        return (
            "It holds pairs of responses: say which one is to be revised (--field response=chosen, "
            "or rejected)."
        )
    if isinstance(row.get("completions"), list):
        return (
            "It holds several responses to a row: say which one is to be revised (--field "
            "prompt=instruction --field response=completions.0.response)."
        )
    if isinstance(row.get("choices"), list):
        return (
            "It looks like replies of an OpenAI-compatible server, without what was asked: "
            "--field response=choices.0.message.content reads them."
        )
    return _hint_for_rows_inside(row)


def _hint_for_rows_inside(row: Mapping[str, Any]) -> str | None:
    for name, value in row.items():
        is_list = isinstance(value, list) and len(value) > 0
        if is_list and all(isinstance(one, Mapping) and "role" not in one for one in value):
            return (
                f"It has its rows in a list, '{name}': make a file of them first "
                f"(jq -c '.[\"{name}\"][]' FILE > rows.jsonl)."
            )
    return None
