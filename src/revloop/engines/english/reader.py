"""Proofread a text: the trained model corrects it, the untrained one says what is likelier."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import anyio.to_thread

from revloop.concurrency import task_group
from revloop.engines.base import Completion, Request
from revloop.engines.english.changes import WordChange, changed, changes_between, is_small
from revloop.engines.english.lines import Passage, passages
from revloop.trajectory import Sampling, Usage

if TYPE_CHECKING:
    from revloop.engines.base import Engine
    from revloop.engines.english.likelihood import Likelihood

_ASKED = "Correct this:\n{}\n\nFaults:\n"
_BRIDGE = "\n\nCorrected:\n"
_MOST_TOKENS = 420
_GREEDY = Sampling(temperature=0.0)

MARGIN = 0.0
"""Log-probability, in nats, that a change must bring."""


class Reading(NamedTuple):
    """A proofread text.

    Attributes:
        changes: What should change, in the order of the text.
        usage: Tokens that it took.
    """

    changes: tuple[WordChange, ...]
    usage: Usage


class Reader:
    """Finds the changes that a text needs.

    Args:
        critic: The trained model.
        likelihood: The model before its training.
    """

    def __init__(self, critic: Engine, likelihood: Likelihood) -> None:
        self._critic, self._likelihood = critic, likelihood
        self._scoring = anyio.Lock()

    async def read(self, text: str) -> Reading:
        """Proofread a text."""
        found = list(passages(text))
        replies: dict[Passage, Completion] = {}

        async def correct(passage: Passage) -> None:
            replies[passage] = await self._corrected(text[passage.start : passage.end])

        async with task_group() as tasks:
            for passage in found:
                tasks.start_soon(correct, passage)
        changes = [
            change
            for passage in found
            for change in await self._likely(
                text[passage.start : passage.end], passage.start, replies[passage]
            )
        ]
        usages = [reply.usage for reply in replies.values()]
        return Reading(
            tuple(changes),
            Usage(
                prompt_tokens=sum(one.prompt_tokens for one in usages),
                generated_tokens=sum(one.generated_tokens for one in usages),
            ),
        )

    async def _corrected(self, passage: str) -> Completion:
        return await self._critic.generate(
            Request(prompt=_ASKED.format(passage), sampling=_GREEDY, max_tokens=_MOST_TOKENS)
        )

    async def _likely(self, passage: str, start: int, reply: Completion) -> list[WordChange]:
        """The changes of a passage that only correct words, and that make it more likely."""
        _, bridge, after = reply.text.partition(_BRIDGE)
        if not bridge or reply.finish_reason != "stop":
            return []
        small = [one for one in changes_between(passage, after) if is_small(passage, one)]
        if not small:
            return []
        texts = [passage, *(changed(passage, [one]) for one in small)]
        async with self._scoring:
            before, *each = await anyio.to_thread.run_sync(self._likelihood.nats, texts)
        return [
            WordChange(one.start + start, one.end + start, one.new)
            for one, nats in zip(small, each, strict=True)
            if nats - before >= MARGIN
        ]
