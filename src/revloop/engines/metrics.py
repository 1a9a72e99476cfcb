"""An engine's load and counters.

A vLLM server reports both at ``/metrics`` in Prometheus' text format
(https://docs.vllm.ai/en/latest/usage/metrics/). Any server shows its load by turning requests away.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

_COUNTERS = {
    "prompt_tokens": "prompt_tokens",
    "prefix_cache_queries": "prefix_cache_queries",
    "prefix_cache_hits": "prefix_cache_hits",
    "generation_tokens": "generated_tokens",
    "spec_decode_num_drafts": "speculations",
    "spec_decode_num_draft_tokens": "proposed_tokens",
    "spec_decode_num_accepted_tokens": "accepted_tokens",
    "num_preemptions": "preemptions",
}
"""Names of vLLM's counters, without ``vllm:`` and ``_total``, and of the fields here."""

_SAMPLE = re.compile(
    r"^vllm:(?P<name>\w+)(?:\{[^}\n]*\})? (?P<value>[0-9.eE+-]+)\s*$", re.MULTILINE
)
_CACHE_CONFIG = re.compile(r"^vllm:cache_config_info\{(?P<labels>[^}\n]*)\}", re.MULTILINE)
_LABEL = re.compile(r'(?P<name>num_gpu_blocks|block_size)="(?P<value>\d+)"')


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """How busy an engine is; None if not reported.

    Attributes:
        refused: Requests turned away or timed out since the engine was opened.
        running: Requests in generation.
        waiting: Requests queued inside the engine.
        kv_cache_share: Share of the KV cache in use, 0 to 1.
        kv_cache_tokens: Capacity of the KV cache in tokens.
    """

    refused: int
    running: int | None = None
    waiting: int | None = None
    kv_cache_share: float | None = None
    kv_cache_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Counters:
    """What an engine has done since it started.

    Attributes:
        prompt_tokens: Prompt tokens, including those from the prefix cache.
        prefix_cache_queries: Prompt tokens looked up in the prefix cache.
        prefix_cache_hits: Prompt tokens found there, and not computed again.
        generated_tokens: Generated tokens.
        speculations: Times that tokens were proposed for a sequence.
        proposed_tokens: Tokens proposed by speculative decoding.
        accepted_tokens: Proposed tokens that the model accepted.
        preemptions: Times that a sequence lost its KV cache to another one and started over.
    """

    prompt_tokens: int = 0
    prefix_cache_queries: int = 0
    prefix_cache_hits: int = 0
    generated_tokens: int = 0
    speculations: int = 0
    proposed_tokens: int = 0
    accepted_tokens: int = 0
    preemptions: int = 0

    @property
    def cached_share(self) -> float:
        """Share of the looked-up prompt tokens that the prefix cache held; 0 without look-ups."""
        queries = self.prefix_cache_queries
        return self.prefix_cache_hits / queries if queries else 0.0

    def since(self, before: Counters) -> Counters:
        """What was done since an earlier reading."""
        names = [field.name for field in fields(self)]
        return Counters(*(getattr(self, name) - getattr(before, name) for name in names))


@runtime_checkable
class ReportsLoad(Protocol):
    """An engine that reports its load."""

    async def load(self) -> ServerLoad:
        """The current load; never raises."""
        ...


@runtime_checkable
class ReportsCounters(Protocol):
    """An engine that reports its counters."""

    async def counters(self) -> Counters | None:
        """The counters so far; None if not reported. Never raises."""
        ...


def read_load(metrics: str, refused: int) -> ServerLoad:
    """The load in the text of vLLM's ``/metrics``, summed over the engines behind it.

    Args:
        metrics: The text; may be empty.
        refused: Requests that were turned away.
    """
    values = _samples(metrics)
    running, waiting = values.get("num_requests_running"), values.get("num_requests_waiting")
    shares = values.get("kv_cache_usage_perc")
    return ServerLoad(
        refused=refused,
        running=None if running is None else int(sum(running)),
        waiting=None if waiting is None else int(sum(waiting)),
        kv_cache_share=None if shares is None else max(shares),
        kv_cache_tokens=_kv_cache_tokens(metrics),
    )


def read_counters(metrics: str) -> Counters | None:
    """The counters in the text of vLLM's ``/metrics``, summed over its engines, if it has any."""
    values = _samples(metrics)
    sums = {ours: values.get(f"{name}_total") for name, ours in _COUNTERS.items()}
    known = {name: int(sum(found)) for name, found in sums.items() if found is not None}
    return Counters(**known) if known else None


def _kv_cache_tokens(metrics: str) -> int | None:
    """The capacity of the KV cache; None if not reported."""
    sizes = [
        {label["name"]: int(label["value"]) for label in _LABEL.finditer(config["labels"])}
        for config in _CACHE_CONFIG.finditer(metrics)
    ]
    tokens = [s["num_gpu_blocks"] * s["block_size"] for s in sizes if len(s) == 2]
    return sum(tokens) or None


def _samples(metrics: str) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for match in _SAMPLE.finditer(metrics):
        try:
            value = float(match["value"])
        except ValueError:
            continue
        if math.isfinite(value):
            values.setdefault(match["name"], []).append(value)
    return values
