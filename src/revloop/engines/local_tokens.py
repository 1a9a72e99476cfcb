"""The tokenizer of an engine in this process: texts and chats to token ids."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer as FastTokenizer

from revloop.engines.thinking import NO_THINKING
from revloop.engines.tokens import PromptTokenizer
from revloop.errors import ModelConfigError, SettingRefusedError, failure_line, needs
from revloop.models.config import ignored_sampling
from revloop.prompts.parsing import SPECIAL_MARKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.engines.base import Request

logger = logging.getLogger("revloop.engines")


@cache
def warn_once_of_unused_sampling(model: str) -> None:
    """Warn of sampling settings that a model suggests and no engine applies."""
    if warning := ignored_sampling(model):
        logger.warning(warning)


class LocalTokenizer(PromptTokenizer):
    """A :class:`PromptTokenizer` with the model's chat template."""

    def __init__(self, transformers_tokenizer: Any) -> None:
        # a copy, because the chat template needs its special tokens read as tokens
        text = transformers_tokenizer.backend_tokenizer.to_str()
        super().__init__(FastTokenizer.from_str(text))
        self._chat = transformers_tokenizer
        added = self._tokenizer.get_added_tokens_decoder()
        marks = (i for i, token in added.items() if token.content.lower() in SPECIAL_MARKS)
        self._mark_ids = self._special.intersection(marks)

    @classmethod
    def from_model(cls, model: str) -> LocalTokenizer:
        """Load the tokenizer of a model folder or hub id.

        Raises:
            MissingExtraError: transformers is not installed.
            ModelConfigError: There is none, or no fast (Rust) one.
        """
        with needs(
            "Running a model in this process needs torch and transformers: pip install "
            "'revloop[local]'. Or name a running server (--base-url)."
        ):
            import torch  # noqa: F401 - slow and optional; transformers needs it
            from transformers import AutoTokenizer
        try:
            return cls(AutoTokenizer.from_pretrained(model, trust_remote_code=False))
        except (OSError, ValueError, AttributeError, KeyError, ImportError) as exc:
            # ImportError: some tokenizers need another package
            raise ModelConfigError(f"{model} has no usable tokenizer: {failure_line(exc)}") from exc

    @property
    def end_id(self) -> int | None:
        """The end-of-sequence token; None without one."""
        end: int | None = self._chat.eos_token_id
        return end

    def ids(self, request: Request) -> list[int]:
        """The token ids of a request's prompt.

        Raises:
            SettingRefusedError: The prompt is a chat and the model has no chat template.
        """
        if isinstance(request.prompt, str):
            return self.encode(request.prompt, request.prefix)
        if self._chat.chat_template is None:
            raise SettingRefusedError(
                "The model has no chat template. Use a prompt set of kind 'completion' (cnr)."
            )
        ids: list[int] = self._chat.apply_chat_template(
            [message.model_dump() for message in request.prompt],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=False,
            **({} if request.thinking else NO_THINKING),
        )
        return [*ids, *self._encode(request.prefill)] if request.prefill else ids

    def text(self, ids: list[int]) -> str:
        """The text of generated ids, without special tokens except the marks of thoughts."""
        dropped = self._special - self._mark_ids
        return self.spell([token for token in ids if token not in dropped])

    def with_marks(self, ids: Sequence[int], text: str, stop: str) -> str:
        """The text of generated ids, where an engine left out the marks of thoughts.

        Args:
            ids: The generated ids.
            text: Their text as the engine has it.
            stop: The stop text that ended it; empty without one.
        """
        if self._mark_ids.isdisjoint(ids):
            return text
        whole = self.text(list(ids))
        return whole.rpartition(stop)[0] if stop and stop in whole else whole
