"""What the gateway counts, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.errors import needs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from revloop.gateway.places import Places
    from revloop.trajectory import Usage

_BUCKETS_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)


class GatewayMetrics:
    """Counters of one gateway, in a registry of its own.

    Args:
        places: Tells how many requests are worked on, and how many wait.

    Raises:
        MissingExtraError: The package prometheus-client is not installed.
    """

    def __init__(self, places: Places) -> None:
        with needs("The gateway needs the package prometheus-client: pip install 'revloop[web]'."):
            import prometheus_client as prometheus
        self._prometheus = prometheus
        registry = self._registry = prometheus.CollectorRegistry()
        self._requests = prometheus.Counter(
            "revloop_gateway_requests",
            "Requests that were answered or refused",
            ["path", "status"],
            registry=registry,
        )
        self._seconds = prometheus.Histogram(
            "revloop_gateway_request_seconds",
            "Seconds from a request to its whole answer",
            ["path"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._tokens = prometheus.Counter(
            "revloop_gateway_tokens",
            "Tokens of prompts and answers",
            ["part", "kind"],
            registry=registry,
        )
        self._rounds = prometheus.Counter(
            "revloop_gateway_rounds", "Rounds that made a version", registry=registry
        )
        self._ends = prometheus.Counter(
            "revloop_gateway_ends", "Why the rounds of a draft ended", ["reason"], registry=registry
        )
        self._gauge("working", "Requests that are worked on", lambda: places.taken)
        self._gauge("waiting", "Requests that wait for a place", lambda: places.waiting)

    @property
    def content_type(self) -> str:
        """The media type of :meth:`text`."""
        return self._prometheus.CONTENT_TYPE_LATEST

    def text(self) -> bytes:
        """All metrics, as Prometheus reads them."""
        return self._prometheus.generate_latest(self._registry)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request to one of the gateway's paths."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def tokens_used(self, parts: Mapping[str, Usage]) -> None:
        """Count the tokens of an answer."""
        for name, usage in parts.items():
            self._tokens.labels(name, "prompt").inc(usage.prompt_tokens)
            self._tokens.labels(name, "generated").inc(usage.generated_tokens)

    def rounds_done(self, rounds: int, reason: str) -> None:
        """Count the rounds of a draft, and why they ended."""
        self._rounds.inc(rounds)
        self._ends.labels(reason).inc()

    def _gauge(self, name: str, what: str, read: Callable[[], float]) -> None:
        gauge = self._prometheus.Gauge(f"revloop_gateway_{name}", what, registry=self._registry)
        gauge.set_function(read)
