"""The blocks of vLLM's KV cache that a sequence takes, by the windows of the layers.

As in vLLM 0.32 (``get_kv_cache_groups`` and ``SlidingWindowSpec`` in ``vllm/v1``): layers of one
kind share a block table. If a model has layers with a window and others without, each kind is
divided into tables of equally many layers, padded where the division leaves a rest, and all tables
take their blocks from one pool. A table of layers with a window keeps only the blocks that the
window still reaches; while a prompt is read it also keeps the tokens of the step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

BLOCK_TOKENS = 16
"""Tokens in a KV cache block: vLLM's default on a GPU."""

_SIMILAR = 1.5
"""vLLM pads the kind with fewer layers, if the other has less than so many times as many."""


class BlockTables(NamedTuple):
    """Block tables for layers of one kind; the layers of a table have the same blocks.

    Attributes:
        tables: Number of such tables.
        window: Positions that its layers attend to; None for all.
    """

    tables: int
    window: int | None

    def blocks(self, tokens: int) -> int:
        """Blocks that a sequence of so many tokens holds in these tables while it is decoded."""
        needed = -(-tokens // BLOCK_TOKENS)
        if self.window is not None:
            # the window may begin in the middle of a block
            needed = min(needed, -(-self.window // BLOCK_TOKENS) + 1)
        return self.tables * needed


class CacheLayout(NamedTuple):
    """How the KV cache is divided.

    Attributes:
        layers: Layers that one block holds tokens for.
        tables: The block tables.
    """

    layers: int
    tables: tuple[BlockTables, ...]

    @property
    def has_windows(self) -> bool:
        """Whether any layer forgets tokens."""
        return any(table.window is not None for table in self.tables)

    def blocks(self, tokens: int) -> int:
        """Blocks that a sequence of so many tokens holds."""
        return sum(table.blocks(tokens) for table in self.tables)


def cache_layout(layers_by_window: Mapping[int | None, int]) -> CacheLayout:
    """How vLLM divides the KV cache of a model, given the number of layers for each window."""
    fewest, most = min(layers_by_window.values()), max(layers_by_window.values())
    size = most if most < fewest * _SIMILAR else fewest
    tables = (BlockTables(-(-count // size), window) for window, count in layers_by_window.items())
    return CacheLayout(size, tuple(tables))
