"""The engine of the model `english`: a critique that lists each change, and the text after them."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from revloop.edits import edits_between, write_edits
from revloop.engines.base import Completion
from revloop.engines.english.changes import changed
from revloop.errors import RejectedError
from revloop.prompts import PromptSet
from revloop.trajectory import EngineInfo, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from revloop.edits import Edit
    from revloop.engines.base import Engine, Request
    from revloop.engines.english.reader import Reader, Reading

ENGLISH = "english"
"""The model's name, and that of its prompt set; a folder of that name is ``./english``."""

_NOTHING = "none"
_KEPT_READINGS = 256


class ProofreadingEngine:
    """Answers the prompts of the set `english`, and no others.

    Args:
        reader: Finds the changes.
        critic: Its model, closed with this engine.
        version: Of the model, for the record.
    """

    def __init__(self, reader: Reader, critic: Engine, *, version: str) -> None:
        self.info = EngineInfo(kind="transformers", model=ENGLISH, version=version)
        self.context_tokens = None  # texts of any length, passage by passage
        self._reader, self._critic = reader, critic
        templates = PromptSet.load(ENGLISH).templates
        self._critique, self._revision, self._both = (
            templates[name] for name in ("critique.txt", "bridge.txt", "single.txt")
        )
        self._readings: OrderedDict[str, Reading] = OrderedDict()

    def count_tokens(self, text: str) -> int | None:
        """Number of tokens of ``text``."""
        return self._critic.count_tokens(text)

    async def generate(self, request: Request) -> Completion:
        """Critique, revise, or both. See :class:`~revloop.engines.base.Engine`.

        Raises:
            RejectedError: The prompt is of another prompt set.
        """
        started = time.perf_counter()
        asked, text = self._asked(request)
        is_new = text not in self._readings
        reading = await self._reading(text)
        edits = edits_between(text, changed(text, reading.changes))
        critique, revision = _critique(edits), f"<edits>\n{write_edits(edits)}\n</edits>"
        reply = {
            self._critique: critique,
            self._revision: revision,
            self._both: f"{critique}\n\n{revision}",
        }[asked]
        tokens = self.count_tokens(reply) or 0
        return Completion(
            text=reply,
            finish_reason="length" if tokens > request.max_tokens else "stop",
            limit_tokens=request.max_tokens,
            usage=reading.usage if is_new else Usage(prompt_tokens=0, generated_tokens=0),
            latency_s=time.perf_counter() - started,
        )

    async def aclose(self) -> None:
        """Close the model."""
        await self._critic.aclose()

    def _asked(self, request: Request) -> tuple[str, str]:
        """The request's last message, and the text to proofread."""
        if not isinstance(request.prompt, str):
            asked, turns = request.prompt[-1].content, request.prompt[:-1]
            if asked == self._revision:
                turns = turns[:-2]
            if turns and asked in {self._critique, self._revision, self._both}:
                return asked, turns[-1].content
        raise RejectedError(
            f"The model {ENGLISH} proofreads: it answers its own prompt set alone, so it can be "
            "neither judge nor editor."
        )

    async def _reading(self, text: str) -> Reading:
        if text not in self._readings:
            self._readings[text] = await self._reader.read(text)
            while len(self._readings) > _KEPT_READINGS:
                self._readings.popitem(last=False)
        return self._readings[text]


def _critique(edits: Iterable[Edit]) -> str:
    """A line for each edit."""
    lines = (
        f"{json.dumps(edit.find, ensure_ascii=False)} should be "
        f"{json.dumps(edit.replacement, ensure_ascii=False)}."
        for edit in edits
    )
    return "\n".join(lines) or _NOTHING
