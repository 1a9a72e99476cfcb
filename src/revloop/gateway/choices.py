"""One choice of the upstream's reply: whether it can be revised, and what it is afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from revloop.errors import BadReplyError
from revloop.prompts.parsing import UnusableError, without_thoughts
from revloop.trajectory import Draft
from revloop.values import explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from revloop.gateway.asked import AskedAnswer
    from revloop.trajectory import Message, Trajectory

_CALLS = ("tool_calls", "function_call")


def text_in(choice: Mapping[str, Any]) -> str:
    """The text of a choice; empty if it has none."""
    message = choice.get("message")
    text = message.get("content") if isinstance(message, Mapping) else choice.get("text")
    return text if isinstance(text, str) else ""


def answer_in(choice: Mapping[str, Any]) -> str:
    """The text of a choice without the thoughts before it, if the server did not part them."""
    text = text_in(choice)
    with suppress(UnusableError):  # not to be told apart: all of it is the answer
        return without_thoughts(text).text
    return text


def why_unrevised(choice: Mapping[str, Any], asked: AskedAnswer, *, revise_json: bool) -> str:
    """Why a choice is returned as it is; empty if it is to be revised."""
    message = choice.get("message")
    message = message if isinstance(message, Mapping) else {}
    if any(message.get(name) for name in _CALLS):
        return "tool_call"
    if message.get("refusal"):
        return "refusal"
    reason = choice.get("finish_reason")
    if reason in {"length", "content_filter"}:
        return str(reason)
    if not answer_in(choice).strip():
        return "empty"
    if asked.form is not None and not (asked.form.is_json and revise_json):
        return "json" if asked.form.is_json else "form"
    return "" if asked.iterations else "not_asked"


def with_text(choice: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The choice with another text; what was about the draft's tokens is left out."""
    changed = {**choice, "logprobs": None}
    message = choice.get("message")
    if isinstance(message, Mapping):
        changed["message"] = {**message, "content": text}
    else:
        changed["text"] = text
    return {name: value for name, value in changed.items() if name != "token_ids"}


def draft_of(
    choice: Mapping[str, Any], asked: AskedAnswer, name: str, model: str, *, shows_form: bool
) -> Draft:
    """The draft that a choice is.

    Args:
        choice: A choice with a text.
        asked: The request.
        name: The draft's id.
        model: The model that wrote it.
        shows_form: Whether the critic is told the form that the client asks for.

    Raises:
        BadReplyError: The text cannot be stored.
    """
    prompt, messages = asked.prompt, asked.messages
    if shows_form and asked.form is not None:
        prompt, messages = _with_mark(asked.form.mark, prompt, messages)
    fields = {"prompt": prompt, "messages": messages, "response": answer_in(choice)}
    try:
        return Draft.model_validate({**fields, "id": name, "extra": {"draft_model": model}})
    except ValidationError as exc:
        raise BadReplyError(f"The draft cannot be used: {explain(exc)}.") from exc


def _with_mark(
    mark: str, prompt: str | None, messages: tuple[Message, ...] | None
) -> tuple[str | None, tuple[Message, ...] | None]:
    """The prompt, or the conversation, with a mark at the end of the user's last turn."""
    if messages is None:
        return f"{prompt}\n\n{mark}", None
    of_user = [number for number, turn in enumerate(messages) if turn.role == "user"]
    last = of_user[-1] if of_user else 0
    turns = list(messages)
    text = f"{turns[last].content}\n\n{mark}"
    turns[last] = turns[last].model_copy(update={"content": text})
    return None, tuple(turns)


def answered_round(trajectory: Trajectory, is_usable: Callable[[str], bool] | None) -> int:
    """The round of the version that is answered: the kept one, or the last usable one before."""
    kept = trajectory.kept
    if is_usable is None:
        return kept
    rounds = (
        number for number in range(kept, 0, -1) if is_usable(trajectory.versions[number].text)
    )
    return next(rounds, 0)
