"""The check of a text's language."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from revloop.checks.builtin.base import BuiltInCheck, Flaw, listed, one_or_more
from revloop.markdown.fences import without_fences
from revloop.records import LanguageDetector

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOO_SHORT = "und"


def _known(code: str) -> str:
    known = _detector().languages
    if code not in known:
        raise ValueError(f"'{code}' is none of the languages that are told apart: {sorted(known)}")
    return code


class Language(BuiltInCheck):
    """The text is in a language, or in one of several.

    Code blocks do not count. A text of fewer than 20 letters passes: its language cannot be told.
    """

    kind: Literal["language"] = "language"
    codes: Annotated[
        tuple[Annotated[str, AfterValidator(_known)], ...], BeforeValidator(one_or_more)
    ] = Field(alias="is", min_length=1, description='ISO 639-1 code, such as "en", or several.')

    def __init__(self, *codes: str, **settings: Any) -> None:
        """The check for languages.

        Args:
            codes: ISO 639-1 codes.
            settings: Name and message.
        """
        super().__init__(**({"is": codes} if codes else {}), **settings)

    def flaws(self, original: str, text: str) -> Iterator[Flaw]:  # noqa: ARG002 - not compared
        """One if the text is in another language."""
        found = _detector().language(without_fences(text))
        if found not in {*self.codes, _TOO_SHORT}:
            yield Flaw(
                f"The text is in the language '{found}'; it must be in {listed(self.codes, QUOTE)}."
            )


QUOTE = "'"


@cache
def _detector() -> LanguageDetector:
    return LanguageDetector()
