"""The garbage collector during a long command."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEW_OBJECTS = 50_000


@contextmanager
def rare_collections() -> Iterator[None]:
    """Collect garbage rarely during the block, and leave out what was there before it.

    A batch makes many objects and hardly a reference cycle. With Python's thresholds, collections
    take a fifth of its CPU time, and a full one holds up every request for 0.1 s.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
