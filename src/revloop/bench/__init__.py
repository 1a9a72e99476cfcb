"""Measure throughput, and compare it with the engine's limit and with earlier results."""

from revloop.bench.compare import FigureChange, changes, different_settings
from revloop.bench.results import BenchResult, Side, Spread
from revloop.bench.throughput import (
    HEADLINE,
    ORACLE,
    REVLOOP,
    Workload,
    figures_of,
    measure_throughput,
    run_batch,
    run_oracle,
)

__all__ = [
    "HEADLINE",
    "ORACLE",
    "REVLOOP",
    "BenchResult",
    "FigureChange",
    "Side",
    "Spread",
    "Workload",
    "changes",
    "different_settings",
    "figures_of",
    "measure_throughput",
    "run_batch",
    "run_oracle",
]
