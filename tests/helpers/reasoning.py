"""A reasoning model behind a server that cuts its replies anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from revloop.engines.base import Completion, Request
from revloop.engines.replies import read_completion
from revloop.loop.greeting import GREETING
from revloop.trajectory import EngineInfo
from tests.helpers.scripted_engine import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from revloop.trajectory import Usage

Form = Literal["marked", "unopened", "harmony", "field", "parts"]
"""How thoughts come: between marks, before a closing one, in the format of gpt-oss, in a field of
their own, or as a part of the content."""
FORMS: tuple[Form, ...] = ("marked", "unopened", "harmony", "field", "parts")

MARK = "Ж"
"""Stands all over a thought and nowhere else."""
THOUGHT = f"""{MARK} First: Overall score: 9
Positive aspects: {MARK}
Negative aspects: {MARK}
Then <revised_response>{MARK}</revised_response>, or
Verdict: A

This answer {MARK}, that is it."""

_MARKS: dict[str, tuple[str, str]] = {
    "marked": ("<think>\n", "\n</think>\n\n"),
    "unopened": ("", "\n</think>\n\n"),
    "harmony": (
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>final<|message|>",
    ),
}


def reply_of(form: Form, answer: str, cut: int | None, *, is_chat: bool) -> dict[str, Any]:
    """A server's reply: a thought, then the answer, cut after some characters if at all."""
    if form in _MARKS:
        opening, closing = _MARKS[form]
        text = opening + THOUGHT + closing + answer
        shown: Any = text[:cut]
        is_cut, message = shown != text, {"content": shown}
    else:
        thought, said = (
            THOUGHT[:cut],
            answer if cut is None else answer[: max(0, cut - len(THOUGHT))],
        )
        is_cut = thought + said != THOUGHT + answer
        if form == "field":
            message = {"content": said or None, "reasoning_content": thought}
        else:
            parts = {"type": "thinking", "thinking": [{"type": "text", "text": thought}]}
            message = {"content": [parts, *([{"type": "text", "text": said}] if said else [])]}
    choice: dict[str, Any] = {"finish_reason": "length" if is_cut else "stop"}
    if is_chat:
        choice["message"] = {"role": "assistant", **message}
    else:
        choice["text"] = message["content"]
    return {"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 9}}


@dataclass
class ReasoningEngine:
    """Thinks before every answer.

    Attributes:
        form: How the thoughts come.
        answer: The answer to a request.
        cut: After how many characters a reply is cut; None: never.
        only_first: Whether second tries are left whole.
        prompts: What it was asked, all messages in one.
    """

    form: Form
    answer: Callable[[Request], str]
    cut: int | None = None
    only_first: bool = False

    def __post_init__(self) -> None:
        self.prompts: list[str] = []
        self.info = EngineInfo(kind="reasoning", model=self.form)
        self.context_tokens = None

    __hash__ = object.__hash__

    def count_tokens(self, text: str) -> int | None:
        return len(text)

    async def generate(self, request: Request) -> Completion:
        prompt = request.prompt
        is_chat = not isinstance(prompt, str)
        if prompt == GREETING:
            return self._completion(reply_of(self.form, "Hello!", None, is_chat=True), request)
        self.prompts.append(plain(prompt))
        cut = None if self.only_first and request.sampling.temperature > 0 else self.cut
        reply = reply_of(self.form, self.answer(request), cut, is_chat=is_chat)
        return self._completion(reply, request)

    async def aclose(self) -> None:
        """Nothing to close."""

    def _completion(self, reply: dict[str, Any], request: Request) -> Completion:
        read = read_completion(reply, "the server")
        text, finish = read.text, read.finish_reason or "stop"
        for stop in request.stop:
            if stop in text:
                text, finish = text[: text.index(stop)], "stop"
        usage: Usage = read.usage
        return Completion(
            text=text,
            finish_reason=finish,
            limit_tokens=request.max_tokens,
            usage=usage,
            latency_s=0.0,
            thoughts=read.thoughts,
        )
