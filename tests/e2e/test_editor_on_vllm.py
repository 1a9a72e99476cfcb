"""The same model as critic and as editor writes what it writes in one role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop import revise
from revloop.demo import demo_drafts
from revloop.options import EngineOptions

if TYPE_CHECKING:
    from tests.conftest import Served

pytestmark = pytest.mark.vllm


def test_one_model_in_two_roles_gives_the_same_trajectories(vllm_server: Served) -> None:
    editor = EngineOptions(base_url=vllm_server.base_url)
    for draft in demo_drafts(4):
        alone = revise(draft, iterations=2, base_url=vllm_server.base_url)
        apart = revise(draft, iterations=2, base_url=vllm_server.base_url, editor=editor)
        assert [one.text for one in apart.versions] == [one.text for one in alone.versions]
        assert [one.critique for one in apart.versions] == [one.critique for one in alone.versions]
        assert apart.end == alone.end
