"""A model's own rating of a text, read from the probabilities of its next token."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from transformers import AutoTokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import aiohttp

    from revloop import Draft
    from revloop.trajectory import Message

_ASK = (
    "How well does this answer follow the question? Rate it from 1 (not at all) to 9 (fully). "
    "Reply with the number only."
)
_BEGINS = "Overall score: "


class Rater:
    """Asks a model that vLLM serves for a number from 1 to 9, weighted by probability.

    Args:
        address: The server.
        folder: The model's folder, for its chat template.
        model: Its name at the server.
    """

    def __init__(self, address: str, folder: Path, model: str) -> None:
        self._url = f"{address}/v1/completions"
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._model = model

    async def fresh(self, session: aiohttp.ClientSession, draft: Draft, text: str) -> float:
        """The rating in a conversation that holds question and answer alone."""
        asked = f"Question: {draft.prompt_text}\n\nAnswer:\n{text}\n\n{_ASK}"
        return await self._rating(session, [{"role": "user", "content": asked}])

    async def shared(
        self, session: aiohttp.ClientSession, asked: Sequence[Message], text: str
    ) -> float:
        """The rating at the end of the conversation in which the text was written."""
        turns = [{"role": turn.role, "content": turn.content} for turn in asked]
        turns += [{"role": "assistant", "content": text}, {"role": "user", "content": _ASK}]
        return await self._rating(session, turns)

    async def _rating(self, session: aiohttp.ClientSession, turns: Sequence[Any]) -> float:
        prompt = self._tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True
        )
        body = {
            "model": self._model,
            "prompt": prompt + _BEGINS,
            "max_tokens": 1,
            "temperature": 0.0,
            "logprobs": 20,
        }
        async with session.post(self._url, json=body) as response:
            response.raise_for_status()
            (choice,) = (await response.json())["choices"]
        shares: dict[int, float] = {}
        for token, logprob in choice["logprobs"]["top_logprobs"][0].items():
            if token.strip() in set("123456789"):
                number = int(token)
                shares[number] = shares.get(number, 0.0) + math.exp(logprob)
        return sum(number * share for number, share in shares.items()) / sum(shares.values())
