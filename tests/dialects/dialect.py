"""What a dialect is: a server, its replies, and what revloop must make of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.errors import EngineError
    from revloop.trajectory import FinishReason

Path = Literal["models", "completions", "chat/completions"]


@dataclass(frozen=True, slots=True)
class Answered:
    """The completion that a reply must become.

    Attributes:
        text: The completion's text.
        finish: Why it ended.
        tokens: Tokens of the prompt and of the answer; 0 if not reported.
        cached: Tokens of the prompt from the prefix cache; None if not reported.
        thoughts: What came apart from the text.
        thinking: Tokens of the thoughts; None if not reported.
    """

    text: str
    finish: FinishReason = "stop"
    tokens: tuple[int, int] = (0, 0)
    cached: int | None = None
    thoughts: str = ""
    thinking: int | None = None


@dataclass(frozen=True, slots=True)
class Fails:
    """The error that a reply must become; a transient one is retried.

    Attributes:
        kind: Its class.
        says: A part of its message.
        wait_s: Seconds to wait before the next try, if the server names them.
    """

    kind: type[EngineError]
    says: str
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class Adapts:
    """A refused parameter: the request is sent again without it.

    Attributes:
        refused: Its name, as sent.
        sent_as: The name under which it is sent instead; None if it is left out.
    """

    refused: str
    sent_as: str | None = None


@dataclass(frozen=True, slots=True)
class Serves:
    """What a list of models must tell.

    Attributes:
        model: The name to use.
        named: The name that the user gives; None if there is only one model.
        context_tokens: The context length; None if not reported.
    """

    model: str
    named: str | None = None
    context_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A reply, and what it must become.

    Attributes:
        name: What is special about it.
        source: Where its shape is from: a repository and path, or an address.
        body: Text and bytes are sent unchanged, everything else as JSON.
        expected: What it must become.
        path: What it answers.
        status: Its HTTP status.
        headers: Its headers.
    """

    name: str
    source: str
    body: Any
    expected: Answered | Fails | Adapts | Serves
    path: Path = "chat/completions"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dialect:
    """A server's way to speak OpenAI's protocol.

    Attributes:
        name: The server.
        address: The address to give, as its documentation has it.
        model: A model that it could serve.
        start: The documented command that starts it; empty for a hosted API.
        key: The environment variable that holds the key, as its documentation names it; empty
            without one.
        root: Where the API begins on the server.
        notes: What its users should know.
        cases: Its replies.
    """

    name: str
    address: str
    model: str
    root: str
    cases: tuple[Case, ...]
    start: str = ""
    key: str = ""
    notes: str = ""

    @property
    def host(self) -> str:
        """Scheme, host and port of the address."""
        return str(URL(self.address).origin())

    def good(self, path: Path) -> Case | None:
        """The first good reply of a path."""
        good = (case for case in self.cases if case.path == path)
        return next((case for case in good if isinstance(case.expected, Answered | Serves)), None)


def chat(text: str | None, **more: Any) -> dict[str, Any]:
    """A chat completion. ``message``, ``choice``: more fields there; others: of the reply."""
    message = {"role": "assistant", "content": text, **more.pop("message", {})}
    choice = {"index": 0, "message": message, "finish_reason": "stop", **more.pop("choice", {})}
    return {"id": "x", "object": "chat.completion", "created": 1, "choices": [choice], **more}


def completion(text: str, **more: Any) -> dict[str, Any]:
    """A completion. ``choice``: more fields there; others: of the reply."""
    choice = {"index": 0, "text": text, "finish_reason": "stop", **more.pop("choice", {})}
    return {"id": "x", "object": "text_completion", "created": 1, "choices": [choice], **more}


def usage(prompt: int, generated: int, **more: Any) -> dict[str, Any]:
    """The usual token counts, and more fields."""
    counts = {"prompt_tokens": prompt, "completion_tokens": generated}
    return {**counts, "total_tokens": prompt + generated, **more}


def models(*entries: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A list of models."""
    return {"object": "list", "data": [{"object": "model", **entry} for entry in entries], **more}


def openai_error(
    message: str,
    type_: str | None = "invalid_request_error",
    *,
    code: str | int | None = None,
    param: str | None = None,
) -> dict[str, Any]:
    """An error in OpenAI's form."""
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}


def flat_error(message: Any, type_: str, code: int | str) -> dict[str, Any]:
    """An error in the form of vLLM before 0.10, of SGLang and of Mistral."""
    return {"object": "error", "message": message, "type": type_, "param": None, "code": code}
