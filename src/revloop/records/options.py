"""Options of the validation of records."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from revloop.options import Flag, Options
from revloop.records.validation import DEFAULT_CONTEXT_TOKENS, DEFAULT_LIKENESS


class ValidationOptions(Options):
    """What to check records against, besides the prompt set."""

    panel: ClassVar[str] = "Validation"

    tokenizer: Annotated[str | None, Flag(metavar="DIR", reads="the tokenizer")] = Field(
        default=None,
        description="Critic's model folder, to count tokens; demo: the shipped one.",
    )
    context_tokens: Annotated[int, Flag(metavar="N")] = Field(
        default=DEFAULT_CONTEXT_TOKENS,
        ge=1,
        description="Context length of the critic; Falcon-40B's is 2048.",
    )
    likeness: Annotated[float | None, Flag(metavar="SHARE")] = Field(
        default=None,
        ge=0,
        le=1,
        description=f"Similarity of near duplicates; by default {DEFAULT_LIKENESS}.",
    )
