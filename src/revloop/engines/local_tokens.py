"""The tokenizer of an engine that runs in this process: plain prompts and chats to token ids."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer as FastTokenizer

from revloop.engines.tokens import PromptTokenizer
from revloop.errors import MissingExtraError, ModelConfigError, SettingRefusedError
from revloop.models.config import ignored_sampling

if TYPE_CHECKING:
    from revloop.engines.base import Request

logger = logging.getLogger("revloop.engines")


@cache
def say_once_what_is_not_followed(model: str) -> None:
    """Tell of the sampling that a model's authors suggest, and that no engine here follows."""
    if told := ignored_sampling(model):
        logger.warning(told)


class LocalTokenizer(PromptTokenizer):
    """A :class:`PromptTokenizer` that knows the model's chat template too."""

    def __init__(self, transformers_tokenizer: Any) -> None:
        # a copy, since the chat template's own special tokens must go on being read as tokens
        text = transformers_tokenizer.backend_tokenizer.to_str()
        super().__init__(FastTokenizer.from_str(text))
        self._chat = transformers_tokenizer

    @classmethod
    def from_model(cls, model: str) -> LocalTokenizer:
        """Load the tokenizer of a model folder or hub id.

        Raises:
            MissingExtraError: transformers is not installed.
            ModelConfigError: There is none, or it has no fast (Rust) form.
        """
        try:
            import torch  # noqa: F401 - heavy and optional; transformers half works without
            from transformers import AutoTokenizer
        except ImportError as exc:
            raise MissingExtraError(
                "A model in this process needs torch and transformers: pip install "
                "'revloop[local]'. Or name a running server (--base-url)."
            ) from exc
        try:
            return cls(AutoTokenizer.from_pretrained(model, trust_remote_code=False))
        except (OSError, ValueError, AttributeError, KeyError, ImportError) as exc:
            # ImportError: a form of tokenizer that needs a package more
            reason = str(exc).strip().splitlines() or [type(exc).__name__]
            raise ModelConfigError(f"{model} has no usable tokenizer: {reason[0]}") from exc

    @property
    def end_id(self) -> int | None:
        """The token that ends what the model writes; None where the tokenizer names none."""
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
        )
        return ids

    def text(self, ids: list[int]) -> str:
        """The text that generated ids spell, special tokens left out."""
        return self.spell(ids, leave_out_special=True)
