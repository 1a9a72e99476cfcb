"""The statistics of vLLM's engine in this process."""

from __future__ import annotations

from collections import Counter
from typing import Any

from revloop.engines.metrics import Counters, ServerLoad


class EngineStats:
    """Sums up the statistics of one engine, which vLLM records after each step.

    It has the methods of vLLM's ``StatLoggerBase`` (``vllm.v1.metrics.loggers``) without inheriting
    it, because this module must be importable without vLLM.
    """

    def __init__(self) -> None:
        self._sums: Counter[str] = Counter()
        self._running = 0
        self._waiting = 0
        self._kv_cache_share = 0.0
        self._cache_config: Any = None

    def factory(self, vllm_config: Any, engine_index: int = 0) -> EngineStats:
        """Called by vLLM to create its logger; returns this object."""
        del engine_index
        self._cache_config = vllm_config.cache_config
        return self

    @property
    def load(self) -> ServerLoad:
        """The load after the last step."""
        config = self._cache_config
        tokens = (config.num_gpu_blocks or 0) * config.block_size if config is not None else 0
        return ServerLoad(
            refused=0,
            running=self._running,
            waiting=self._waiting,
            kv_cache_share=self._kv_cache_share,
            kv_cache_tokens=tokens or None,
        )

    @property
    def counters(self) -> Counters:
        """The counters so far."""
        return Counters(**self._sums)

    def record(
        self,
        scheduler_stats: Any,
        iteration_stats: Any,
        mm_cache_stats: object = None,
        engine_idx: int = 0,
    ) -> None:
        """Record one step; called by vLLM."""
        del mm_cache_stats, engine_idx
        if scheduler_stats is not None:
            self._record_schedule(scheduler_stats)
        if iteration_stats is not None:
            self._sums["prompt_tokens"] += iteration_stats.num_prompt_tokens
            self._sums["generated_tokens"] += iteration_stats.num_generation_tokens
            self._sums["preemptions"] += iteration_stats.num_preempted_reqs

    def log(self) -> None:
        """Nothing is printed."""

    def log_engine_initialized(self) -> None:
        """Nothing is printed."""

    def record_sleep_state(self, is_awake: int, level: int) -> None:
        """The engine is never put to sleep."""

    def _record_schedule(self, stats: Any) -> None:
        self._running = stats.num_running_reqs
        self._waiting = stats.num_waiting_reqs + stats.num_skipped_waiting_reqs
        self._kv_cache_share = stats.kv_cache_usage
        if stats.prefix_cache_stats is not None:
            self._sums["prefix_cache_queries"] += stats.prefix_cache_stats.queries
            self._sums["prefix_cache_hits"] += stats.prefix_cache_stats.hits
        if stats.spec_decoding_stats is not None:
            self._sums["speculations"] += stats.spec_decoding_stats.num_drafts
            self._sums["proposed_tokens"] += stats.spec_decoding_stats.num_draft_tokens
            self._sums["accepted_tokens"] += stats.spec_decoding_stats.num_accepted_tokens
