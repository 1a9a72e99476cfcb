"""How busy an engine is, for whoever decides how much to send it.

A vLLM server tells it in Prometheus' text format at ``/metrics``, in the gauges
``vllm:num_requests_running``, ``vllm:num_requests_waiting`` and ``vllm:kv_cache_usage_perc``
(https://docs.vllm.ai/en/latest/usage/metrics/). Any server tells it by turning requests away.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

_GAUGE = re.compile(
    r"^vllm:(?P<name>num_requests_running|num_requests_waiting|kv_cache_usage_perc)"
    r"(?:\{[^}\n]*\})? (?P<value>[0-9.eE+-]+)\s*$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Load:
    """How busy an engine is at one moment.

    Attributes:
        refused: Requests that were turned away for the moment, or not answered in time, since the
            engine was opened.
        running: Requests that are being generated; None where the engine does not tell.
        waiting: Requests that wait inside the engine.
        kv_cache_share: Share of the KV cache that is in use, 0 to 1.
    """

    refused: int
    running: int | None = None
    waiting: int | None = None
    kv_cache_share: float | None = None


@runtime_checkable
class ReportsLoad(Protocol):
    """An engine that tells how busy it is."""

    async def load(self) -> Load:
        """The load at this moment; never raises."""
        ...


def read_load(metrics: str, refused: int) -> Load:
    """The load in the text of vLLM's ``/metrics``; of several engines behind it, all together.

    Args:
        metrics: The text; another server's has none of the gauges.
        refused: Requests that were turned away.
    """
    values: dict[str, list[float]] = {}
    for match in _GAUGE.finditer(metrics):
        try:
            value = float(match["value"])
        except ValueError:
            continue
        if math.isfinite(value):
            values.setdefault(match["name"], []).append(value)
    running, waiting = (values.get(f"num_requests_{what}") for what in ("running", "waiting"))
    shares = values.get("kv_cache_usage_perc")
    return Load(
        refused=refused,
        running=None if running is None else int(sum(running)),
        waiting=None if waiting is None else int(sum(waiting)),
        kv_cache_share=None if shares is None else max(shares),
    )
