"""A critic without a model: the same request gets the same answer, whoever asks and whenever."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from revloop.parsing import write_critique
from revloop.prompts import PromptSet

MODEL = "critic"
_CNR = PromptSet.load("cnr")
_LABELS = _CNR.settings.critique.labels


def answer(method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """The status and the JSON that a good server gives.

    The text depends on the prompt alone, as a model's does at temperature 0.
    """
    if (method, path) == ("GET", "/v1/models"):
        return 200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
    if (method, path) == ("POST", "/v1/completions"):
        prompt = json.loads(body)["prompt"]
        return 200, _completion(prompt, _continued(prompt))
    return 404, {"error": {"message": f"There is no {path}.", "code": 404}}


def _continued(prompt: str) -> str:
    name = hashlib.sha256(prompt.encode()).hexdigest()[:12]
    if prompt.endswith(_CNR.bridge):
        return f"Dear {name},\nthis is better: é, 汉, 🙂, $5 and ${{prompt}}."
    assert _LABELS is not None
    return write_critique(1 + int(name, 16) % 4, f"It is short ({name}).", "It is dull.", _LABELS)


def _completion(prompt: str, text: str) -> dict[str, Any]:
    read, written = len(prompt.split()), len(text.split())
    return {
        "object": "text_completion",
        "choices": [{"index": 0, "text": text, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        },
    }
