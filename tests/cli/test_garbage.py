"""The garbage collector during a long command."""

from __future__ import annotations

import gc

from revloop.cli.garbage import rare_collections


def test_collections_are_rare_during_the_block_and_as_before_after_it() -> None:
    thresholds = gc.get_threshold()
    with rare_collections():
        assert gc.get_threshold()[0] > 10 * thresholds[0]
        assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == thresholds
    assert gc.get_freeze_count() == 0
