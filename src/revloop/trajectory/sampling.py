"""Sampling: how the next token is chosen, and what of it an engine is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_serializer, model_validator

from revloop.values import Frozen

if TYPE_CHECKING:
    from pydantic import SerializerFunctionWrapHandler

_NO_EFFECT: dict[str, float] = {
    "top_k": -1,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}
"""Parameters that not every server accepts, with the values at which they change nothing."""


class SamplingDefaults(Frozen):
    """How the next token is chosen, but for the seed: what a prompt set may say."""

    temperature: Annotated[float, Field(ge=0, le=10)] = Field(
        default=0.0, description="0 takes the likeliest token each time, so a run can be repeated."
    )
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="Only the likeliest tokens with this summed probability; 1: all."
    )
    top_k: Annotated[int, Field(ge=-1)] = Field(
        default=-1, description="Only this many of the likeliest tokens; -1: all."
    )
    min_p: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0,
        description="Only tokens with at least this share of the likeliest token's probability.",
    )
    repetition_penalty: Annotated[float, Field(gt=0, le=10)] = Field(
        default=1.0,
        description="Divides the logits of tokens in the prompt or the text so far; 1: none.",
    )
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] = Field(
        default=0.0, description="Subtracted from the logit of each token in the text so far."
    )
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] = Field(
        default=0.0, description="The same, times how often the token stands there."
    )

    @model_serializer(mode="wrap")
    def _without_what_has_no_effect(
        self, serialize: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        """Leave out the parameters that change nothing: stores and digests hold one per request."""
        written: dict[str, Any] = serialize(self)
        return {name: value for name, value in written.items() if _NO_EFFECT.get(name) != value}

    def with_seed(self, seed: int, *, temperature: float | None = None) -> Sampling:
        """The sampling of one request.

        Args:
            seed: Where its random choices start.
            temperature: Its temperature; None: this one's.
        """
        chosen = {name: getattr(self, name) for name in SamplingDefaults.model_fields}
        if temperature is not None:
            chosen["temperature"] = temperature
        return Sampling(**chosen, seed=seed)


class Sampling(SamplingDefaults):
    """How the next token is chosen."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        default=0, description="Where random choices start. Each request gets its own from it."
    )

    def parameters(self, *, complete: bool) -> dict[str, float]:
        """The parameters to send, by OpenAI's names, and vLLM's for those that OpenAI lacks.

        Args:
            complete: Send those without effect too. Otherwise the engine may apply values of its
                own: vLLM and transformers take them from the model's ``generation_config.json``.
        """
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name: value
            for name, value in values.items()
            if complete or _NO_EFFECT.get(name) != value
        }


class SentSampling(Frozen):
    """What an engine is told besides the prompt and the sampling, and what it is not told."""

    complete_sampling: bool = Field(
        default=False,
        description="Whether parameters without effect are sent too. If not, the engine's own "
        "defaults may apply to them.",
    )
    unsent: tuple[str, ...] = Field(
        default=(),
        description="Parameters that are not sent, because the server refuses them: its own values "
        "apply.",
    )

    extra_body: str | None = Field(
        default=None, description="Fields that the user adds to each request, as JSON."
    )
    headers: tuple[str, ...] = Field(
        default=(), description="Names of the headers that the user adds; never their values."
    )

    @model_validator(mode="before")
    @classmethod
    def _as_older_stores_have_it(cls, given: Any) -> Any:
        """``pinned`` held the parameters without effect, or null."""
        if not isinstance(given, Mapping) or "pinned" not in given:
            return given
        rest = {name: value for name, value in given.items() if name != "pinned"}
        return {"complete_sampling": given["pinned"] is not None, **rest}
