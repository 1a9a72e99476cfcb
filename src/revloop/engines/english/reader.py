"""Proofread a text: the trained model corrects it, the untrained one says what is likelier."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

import anyio.to_thread

from revloop.concurrency import task_group
from revloop.engines.base import Request
from revloop.engines.english.changes import WordChange, changed, changes_between, is_small
from revloop.engines.english.lines import Passage, passages
from revloop.engines.english.spelling import misspellings
from revloop.trajectory import Sampling, Usage

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from revloop.engines.base import Engine
    from revloop.engines.english.likelihood import Likelihood

_ASKED = "Correct this:\n{}\n\nFaults:\n"
_BRIDGE = "\n\nCorrected:\n"
_MOST_TOKENS = 420
_GREEDY = Sampling(temperature=0.0)
_KEPT_PASSAGES = 4096
_NO_TOKENS = Usage(prompt_tokens=0, generated_tokens=0)

SPELLING_NATS = 6.0
"""Log-probability that a respelt word must bring."""

CHANGE_NATS = 3.0
"""Log-probability that a change of the trained model must bring."""


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
        vocabulary: Known words in small letters.
    """

    def __init__(self, critic: Engine, likelihood: Likelihood, vocabulary: Collection[str]) -> None:
        self._critic, self._likelihood, self._vocabulary = critic, likelihood, vocabulary
        self._scoring = anyio.Lock()
        self._known: OrderedDict[str, list[WordChange]] = OrderedDict()

    async def read(self, text: str) -> Reading:
        """Proofread a text; what was read before, as most of it was in a second round, is known."""
        found: dict[Passage, tuple[list[WordChange], Usage]] = {}

        async def proofread(passage: Passage) -> None:
            found[passage] = await self._proofread(text[passage.start : passage.end])

        async with task_group() as tasks:
            for passage in passages(text):
                tasks.start_soon(proofread, passage)
        changes = [
            WordChange(one.start + passage.start, one.end + passage.start, one.new)
            for passage, (each, _) in sorted(found.items())
            for one in each
        ]
        usages = [usage for _, usage in found.values()]
        return Reading(
            tuple(changes),
            Usage(
                prompt_tokens=sum(one.prompt_tokens for one in usages),
                generated_tokens=sum(one.generated_tokens for one in usages),
            ),
        )

    async def _proofread(self, passage: str) -> tuple[list[WordChange], Usage]:
        if passage in self._known:
            self._known.move_to_end(passage)
            return self._known[passage], _NO_TOKENS
        found, usage = await self._proofread_anew(passage)
        self._known[passage] = found
        while len(self._known) > _KEPT_PASSAGES:
            self._known.popitem(last=False)
        return found, usage

    async def _proofread_anew(self, passage: str) -> tuple[list[WordChange], Usage]:
        spelt = await self._spelt(passage)
        reply = await self._critic.generate(
            Request(prompt=_ASKED.format(spelt), sampling=_GREEDY, max_tokens=_MOST_TOKENS)
        )
        _, bridge, after = reply.text.partition(_BRIDGE)
        if bridge and reply.finish_reason == "stop":
            small = [one for one in changes_between(spelt, after) if is_small(spelt, one)]
            spelt = changed(spelt, await self._likelier(spelt, small, CHANGE_NATS))
        return changes_between(passage, spelt), reply.usage

    async def _spelt(self, passage: str) -> str:
        """The passage with each misspelt word as the likeliest of those that it may stand for."""
        found = [
            WordChange(one.start, one.end, word)
            for one in misspellings(passage, self._vocabulary)
            for word in one.words
        ]
        likelier = await self._likelier(passage, found, SPELLING_NATS)
        best = {one.start: one for one in reversed(likelier)}
        return changed(passage, best.values())

    async def _likelier(
        self, passage: str, changes: Sequence[WordChange], margin: float
    ) -> list[WordChange]:
        """Those changes that make the passage more likely by a margin, the likeliest first."""
        if not changes:
            return []
        texts = [passage, *(changed(passage, [one]) for one in changes)]
        async with self._scoring:
            before, *each = await anyio.to_thread.run_sync(self._likelihood.nats, texts)
        gains = sorted(zip(each, changes, strict=True), reverse=True)
        return [one for nats, one in gains if nats - before >= margin]
