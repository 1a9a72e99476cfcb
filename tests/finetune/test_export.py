"""A critic's end token; `test_run.py` covers export and merging."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from revloop.finetune.export import _end_with


@pytest.mark.parametrize(
    ("known", "after"), [(None, 7), (3, 7), (7, 7), ([3, 7], [3, 7]), ([3, 4], 7)]
)
def test_the_engines_stop_at_the_token_that_was_trained(
    known: int | list[int] | None, after: int | list[int]
) -> None:
    model = SimpleNamespace(
        config=SimpleNamespace(eos_token_id=known),
        generation_config=SimpleNamespace(eos_token_id=known),
    )
    _end_with(model, 7)
    assert model.generation_config.eos_token_id == model.config.eos_token_id == after
