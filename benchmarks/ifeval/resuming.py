"""What a stopped run has left to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop import Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from revloop import Draft


def unfinished(drafts: Sequence[Draft], file: Path) -> list[Draft]:
    """The drafts whose trajectories have no end in a store, which need not exist."""
    if not file.exists():
        return list(drafts)
    with Store.open_to_read(file) as store:
        ended = {str(one.draft.id) for one in store.contents() if one.end is not None}
    return [draft for draft in drafts if str(draft.id) not in ended]
