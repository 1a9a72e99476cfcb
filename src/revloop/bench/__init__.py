"""Measuring throughput: against the engine's own limit, and against what was measured before."""

from revloop.bench.compare import Change, changes, different_settings
from revloop.bench.results import BenchResult, Side, Spread
from revloop.bench.throughput import (
    HEADLINE,
    ORACLE,
    REVLOOP,
    Load,
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
    "Change",
    "Load",
    "Side",
    "Spread",
    "changes",
    "different_settings",
    "figures_of",
    "measure_throughput",
    "run_batch",
    "run_oracle",
]
