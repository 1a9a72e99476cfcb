"""Prompts made of templates: the values of a draft in place of the placeholders."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from revloop.prompts.evidence import listed, messages_of_failed
from revloop.prompts.fields import Fields
from revloop.trajectory import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.prompts.settings import PromptSettings
    from revloop.trajectory import Check, Draft

Rendered = str | tuple[Message, ...]
"""A prompt as sent: a text to continue, or the messages of a chat."""


class Rendering(NamedTuple):
    """What turns a draft into prompts.

    Attributes:
        settings: The content of ``settings.toml``.
        templates: The text of each template, by file name.
    """

    settings: PromptSettings
    templates: dict[str, str]

    def first_prompt(self, template: str, draft: Draft, response: str, **more: str) -> Rendered:
        """A prompt that begins a conversation about a draft.

        Args:
            template: The template's file name.
            draft: What is revised.
            response: The version that it is about.
            more: Values of the template's other placeholders.
        """
        more = {"checks": ""} | more
        if self.settings.conversation.form == "turns":
            text = self.text(template, draft, **more)
            return (*self._turns(draft, response), Message(role="user", content=text))
        prompt = self._conversation(draft.conversation)
        text = self.text(template, draft, prompt=prompt, response=response, **more)
        if self.settings.kind == "completion":
            return text
        question = Message(role="user", content=text)
        if "system.txt" not in self.templates:
            return (question,)
        return (Message(role="system", content=self.text("system.txt", draft)), question)

    def evidence(self, checks: Sequence[Check]) -> str:
        """What stands for ``${checks}``: the failed checks in ``checks.txt``; empty without any."""
        failed = messages_of_failed(checks)
        if not failed:
            return ""
        found = listed(failed)
        return self.text("checks.txt", checks=found) if "checks.txt" in self.templates else found

    def text(self, template: str, draft: Draft | None = None, **values: str) -> str:
        """A template with its values, in a single pass.

        Raises:
            MissingFieldError: The draft lacks a field that the template names.
        """
        return Fields.of(draft, self.settings.fields).fill(self.templates[template], **values)

    def _conversation(self, messages: Sequence[Message]) -> str:
        """A single user turn as it is; several turns each under its role's name."""
        if not messages:
            return self.settings.missing_prompt
        if len(messages) == 1 and messages[0].role == "user":
            return messages[0].content
        form = self.settings.conversation
        turns = [
            self.text("turn.txt", role=getattr(form.roles, message.role), content=message.content)
            for message in messages
        ]
        return (form.separator or "").join(turns)

    def _turns(self, draft: Draft, response: str) -> tuple[Message, ...]:
        """The conversation as messages, with the response as the last one."""
        unknown = Message(role="user", content=self.settings.missing_prompt)
        turns = draft.conversation or (unknown,)
        asked = (Message(role=turn.role, content=turn.content) for turn in turns)
        return (*asked, Message(role="assistant", content=response))
