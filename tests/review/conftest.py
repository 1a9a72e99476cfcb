"""A served store, shared by the tests of a module that only read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.report_samples import judged_store
from tests.helpers.review_server import Reviewer, serving, until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The pages of twelve judged trajectories of two rounds."""
    store = judged_store(tmp_path_factory.mktemp("review") / "judged.sqlite")
    with serving(store) as found:
        until(lambda: Reviewer(found).json("/progress")["listed"] == 12)
        yield found


@pytest.fixture
def reviewer(address: str) -> Reviewer:
    """Somebody who has entered."""
    return Reviewer(address)
