"""The check of a text's length."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from revloop.checks.builtin.base import BuiltInCheck, Flaw, Limit, plural
from revloop.checks.builtin.files import FromFolder
from revloop.checks.builtin.words import count_words, paragraphs, sentences
from revloop.engines.tokens import PromptTokenizer
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_UNITS = ("word", "sentence", "paragraph", "character", "token")


class Length(BuiltInCheck):
    """The text is neither too short nor too long."""

    kind: Literal["length"] = "length"
    words_min: Limit | None = Field(default=None, description="Fewest words.")
    words_max: Limit | None = Field(default=None, description="Most words.")
    sentences_min: Limit | None = Field(default=None, description="Fewest sentences.")
    sentences_max: Limit | None = Field(default=None, description="Most sentences.")
    paragraphs_min: Limit | None = Field(default=None, description="Fewest paragraphs.")
    paragraphs_max: Limit | None = Field(default=None, description="Most paragraphs.")
    characters_min: Limit | None = Field(default=None, description="Fewest characters.")
    characters_max: Limit | None = Field(default=None, description="Most characters.")
    tokens_min: Limit | None = Field(default=None, description="Fewest tokens.")
    tokens_max: Limit | None = Field(default=None, description="Most tokens.")
    tokenizer: FromFolder | None = Field(
        default=None, description="Model folder whose tokenizer.json counts tokens."
    )
    times_the_original: Annotated[float, Field(strict=True, gt=0)] | None = Field(
        default=None, description="Most characters, as a multiple of the original response's."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        limits = [self._limits(unit) for unit in _UNITS]
        if self.times_the_original is None and all(pair == (None, None) for pair in limits):
            raise ValueError("sets no limit: set words_max, for example")
        for unit, (least, most) in zip(_UNITS, limits, strict=True):
            if least is not None and most is not None and least > most:
                raise ValueError(f"{unit}s_min is {least}, more than {unit}s_max, {most}")
        if (self._limits("token") != (None, None)) != (self.tokenizer is not None):
            raise ValueError("tokens_min and tokens_max need a tokenizer, and it needs one of them")
        if self.tokenizer is not None:
            _tokenizer(self.tokenizer)
        return self

    def flaws(self, original: str, text: str) -> Iterator[Flaw]:
        """One for each limit that the text is beyond."""
        for unit in _UNITS:
            least, most = self._limits(unit)
            if least is None and most is None:
                continue
            count = self._count(unit, text)
            has = f"The text has {plural(count, unit)};"
            if least is not None and count < least:
                yield Flaw(f"{has} at least {least:,} are needed.")
            if most is not None and count > most:
                yield Flaw(f"{has} at most {most:,} are allowed.")
        if self.times_the_original is not None:
            most = int(self.times_the_original * len(original))
            if len(text) > most:
                yield Flaw(
                    f"The text has {plural(len(text), 'character')}, the original "
                    f"{len(original):,}; at most {most:,} are allowed "
                    f"({self.times_the_original:g} times the original)."
                )

    def identity(self) -> dict[str, Any]:
        """The settings, with the tokenizer's content instead of its path."""
        settings = super().identity()
        if self.tokenizer is not None:
            content = (self.tokenizer / "tokenizer.json").read_text(encoding="utf-8")
            settings["tokenizer"] = digest_of(content)
        return settings

    def _limits(self, unit: str) -> tuple[int | None, int | None]:
        return getattr(self, f"{unit}s_min"), getattr(self, f"{unit}s_max")

    def _count(self, unit: str, text: str) -> int:
        if unit == "word":
            return count_words(text)
        if unit == "sentence":
            return sum(1 for _ in sentences(text))
        if unit == "paragraph":
            return len(paragraphs(text))
        if unit == "token" and self.tokenizer is not None:
            return _tokenizer(self.tokenizer).count(text)
        return len(text)


@cache
def _tokenizer(folder: Path) -> PromptTokenizer:
    return PromptTokenizer.from_folder(folder)
