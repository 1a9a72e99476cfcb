"""Tokenising prompts on our side, so that text stays data and prefixes stay exact."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread
from tokenizers import Tokenizer as FastTokenizer

from revloop.engines.base import LONG_CHARS, TokenPrefix, prompt_chars, refuse_too_long
from revloop.errors import ModelConfigError, RejectedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.engines.base import Request

_LEAD = "a"
_PROBE_TOKENS = 2**16
_PROBE = "1,234.50 EUR (naïve)?\n\tdef f(x): return x**2  # Übung, здравствуй, 你好, नमस्ते, 🙂\n"


_PIECE_CHARS = 2**16
_MOST_CHARS_A_TOKEN = 16
"""Text of any language has fewer on average: what has more of them than this may still fit."""
_TOKENS_A_CUT = 8
"""A piece may have a few tokens more than its share: words are cut at its two ends."""


class PromptTokenizer:
    """A model's tokenizer, which reads special tokens in a text as the letters they are.

    A response that contains ``<|endoftext|>`` is about that string: were it read as the token, the
    critic would take the text before it for another document. Tokens that the model wants around
    every prompt (a beginning-of-sequence token) are still added.

    Source of the behaviour: ``encode_special_tokens`` of Hugging Face tokenizers.
    """

    def __init__(self, tokenizer: FastTokenizer) -> None:
        tokenizer.encode_special_tokens = True
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        added = tokenizer.get_added_tokens_decoder()
        self._special = frozenset(i for i, token in added.items() if token.special)
        self._lead_ids = self._encode(_LEAD, whole=False)
        self._lead = tokenizer.decode(self._lead_ids)

    @classmethod
    def from_folder(cls, folder: str | Path) -> PromptTokenizer:
        """Load ``tokenizer.json`` of a model folder.

        Raises:
            ModelConfigError: The folder has none, or it is broken.
        """
        path = Path(folder) / "tokenizer.json"
        if not path.is_file():
            raise ModelConfigError(f"{folder} has no tokenizer.json.")
        try:
            return cls(FastTokenizer.from_file(str(path)))
        except Exception as exc:
            raise ModelConfigError(f"{path} is not a tokenizer: {exc}.") from exc

    def count(self, text: str, enough: int | None = None) -> int:
        """Number of tokens of ``text`` alone.

        Args:
            text: The text.
            enough: A text that is sure to have more is not tokenised to its end; what is returned
                is then larger than this, and not larger than the number.
        """
        least = 0 if enough is None else self._more_than(text, enough)
        return least or len(self._encode(text, whole=False))

    async def prompt_ids(self, request: Request, context_tokens: int | None) -> list[int]:
        """The token ids of a request's prompt, made in a thread if that takes long.

        A prompt of many megabytes is refused after the first of them.

        Args:
            request: The request.
            context_tokens: Tokens that the model's context has.

        Raises:
            ContextFullError: The prompt is far longer than the context.
            RejectedError: See :meth:`ids`.
        """
        if prompt_chars(request) <= LONG_CHARS:
            return self.ids(request)
        make = partial(self._ids_of_long, request, context_tokens)
        return await anyio.to_thread.run_sync(make, abandon_on_cancel=True)

    def ids(self, request: Request) -> list[int]:
        """The token ids of a request's prompt.

        Raises:
            RejectedError: The prompt is a chat.
        """
        if not isinstance(request.prompt, str):
            raise RejectedError("This tokenizer knows no chat template.")
        return self.encode(request.prompt, request.prefix)

    def encode(self, prompt: str, prefix: TokenPrefix | None = None) -> list[int]:
        """The token ids of a prompt.

        Args:
            prompt: The whole prompt.
            prefix: The tokens of its start, if they are known; they are used as they are.
        """
        if prefix is not None and prompt.startswith(prefix.text):
            rest = prompt[len(prefix.text) :]
            return [*prefix.token_ids, *self._encode(rest, whole=False)]
        return self._encode(prompt, whole=True)

    def has_ended(self, generated_ids: Sequence[int]) -> bool:
        """Whether generated ids end with an end token."""
        return bool(generated_ids) and generated_ids[-1] in self._special

    def spell(self, ids: Sequence[int], *, leave_out_special: bool = False) -> str:
        """The text that generated ids spell after a prompt.

        Decoders of SentencePiece tokenizers leave out a blank at the start of what they are given:
        an answer that begins with an indentation would lose one. So they are given a letter first.
        """
        whole = self._tokenizer.decode(
            [*self._lead_ids, *ids], skip_special_tokens=leave_out_special
        )
        if whole.startswith(self._lead):
            return whole[len(self._lead) :]
        return self._tokenizer.decode(list(ids), skip_special_tokens=leave_out_special)

    def prefix(
        self, prompt: str, prompt_ids: Sequence[int], generated: str, generated_ids: Sequence[int]
    ) -> TokenPrefix | None:
        """Prompt and generated text as a prefix for the next prompt.

        Returns:
            None where the generated ids, but for an end token, do not spell the generated text:
            the last token may reach beyond the stop text that ended it.
        """
        ids = list(generated_ids)
        while ids and ids[-1] in self._special:
            ids.pop()
        if self.spell(ids) != generated:
            return None
        return TokenPrefix(prompt + generated, (*prompt_ids, *ids))

    def probe(self) -> str:
        """A text that another tokenizer would cut into other tokens: the vocabulary, spelt out."""
        ids = range(self._tokenizer.get_vocab_size(with_added_tokens=True))
        step = max(1, len(ids) // _PROBE_TOKENS)
        asked = [[number] for number in ids[::step] if number not in self._special]
        spelt = self._tokenizer.decode_batch(asked, skip_special_tokens=False)
        # a token that is a part of a character cannot be spelt by itself
        return _PROBE + "\n".join(s for s in spelt if s and "\N{REPLACEMENT CHARACTER}" not in s)

    def _ids_of_long(self, request: Request, context_tokens: int | None) -> list[int]:
        if context_tokens is not None:
            prompt = request.prompt
            texts = [prompt] if isinstance(prompt, str) else [m.content for m in prompt]
            least = sum(self._more_than(text, context_tokens) for text in texts)
            refuse_too_long(least, request, context_tokens)
        return self.ids(request)

    def _more_than(self, text: str, tokens: int) -> int:
        """A number of tokens that a text has at least, if that is more than ``tokens``; else 0.

        The text is tokenised piece by piece. Only texts that cannot be expected to fit are looked
        at: the others are tokenised as a whole in any case.
        """
        if len(text) <= max(_PIECE_CHARS, tokens * _MOST_CHARS_A_TOKEN):
            return 0
        counted = 0
        for start in range(0, len(text), _PIECE_CHARS):
            piece = self._encode(text[start : start + _PIECE_CHARS], whole=False)
            counted += max(0, len(piece) - _TOKENS_A_CUT)
            if counted > tokens:
                return counted
        return 0

    def _encode(self, text: str, *, whole: bool) -> list[int]:
        # the one call that leaves out the offsets of the tokens, which nobody wants here
        (encoded,) = self._tokenizer.encode_batch_fast([text], add_special_tokens=whole)
        ids: list[int] = encoded.ids
        return ids
