"""Where a model runs in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.engines.generation import BatchGenerator
from tests.helpers.repository import TINY_CRITIC

if TYPE_CHECKING:
    import pytest


def test_a_build_for_a_gpu_that_is_not_there_runs_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """torch names the accelerator that it was built for, unless asked whether it is there."""
    import torch

    def current_accelerator(check_available: bool = False) -> torch.device | None:
        return None if check_available else torch.device("cuda")

    monkeypatch.setattr(torch.accelerator, "current_accelerator", current_accelerator)
    generator = BatchGenerator.load(str(TINY_CRITIC), str)
    assert generator.context_tokens > 0
