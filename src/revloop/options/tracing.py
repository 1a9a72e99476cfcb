"""Whether a batch is traced."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from revloop.errors import InputError
from revloop.options.base import Options


class TracingOptions(Options):
    """Whether a batch is traced."""

    panel: ClassVar[str] = "Tracing"

    otel: bool = Field(
        default=False,
        description="Send a span for each trajectory, round and request to an OpenTelemetry "
        "collector; the OTEL_* variables say where: see docs/tracing.md.",
    )
    otel_content: bool = Field(
        default=False, description="Send prompts and replies too, as attributes of the requests."
    )

    @model_validator(mode="after")
    def _check_content(self) -> Self:
        if self.otel_content and not self.otel:
            raise InputError("--otel-content needs --otel: nothing is traced without it.")
        return self
