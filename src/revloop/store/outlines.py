"""Outlines of trajectories: what lists need of them, read without everything else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import TypeAdapter

from revloop.store.file import readable
from revloop.store.stored_trajectory import end_in
from revloop.trajectory import Comparison, Draft, PanelComparison, Trajectory, Veto
from revloop.values import read_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.store.file import StoreFile

_TRAJECTORIES = """
SELECT key, id, draft, ending, (
    SELECT rest FROM rows r WHERE r.run = t.run AND r.draft_id = t.draft_id
    ORDER BY number LIMIT 1
) FROM trajectories t WHERE run = ? AND key IN (SELECT value FROM json_each(?))
"""
_VERSIONS = """
SELECT trajectory, round, json_extract(version, '$.text'), json_extract(version, '$.base'),
json_type(version, '$.critique'), json_extract(version, '$.critique.score'),
json_extract(version, '$.comparison'), json_extract(version, '$.veto')
FROM versions WHERE trajectory IN (SELECT value FROM json_each(?)) ORDER BY trajectory, round
"""
_COMPARISONS: TypeAdapter[Comparison | PanelComparison] = TypeAdapter(Comparison | PanelComparison)


class CritiqueOutline(NamedTuple):
    """What lists need of a critique."""

    score: float | None


@dataclass(slots=True)  # frozen ones take three times as long to make
class VersionOutline:
    """What lists need of a version: the fields of :class:`~revloop.trajectory.Version` by name."""

    round: int
    text: str
    base: int | None
    critiqued: str | None
    score: float | None
    compared: str | None
    vetoed: str | None

    @property
    def critique(self) -> CritiqueOutline | None:
        """The critique that led to it."""
        return CritiqueOutline(self.score) if self.critiqued == "object" else None

    @property
    def comparison(self) -> Comparison | PanelComparison | None:
        """The comparison, which few of a trajectory's versions are asked for."""
        return None if self.compared is None else _COMPARISONS.validate_json(self.compared)

    @property
    def veto(self) -> Veto | None:
        """The veto."""
        return None if self.vetoed is None else Veto.model_validate_json(self.vetoed)


def outlines_of(file: StoreFile, run: int | None, keys: Sequence[int]) -> dict[int, Trajectory]:
    """Trajectories of a run, by key, whose versions are outlines.

    They know their texts, their scores and which version is kept. Reading no more is four times as
    quick.

    Args:
        file: The store.
        run: The run.
        keys: The trajectories' keys; those without a version are left out.

    Raises:
        StoreError: The store cannot be read.
    """
    wanted = json.dumps(list(keys))
    with file.moment(), readable(file.path):
        versions: dict[int, list[VersionOutline]] = {}
        for key, *columns in file.rows(_VERSIONS, (wanted,)):
            versions.setdefault(key, []).append(VersionOutline(*columns))
        found = {}
        for key, id_, draft, ending, rest in file.rows(_TRAJECTORIES, (run, wanted)):
            if key in versions:
                known: tuple[Any, ...] = tuple(versions[key])
                made = Trajectory.model_construct(
                    id=id_, draft=_draft(draft), versions=known, end=end_in(ending)
                )
                found[key] = made.with_extra(read_json(rest)) if rest else made
        return found


def _draft(text: str) -> Draft:
    """A stored draft; one without turns is not checked again."""
    data = read_json(text)
    return Draft.model_validate(data) if data.get("messages") else Draft.model_construct(**data)
