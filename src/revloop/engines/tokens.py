"""Client-side tokenisation: text stays data, and prefixes stay exact."""

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
"""More than any language has on average: a text below it may fit the context."""
_TOKENS_A_CUT = 8
"""A piece may have a few extra tokens, because words are cut at its ends."""


class PromptTokenizer:
    """A model's tokenizer that reads special tokens in a text as ordinary characters.

    A response may be about the string ``<|endoftext|>``; read as the token, it would split the
    response into two documents. Tokens that the model expects around every prompt (a
    beginning-of-sequence token) are still added.

    Source of the behaviour: ``encode_special_tokens`` of Hugging Face tokenizers.
    """

    def __init__(self, tokenizer: FastTokenizer) -> None:
        tokenizer.encode_special_tokens = True
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        added = tokenizer.get_added_tokens_decoder()
        self._special = frozenset(i for i, token in added.items() if token.special)
        self._lead_ids = self._encode(_LEAD)
        self._lead = tokenizer.decode(self._lead_ids)

    @classmethod
    def from_folder(cls, folder: str | Path) -> PromptTokenizer:
        """Load ``tokenizer.json`` of a model folder.

        Raises:
            ModelConfigError: The file is missing or broken.
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
            enough: Stop once the text is known to have more tokens; the result is then a lower
                bound above this.
        """
        least = 0 if enough is None else self._more_than(text, enough)
        return least or len(self._encode(text))

    async def prompt_ids(self, request: Request, context_tokens: int | None) -> list[int]:
        """The token ids of a request's prompt; a long one is tokenised in a thread.

        Args:
            request: The request.
            context_tokens: The model's context length in tokens.

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
            raise RejectedError("This tokenizer has no chat template.")
        return self.encode(request.prompt, request.prefix)

    def encode(self, prompt: str, prefix: TokenPrefix | None = None) -> list[int]:
        """The token ids of a prompt.

        Args:
            prompt: The complete prompt.
            prefix: The known tokens of its start, used as they are.
        """
        if prefix is not None and prompt.startswith(prefix.text):
            rest = prompt[len(prefix.text) :]
            return [*prefix.token_ids, *self._encode(rest)]
        return self._encode(prompt, add_special=True)

    def has_ended(self, generated_ids: Sequence[int]) -> bool:
        """Whether generated ids end with an end token."""
        return bool(generated_ids) and generated_ids[-1] in self._special

    def spell(self, ids: Sequence[int], *, skip_special: bool = False) -> str:
        """The text of generated ids.

        SentencePiece decoders drop a leading space, which would damage an answer that begins with
        an indentation. So a letter is decoded in front of it.
        """
        decode = partial(self._tokenizer.decode, skip_special_tokens=skip_special)
        text = decode([*self._lead_ids, *ids])
        return text.removeprefix(self._lead) if text.startswith(self._lead) else decode(list(ids))

    def prefix(
        self, prompt: str, prompt_ids: Sequence[int], generated: str, generated_ids: Sequence[int]
    ) -> TokenPrefix | None:
        """Prompt and generated text as a prefix for the next prompt.

        Returns:
            None if the generated ids, without end tokens, do not spell the generated text: the
            last token may extend beyond the stop text.
        """
        ids = list(generated_ids)
        while ids and ids[-1] in self._special:
            ids.pop()
        if self.spell(ids) != generated:
            return None
        return TokenPrefix(prompt + generated, (*prompt_ids, *ids))

    def probe(self) -> str:
        """A text that another tokenizer would split differently: the vocabulary, spelt out."""
        ids = range(self._tokenizer.get_vocab_size(with_added_tokens=True))
        step = max(1, len(ids) // _PROBE_TOKENS)
        single = [[token] for token in ids[::step] if token not in self._special]
        spelt = self._tokenizer.decode_batch(single, skip_special_tokens=False)
        # a token that is part of a character cannot be spelt alone
        return _PROBE + "\n".join(s for s in spelt if s and "\N{REPLACEMENT CHARACTER}" not in s)

    def _ids_of_long(self, request: Request, context_tokens: int | None) -> list[int]:
        if context_tokens is not None:
            prompt = request.prompt
            texts = [prompt] if isinstance(prompt, str) else [m.content for m in prompt]
            least = sum(self._more_than(text, context_tokens) for text in texts)
            refuse_too_long(least, request, context_tokens)
        return self.ids(request)

    def _more_than(self, text: str, tokens: int) -> int:
        """A lower bound of a text's tokens if it exceeds ``tokens``, else 0.

        Only a text that is unlikely to fit is tokenised here, piece by piece.
        """
        if len(text) <= max(_PIECE_CHARS, tokens * _MOST_CHARS_A_TOKEN):
            return 0
        counted = 0
        for start in range(0, len(text), _PIECE_CHARS):
            piece = self._encode(text[start : start + _PIECE_CHARS])
            counted += max(0, len(piece) - _TOKENS_A_CUT)
            if counted > tokens:
                return counted
        return 0

    def _encode(self, text: str, *, add_special: bool = False) -> list[int]:
        # the only call that does not compute the tokens' offsets
        (encoded,) = self._tokenizer.encode_batch_fast([text], add_special_tokens=add_special)
        ids: list[int] = encoded.ids
        return ids
