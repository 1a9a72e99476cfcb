"""A benchmark's result as a file, so that it can be looked at, plotted and compared later."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, ValidationError

from revloop.bench.machine import machine
from revloop.errors import InputError
from revloop.files.atomic import whole_file, writable
from revloop.values import Frozen, explain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Spread(Frozen):
    """One figure, measured several times."""

    median: float
    least: float
    most: float
    values: tuple[float, ...] = Field(min_length=1, description="In the order of the repeats.")

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The spread of some values, at least one."""
        return cls(
            median=statistics.median(values),
            least=min(values),
            most=max(values),
            values=tuple(values),
        )


class Side(Frozen):
    """One of the things that were measured in turn."""

    figures: dict[str, Spread] = Field(description="By name; the unit is in the name.")
    rounds: tuple[dict[str, float], ...] = Field(
        default=(), description="What each round took, in the last repeat."
    )
    occupancy: tuple[tuple[float, int, int], ...] = Field(
        default=(),
        description="Seconds, requests running and requests waiting in the engine, last repeat.",
    )


class BenchResult(Frozen):
    """What ``revloop bench`` writes."""

    benchmark: str
    date: str
    machine: dict[str, Any]
    settings: dict[str, Any] = Field(description="What was run, and how.")
    sides: dict[str, Side]
    ratios: dict[str, Spread] = Field(
        default_factory=dict, description="Of one side to another, repeat by repeat."
    )
    notes: tuple[str, ...] = Field(default=(), description="What a reader must know besides.")

    @classmethod
    def made_now(
        cls,
        benchmark: str,
        *,
        settings: Mapping[str, Any],
        sides: Mapping[str, Side],
        ratios: Mapping[str, Sequence[float]],
        notes: Sequence[str] = (),
    ) -> Self:
        """A result of today, on this machine."""
        return cls(
            benchmark=benchmark,
            date=datetime.now(UTC).date().isoformat(),
            machine=machine(),
            settings=dict(settings),
            sides=dict(sides),
            ratios={name: Spread.of(values) for name, values in ratios.items()},
            notes=tuple(notes),
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a result.

        Raises:
            InputError: The file cannot be read, or is no result of ``revloop bench``.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as exc:
            raise InputError(f"{path} cannot be read: {exc.strerror}.") from exc
        except ValidationError as exc:
            raise InputError(f"{path} is no result of revloop bench: {explain(exc)}.") from exc

    def write(self, path: Path) -> None:
        """Write it as JSON; whatever stood there is replaced.

        Raises:
            InputError: The file cannot be written.
        """
        with writable(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file, writable(path):
            file.write(f"{self.model_dump_json(indent=1)}\n".encode())


def side_of(
    repeats: Sequence[Mapping[str, float]],
    *,
    rounds: Sequence[dict[str, float]] = (),
    occupancy: Sequence[tuple[float, int, int]] = (),
) -> Side:
    """A side from the figures of its repeats; a figure that a repeat lacks is left out."""
    common = [name for name in repeats[0] if all(name in figures for figures in repeats)]
    return Side(
        figures={name: Spread.of([figures[name] for figures in repeats]) for name in common},
        rounds=tuple(rounds),
        occupancy=tuple(tuple(moment) for moment in occupancy),
    )
