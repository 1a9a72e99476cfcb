"""Changes from one benchmark result to another, beyond the noise of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from revloop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from revloop.bench.results import BenchResult, Spread


@dataclass(frozen=True, slots=True)
class FigureChange:
    """One figure in two results.

    Attributes:
        name: The figure's name, after that of its side.
        before: Its values in the first result.
        after: Its values in the second.
    """

    name: str
    before: Spread
    after: Spread

    @property
    def factor(self) -> float | None:
        """The median after, divided by the one before; None if that is 0."""
        return self.after.median / self.before.median if self.before.median else None

    @property
    def is_beyond_noise(self) -> bool:
        """Whether the ranges of values do not overlap.

        With three repeats each and no real change, one figure in ten does so by chance (2 of the
        20 orders of six values).
        """
        return self.after.least > self.before.most or self.after.most < self.before.least


def changes(before: BenchResult, after: BenchResult) -> list[FigureChange]:
    """Every figure that both results have, in the order of the first.

    Raises:
        InputError: The results are of different benchmarks.
    """
    if before.benchmark != after.benchmark:
        raise InputError(
            f"These are results of different benchmarks ({before.benchmark} and "
            f"{after.benchmark}) and cannot be compared."
        )
    theirs = dict(_figures(after))
    return [
        FigureChange(name, spread, theirs[name])
        for name, spread in _figures(before)
        if name in theirs
    ]


def different_settings(before: BenchResult, after: BenchResult) -> list[str]:
    """Differing settings and facts of the machine, as ``name: before, then after``."""
    mine = _flat({"settings": before.settings, "machine": before.machine})
    theirs = _flat({"settings": after.settings, "machine": after.machine})
    return [
        f"{name}: {mine.get(name)}, then {theirs.get(name)}"
        for name in sorted(mine.keys() | theirs.keys())
        if mine.get(name) != theirs.get(name)
    ]


def _figures(result: BenchResult) -> Iterator[tuple[str, Spread]]:
    yield from result.ratios.items()
    for side, found in result.sides.items():
        for name, spread in found.figures.items():
            yield f"{side} {name}", spread


def _flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
