"""All drafts concurrently with the asynchronous OpenAI client in its default settings.

A semaphore limits this to 256 drafts, vLLM's default number of concurrent requests. Without it the
client's pool allows 1,000 requests, each of which then costs more.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from benchmarks.baselines.work import Work, ask, command_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop import Draft

CONCURRENCY = 256


async def revise_all(work: Work, drafts: Sequence[Draft]) -> list[list[str]]:
    """The texts of each draft, version 0 first."""
    places = asyncio.Semaphore(CONCURRENCY)
    async with work.async_client() as client:

        async def revise(draft: Draft) -> list[str]:
            async with places:
                texts = [draft.response]
                for _ in range(work.iterations):
                    request = work.critique(draft, texts[-1])
                    request = work.revision(request, await ask(client, work, request))
                    answer = await ask(client, work, request)
                    texts.append(work.revised(answer, texts[-1]))
                return texts

        return await asyncio.gather(*(revise(draft) for draft in drafts))


if __name__ == "__main__":
    command_line(lambda work, drafts: asyncio.run(revise_all(work, drafts)), __doc__)
