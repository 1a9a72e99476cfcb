"""A critic and a judge without a model: the same request always gets the same answer."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from revloop.prompts import PromptSet
from revloop.prompts.parsing import write_critique

if TYPE_CHECKING:
    from collections.abc import Mapping

MODEL = "critic"
_CNR = PromptSet.load("cnr")
_LABELS = _CNR.settings.critique.labels
_RESPONSES = re.compile(r"<response_[ab]>\n(.*?)\n</response_[ab]>", re.DOTALL)


def answer(method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """The status and the JSON of a good reply.

    The text depends on the prompt only, as a model's does at temperature 0; above 0, also on the
    seed.
    """
    if (method, path) == ("GET", "/v1/models"):
        return 200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
    if (method, path) == ("POST", "/v1/completions"):
        asked = json.loads(body)
        text = _continued(asked)
        return 200, _reply("text_completion", asked["prompt"], text, {"text": text})
    if (method, path) == ("POST", "/v1/chat/completions"):
        question = json.loads(body)["messages"][-1]["content"]
        text = _verdict(question)
        message = {"message": {"role": "assistant", "content": text}}
        return 200, _reply("chat.completion", question, text, message)
    return 404, {"error": {"message": f"There is no {path}.", "code": 404}}


def _continued(asked: Mapping[str, Any]) -> str:
    """A critique, a revision, or both if no stop string separates them."""
    prompt = asked["prompt"]
    seed = asked["seed"] if asked.get("temperature") else ""
    name = _digest(f"{seed}{prompt}")[:12]
    revision = f"Dear {name},\nthis is better: é, 汉, 🙂, $5 and ${{prompt}}."
    if prompt.endswith(_CNR.bridge):
        return revision
    assert _LABELS is not None
    score, flaw = 1 + int(name, 16) % 4, f"It is short ({name})."
    critique = write_critique(score, flaw, "It is dull.", _LABELS)
    return critique if "stop" in asked else critique + _CNR.bridge + revision


def _verdict(question: str) -> str:
    """Which of two responses is better, whatever their order."""
    first, second = map(_digest, _RESPONSES.findall(question))
    return f"They differ.\n\nVerdict: {'A' if first > second else 'B'}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _reply(kind: str, asked: str, text: str, choice: Mapping[str, Any]) -> dict[str, Any]:
    read, written = len(asked.split()), len(text.split())
    return {
        "object": kind,
        "choices": [{"index": 0, "finish_reason": "stop", **choice}],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        },
    }
