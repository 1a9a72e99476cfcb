"""Drafts: the one that every way starts from, and those that the best of N chooses from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio

from benchmarks.ifeval.arms import SAMPLING, TOKEN_LIMIT
from benchmarks.ifeval.counting import until_spent
from benchmarks.ifeval.verifying import ARGUMENTS, IDS, judged
from revloop import Draft
from revloop.concurrency import task_group
from revloop.engines import Request
from revloop.trajectory import Message, Sampling

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.ifeval.counting import Drawn
    from revloop.engines import HttpEngine

_AT_ONCE = 48
_SEEDS_APART = 1000


class Pool:
    """Drafts by prompt and number, in a file that each is added to at once.

    Args:
        file: A line of JSON for each draft.
        engine: Who writes them.
    """

    def __init__(self, file: Path, engine: HttpEngine) -> None:
        self._file = file
        self._engine = engine
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        rows = [json.loads(line) for line in lines]
        self._found = {(row["id"], row["number"]): (row["text"], row["tokens"]) for row in rows}

    async def draw(
        self, prompts: Sequence[tuple[str, str]], number: int, sampling: Sampling, limit: int
    ) -> list[tuple[str, int]]:
        """Text and tokens of the drafts of some prompts with one number.

        Args:
            prompts: Ids and texts.
            number: Of each prompt's draft.
            sampling: The sampling.
            limit: Most tokens of a draft.
        """
        async with task_group() as tasks:
            for identity, prompt in prompts:
                if (identity, number) not in self._found:
                    tasks.start_soon(self._one, identity, prompt, number, sampling, limit)
        return [self._found[identity, number] for identity, _ in prompts]

    async def _one(
        self, identity: str, prompt: str, number: int, sampling: Sampling, limit: int
    ) -> None:
        message = Message(role="user", content=prompt)
        async with self._limiter:
            asked = Request(prompt=(message,), sampling=sampling, max_tokens=limit)
            reply = await self._engine.generate(asked)
        text, tokens = reply.text.strip() or "(no answer)", reply.usage.generated_tokens
        row = {"id": identity, "number": number, "text": text, "tokens": tokens}
        async with await anyio.open_file(self._file, "a", encoding="utf-8") as file:
            await file.write(json.dumps(row) + "\n")
        self._found[identity, number] = text, tokens


def sampling_of(seed: int, number: int) -> Sampling:
    """The sampling of a draft with this number; other seeds and numbers give other drafts."""
    return Sampling(**SAMPLING, seed=seed * _SEEDS_APART + number)


async def first_drafts(
    rows: Sequence[dict[str, Any]], pool: Pool, sampling: Sampling, limit: int = TOKEN_LIMIT
) -> list[Draft]:
    """The drafts that every way starts from."""
    prompts = [(row["key"], row["prompt"]) for row in rows]
    drawn = await pool.draw(prompts, 0, sampling, limit)
    return [
        Draft(
            id=row["key"],
            prompt=row["prompt"],
            response=text,
            extra={name: row[name] for name in (IDS, ARGUMENTS)},
        )
        for row, (text, _) in zip(rows, drawn, strict=True)
    ]


class FurtherDrafts:
    """Drafts of every prompt beside the first, for the best of N.

    Args:
        drafts: The first draft of every prompt.
        pool: Where they are kept.
        seed: Other seeds give other drafts.
        asking: How they are asked for, with `{}` for the prompt.
    """

    def __init__(self, drafts: Sequence[Draft], pool: Pool, seed: int, asking: str = "{}") -> None:
        self._drafts = drafts
        self._pool = pool
        self._seed = seed
        self._asking = asking

    async def until_spent(self, budget: int) -> None:
        """Draw until a budget is spent, with and without stopping once a prompt is followed."""
        pools = [[judged(draft, draft.response, 0)] for draft in self._drafts]
        number = 0
        while wanted := _wanted(pools, budget):
            number += 1
            drawn = await self._draw(number, wanted)
            for place, (text, tokens) in zip(wanted, drawn, strict=True):
                pools[place].append(judged(self._drafts[place], text, tokens))

    async def _draw(self, number: int, places: Sequence[int]) -> list[tuple[str, int]]:
        drafts = [self._drafts[at] for at in places]
        # a prompt may hold braces itself
        prompts = [(str(one.id), self._asking.replace("{}", one.prompt_text)) for one in drafts]
        return await self._pool.draw(prompts, number, sampling_of(self._seed, number), TOKEN_LIMIT)


def _wanted(pools: Sequence[Sequence[Drawn]], budget: int) -> list[int]:
    """The prompts that need another draft, by place."""
    unsolved = [
        place for place, pool in enumerate(pools) if not any(all(one.followed) for one in pool)
    ]
    if _spent(pools, budget, stop_verified=False) < budget:
        return list(range(len(pools)))
    return unsolved if _spent(pools, budget, stop_verified=True) < budget else []


def _spent(pools: Sequence[Sequence[Drawn]], budget: int, *, stop_verified: bool) -> int:
    """Tokens drawn so far, or the budget if they exceed it."""
    endless = until_spent(pools, 10**12, stop_verified=stop_verified)
    return min(budget, sum(one.tokens for pool in endless for one in pool))
