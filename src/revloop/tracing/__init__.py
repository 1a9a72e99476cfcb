"""Traces: a span for each trajectory, round and request, sent with OpenTelemetry if asked for."""

from revloop.tracing.exporting import exporting_traces
from revloop.tracing.spans import CLIENT, asking, content_is_traced, is_traced, span, what_is_asked

__all__ = [
    "CLIENT",
    "asking",
    "content_is_traced",
    "exporting_traces",
    "is_traced",
    "span",
    "what_is_asked",
]
