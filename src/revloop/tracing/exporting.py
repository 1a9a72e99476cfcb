"""Sends spans to an OpenTelemetry collector, over OTLP/HTTP."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from revloop._version import __version__
from revloop.errors import needs
from revloop.tracing.spans import dotted, trace_with

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from revloop.tracing.spans import OpenSpan, Value

logger = logging.getLogger("revloop.tracing")

_QUEUE_SPANS = 2**16
"""Spans that wait to be sent. The SDK's default, 2,048, is what a fast batch makes in a second."""
_SENT_TOGETHER = 512
_SERVICE = "OTEL_SERVICE_NAME"


@contextmanager
def exporting_traces(*, content: bool) -> Iterator[None]:
    """Trace while the block runs, and send what is left of the spans at its end.

    The standard variables decide where and how: ``OTEL_EXPORTER_OTLP_ENDPOINT`` (by default
    ``http://localhost:4318``), ``OTEL_EXPORTER_OTLP_HEADERS``, ``OTEL_SERVICE_NAME`` and others
    (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).

    Args:
        content: Whether prompts and replies are sent.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """
    with needs("OpenTelemetry is not installed: pip install 'revloop[otel]'."):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    named = {} if os.environ.get(_SERVICE) else {"service.name": "revloop"}
    provider = TracerProvider(
        resource=Resource.create({**named, "service.version": __version__}),
        shutdown_on_exit=False,
    )

    counted: Any = _CountedExporter(OTLPSpanExporter())
    provider.add_span_processor(
        BatchSpanProcessor(
            counted, max_queue_size=_QUEUE_SPANS, max_export_batch_size=_SENT_TOGETHER
        )
    )
    tracer = _OtelTracer(provider.get_tracer("revloop", __version__), content=content)
    trace_with(tracer)
    try:
        yield
    finally:
        trace_with(None)
        provider.shutdown()
        if lost := tracer.ended - counted.sent:
            logger.warning(
                "%d of %d spans did not arrive at the collector: is it running, and at the address "
                "in OTEL_EXPORTER_OTLP_ENDPOINT (http://localhost:4318 by default)?",
                *(lost, tracer.ended),
            )


class _CountedExporter:
    """Counts the spans that a collector accepted."""

    def __init__(self, exporter: Any) -> None:
        self.sent = 0
        self._exporter = exporter

    def export(self, spans: Any) -> Any:
        result = self._exporter.export(spans)
        if result.name == "SUCCESS":
            self.sent += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        flushed: bool = self._exporter.force_flush(timeout_millis)
        return flushed


class _OtelTracer:
    """Begins spans of OpenTelemetry.

    Attributes:
        content: Whether prompts and replies are sent.
        ended: Number of spans to be sent.
    """

    def __init__(self, tracer: Any, *, content: bool) -> None:
        self.content = content
        self.ended = 0
        self._tracer = tracer

    @contextmanager
    def begin(self, name: str, kind: str, attributes: Mapping[str, Any]) -> Iterator[OpenSpan]:
        """A span that ends with the block; an exception makes it an error, without its message.

        Messages may quote a prompt or a reply.
        """
        from opentelemetry.trace import SpanKind, Status, StatusCode

        with self._tracer.start_as_current_span(
            name,
            kind=SpanKind[kind],
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as begun:
            self.ended += begun.is_recording()
            try:
                yield _OtelSpan(begun)
            except BaseException as exc:
                if getattr(exc, "is_fault", True):
                    begun.set_attribute("error.type", type(exc).__name__)
                    begun.set_status(Status(StatusCode.ERROR))
                else:
                    begun.set_attribute("revloop.stopped", True)
                raise


class _OtelSpan:
    def __init__(self, span: Any) -> None:
        self._span = span

    def note(self, **attributes: Value | None) -> None:
        self._span.set_attributes(dotted(attributes))
