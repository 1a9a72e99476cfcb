"""Batches of 50 with a barrier after each step, as in batch pipelines.

All critiques of a batch, then all its revisions, then the next round; after all rounds, the next
batch. 50 is distilabel's default (``input_batch_size``). Each step waits for the longest reply.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from benchmarks.baselines.work import Work, ask, command_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openai import AsyncOpenAI

    from revloop import Draft

BATCH = 50


async def revise_all(work: Work, drafts: Sequence[Draft]) -> list[list[str]]:
    """The texts of each draft, version 0 first."""
    revised: list[list[str]] = []
    async with work.async_client() as client:
        for first in range(0, len(drafts), BATCH):
            revised += await _revise_batch(client, work, drafts[first : first + BATCH])
    return revised


async def _revise_batch(
    client: AsyncOpenAI, work: Work, drafts: Sequence[Draft]
) -> list[list[str]]:
    texts = [[draft.response] for draft in drafts]
    for _ in range(work.iterations):
        requests = [work.critique(draft, t[-1]) for draft, t in zip(drafts, texts, strict=True)]
        critiques = await asyncio.gather(*(ask(client, work, request) for request in requests))
        requests = [
            work.revision(request, critique)
            for request, critique in zip(requests, critiques, strict=True)
        ]
        answers = await asyncio.gather(*(ask(client, work, request) for request in requests))
        for one, answer in zip(texts, answers, strict=True):
            one.append(work.revised(answer, one[-1]))
    return texts


if __name__ == "__main__":
    command_line(lambda work, drafts: asyncio.run(revise_all(work, drafts)), __doc__)
