"""What the critic is shown of a conversation: its texts, and marks where something else stood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from revloop.gateway.refusals import invalid
from revloop.trajectory import Message
from revloop.values import explain

_MARKS = {
    **dict.fromkeys(("image_url", "input_image", "image"), "[image]"),
    **dict.fromkeys(("input_audio", "audio", "audio_url"), "[audio]"),
    **dict.fromkeys(("video_url", "video"), "[video]"),
    **dict.fromkeys(("file", "input_file"), "[file]"),
}
"""What stands for a part that the critic cannot see."""
_ROLES = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant"}
_OF_TOOLS = {"tool": "[tool result]", "function": "[tool result]"}


def messages_of(body: Mapping[str, Any]) -> tuple[Message, ...]:
    """The conversation of a chat request, as the critic is to see it.

    Results of tools are shown as turns of the user that say so; calls of tools by their names and
    arguments; images and other media as ``[image]`` and the like.

    Raises:
        RefusedRequestError: It is no conversation.
    """
    turns = body.get("messages")
    if not isinstance(turns, list) or not turns:
        raise invalid("'messages' must be a list with at least one message.", "messages")
    return tuple(_message(turn, f"messages[{number}]") for number, turn in enumerate(turns))


def _message(turn: object, where: str) -> Message:
    if not isinstance(turn, Mapping):
        raise invalid(f"'{where}' is not an object.", where)
    role, text = turn.get("role"), _text(turn.get("content"), where)
    parts = [text, *(map(_call, turn.get("tool_calls") or ()) if role == "assistant" else ())]
    if role in _OF_TOOLS:
        parts.insert(0, _OF_TOOLS[role])
    elif role not in _ROLES:
        raise invalid(f"'{where}.role' is not the role of a message.", f"{where}.role")
    try:
        return Message.model_validate(
            {"role": _ROLES.get(role, "user"), "content": "\n".join(filter(None, parts))}
        )
    except ValidationError as exc:
        raise invalid(f"'{where}' cannot be used: {explain(exc)}.", where) from exc


def _text(content: object, where: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        raise invalid(f"'{where}.content' is neither a text nor a list of parts.", where)
    return "\n".join(_part(part, where) for part in content)


def _part(part: object, where: str) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        raise invalid(f"'{where}.content' has a part that is not an object.", where)
    kind, text = part.get("type"), part.get("text")
    if isinstance(text, str):
        return text
    return _MARKS.get(str(kind), f"[{kind if isinstance(kind, str) else 'something else'}]")


def _call(call: object) -> str:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        return "[tool call]"
    return f"[tool call] {function.get('name')}({function.get('arguments')})"
