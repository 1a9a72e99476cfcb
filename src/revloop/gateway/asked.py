"""What a client asks for: its own fields for the upstream, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError
from pydantic_core import from_json

from revloop.gateway.conversation import messages_of
from revloop.gateway.forms import AskedForm
from revloop.gateway.refusals import RefusedRequestError, invalid
from revloop.values import Frozen, explain

if TYPE_CHECKING:
    from revloop.trajectory import Message

MOST_ROUNDS = 16
"""Most rounds that a client may ask for."""
_MOST_CHOICES = 16
_LONGEST_DEADLINE_S = 3600
_NOT_SENT_ON = {"revloop", "stream", "stream_options"}

Kind = Literal["chat/completions", "completions"]


class RevloopFields(Frozen):
    """The object ``revloop`` of a request."""

    iterations: int | None = Field(default=None, ge=0, le=MOST_ROUNDS)
    gate: bool | None = None
    deadline: float | None = Field(default=None, gt=0, le=_LONGEST_DEADLINE_S)
    progress: bool = False


@dataclass(frozen=True, slots=True)
class ServedDefaults:
    """What a request gets that says nothing else.

    Attributes:
        model: The name by which clients ask.
        iterations: Rounds.
        deadline_s: Seconds after which no round is waited for; None: no limit.
        has_judge: Whether there is a judge, so that a client may ask for the gate.
    """

    model: str
    iterations: int
    deadline_s: float | None
    has_judge: bool


@dataclass(frozen=True, slots=True)
class AskedAnswer:
    """A request.

    Attributes:
        kind: What is asked for, as in the path.
        model: The model, as the client named it.
        body: The client's fields for the upstream.
        prompt: The prompt of a completion; None for a chat.
        messages: The conversation of a chat, as the critic sees it; None for a completion.
        iterations: Rounds; 0: the draft as it is.
        gate: Whether a version must win before a judge; None: the default.
        deadline_s: Seconds after which no round is waited for; None: no limit.
        streams: Whether the answer is to be streamed.
        includes_usage: Whether the stream ends with the usage.
        tells_progress: Whether the stream tells what is being done.
        form: The form that the answer is to have; None: any text.
    """

    kind: Kind
    model: str
    body: Mapping[str, Any]
    prompt: str | None
    messages: tuple[Message, ...] | None
    iterations: int
    gate: bool | None
    deadline_s: float | None
    streams: bool
    includes_usage: bool
    tells_progress: bool
    form: AskedForm | None


def read_request(raw: bytes, kind: Kind, defaults: ServedDefaults) -> AskedAnswer:
    """Read a request.

    Raises:
        RefusedRequestError: It cannot be understood, or asks for what is not served.
    """
    try:
        body = from_json(raw, allow_inf_nan=False)
    except ValueError as exc:
        raise invalid(f"The body is not JSON: {exc}.") from exc
    if not isinstance(body, dict):
        raise invalid("The body is not a JSON object.")
    ours = _fields(body.get("revloop"))
    if ours.gate and not defaults.has_judge:
        raise invalid("The gate needs a judge, and the gateway has none.", "revloop.gate")
    model, named = _rounds_named(body.get("model"), defaults)
    rounds = ours.iterations if ours.iterations is not None else named
    prompt = None if kind == "chat/completions" else _prompt(body)
    _check_choices(body)
    options = body.get("stream_options")
    return AskedAnswer(
        kind=kind,
        model=model,
        body={name: value for name, value in body.items() if name not in _NOT_SENT_ON},
        prompt=prompt,
        messages=messages_of(body) if kind == "chat/completions" else None,
        iterations=defaults.iterations if rounds is None else rounds,
        gate=ours.gate,
        deadline_s=defaults.deadline_s if ours.deadline is None else ours.deadline,
        streams=body.get("stream") is True,
        includes_usage=isinstance(options, Mapping) and options.get("include_usage") is True,
        tells_progress=ours.progress,
        form=AskedForm.of(body),
    )


def _fields(given: object) -> RevloopFields:
    try:
        return RevloopFields.model_validate({} if given is None else given)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]["loc"]
        where = ".".join(["revloop", *map(str, first)])
        raise invalid(
            f"'revloop' cannot be used: {explain(exc, model=RevloopFields)}.", where
        ) from exc


def _rounds_named(model: object, defaults: ServedDefaults) -> tuple[str, int | None]:
    """The model as it was named, and the rounds in its name, as in ``NAME@3``."""
    if not isinstance(model, str):
        raise invalid("'model' must be the name of a model.", "model")
    if model == defaults.model:
        return model, None
    name, _, rounds = model.rpartition("@")
    if name != defaults.model or not (rounds.isascii() and rounds.isdigit()):
        raise RefusedRequestError(
            404,
            f"The model '{model:.200}' is not served; it is '{defaults.model}', with @0 for the "
            "draft as it is, or @3 for three rounds.",
            code="model_not_found",
            param="model",
        )
    if len(rounds) > 3 or int(rounds) > MOST_ROUNDS:
        raise invalid(f"At most {MOST_ROUNDS} rounds can be asked for.", "model")
    return model, int(rounds)


def _prompt(body: Mapping[str, Any]) -> str:
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise invalid("'prompt' must be one text; several, or tokens, cannot be revised.", "prompt")
    if body.get("echo"):
        raise invalid("'echo' is not supported: the answer is not the draft.", "echo")
    return prompt


def _check_choices(body: Mapping[str, Any]) -> None:
    number = body.get("n")
    if number is None:
        return
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= _MOST_CHOICES:
        raise invalid(f"'n' must be a number from 1 to {_MOST_CHOICES}.", "n")
