"""Which trajectories are wanted, by the fields of their drafts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from revloop.errors import InputError
from revloop.evaluation.outcomes import group_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from revloop.trajectory import Trajectory


class FieldFilter(NamedTuple):
    """A field and the value that it must have, as text."""

    field: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The filter that ``FIELD=VALUE`` stands for.

        Raises:
            InputError: It has no equals sign, or no field before it.
        """
        field, sign, value = text.partition("=")
        if not (field and sign):
            raise InputError(f"--where takes FIELD=VALUE, not '{text}'.")
        return cls(field, value)

    def accepts(self, trajectory: Trajectory) -> bool:
        """Whether a draft's own field has the value; one that is no text counts as its JSON."""
        return (
            trajectory.draft.extra.get(self.field) is not None
            and group_of(trajectory, self.field) == self.value
        )


def filters_of(texts: Iterable[str]) -> tuple[FieldFilter, ...]:
    """The filters that the values of ``--where`` stand for.

    Raises:
        InputError: One cannot be read.
    """
    return tuple(map(FieldFilter.parse, texts))


def accepted(trajectory: Trajectory, filters: Iterable[FieldFilter]) -> bool:
    """Whether all filters accept a trajectory."""
    return all(one.accepts(trajectory) for one in filters)
