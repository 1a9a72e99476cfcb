"""Benchmark results as files, to plot and compare later."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, ValidationError

from revloop.bench.machine import machine
from revloop.errors import InputError
from revloop.files.atomic import atomic_file, translate_write_errors
from revloop.values import Frozen, explain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Spread(Frozen):
    """One figure, measured repeatedly."""

    median: float
    least: float
    most: float
    values: tuple[float, ...] = Field(min_length=1, description="In the order of the repeats.")

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The spread of one or more values."""
        return cls(
            median=statistics.median(values),
            least=min(values),
            most=max(values),
            values=tuple(values),
        )


class Side(Frozen):
    """One of the alternatives that were measured in turn."""

    figures: dict[str, Spread] = Field(description="By name, which includes the unit.")
    rounds: tuple[dict[str, float], ...] = Field(
        default=(), description="Totals of each round, in the last repeat."
    )
    occupancy: tuple[tuple[float, int, int], ...] = Field(
        default=(),
        description="Seconds, requests running and queued in the engine, in the last repeat.",
    )


class BenchResult(Frozen):
    """The result file of ``revloop bench``."""

    benchmark: str
    date: str
    machine: dict[str, Any]
    settings: dict[str, Any] = Field(description="The workload and its options.")
    sides: dict[str, Side]
    ratios: dict[str, Spread] = Field(
        default_factory=dict, description="Of one side to another, by repeat."
    )
    notes: tuple[str, ...] = Field(default=(), description="Remarks for the reader.")

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
        """A result with today's date and this machine."""
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
            InputError: The file cannot be read, or is not a result of ``revloop bench``.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as exc:
            raise InputError(f"{path} cannot be read: {exc.strerror}.") from exc
        except ValidationError as exc:
            raise InputError(f"{path} is not a result of revloop bench: {explain(exc)}.") from exc

    def write(self, path: Path) -> None:
        """Write it as JSON, replacing an existing file.

        Raises:
            InputError: The file cannot be written.
        """
        with translate_write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file, translate_write_errors(path):
            file.write(f"{self.model_dump_json(indent=1)}\n".encode())


def side_of(
    repeats: Sequence[Mapping[str, float]],
    *,
    rounds: Sequence[dict[str, float]] = (),
    occupancy: Sequence[tuple[float, int, int]] = (),
) -> Side:
    """A side from its repeats, with the figures that all repeats have."""
    common = [name for name in repeats[0] if all(name in figures for figures in repeats)]
    return Side(
        figures={name: Spread.of([figures[name] for figures in repeats]) for name in common},
        rounds=tuple(rounds),
        occupancy=tuple(tuple(moment) for moment in occupancy),
    )
