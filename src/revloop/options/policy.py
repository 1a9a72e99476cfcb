"""A policy: how many rounds a draft is worth, by its first score or by a field of its row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, ValidationError, model_validator

from revloop.errors import InputError
from revloop.files.text import read_toml
from revloop.values import Frozen, explain

if TYPE_CHECKING:
    from collections.abc import Mapping

Keep = Literal["last", "best", "gate"]


class ScoreBand(Frozen):
    """The drafts up to a first score that no band before it holds."""

    score_at_most: float = Field(description="Highest score of the first critique.")
    rounds: int = Field(ge=0, description="Rounds that these drafts get.")


class Policy(Frozen):
    """How many rounds a draft gets, at most as many as are asked for.

    A value of the field decides before anything is asked. Else the first critique's score does; a
    draft that then gets no round keeps its text after that critique.
    """

    rounds: int = Field(ge=0, description="Rounds of drafts that nothing below speaks of.")
    unscored: int | None = Field(
        default=None,
        ge=0,
        description="Rounds of drafts whose first critique has no score; by default ``rounds``.",
    )
    bands: tuple[ScoreBand, ...] = Field(
        default=(), description="By the first critique's score, from the lowest band on."
    )
    field: str | None = Field(default=None, description="A field of the rows.")
    values: dict[str, int] = Field(
        default_factory=dict, description="Rounds by the value of this field, as text."
    )
    prompts: str | None = Field(
        default=None, description="As ``--prompts``, where that is not given; so are those below."
    )
    keep: Keep | None = None
    candidates: int | None = Field(default=None, ge=1, le=64)
    judge: tuple[str, ...] = Field(
        default=(), description="By their names on the command line, if the rounds need judges."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        scores = [band.score_at_most for band in self.bands]
        if scores != sorted(set(scores)):
            raise ValueError("the bands are not in the order of their scores, from the lowest on")
        if (self.field is None) != (not self.values):
            raise ValueError("'field' and 'values' belong together: give both, or neither")
        if any(rounds < 0 for rounds in self.values.values()):
            raise ValueError("a value of the field has less than 0 rounds")
        return self

    @property
    def choices(self) -> dict[str, object]:
        """What it chooses of the loop's options: the settings that its figures hold for."""
        names = {"prompts", "keep", "candidates", "judge"}
        return self.model_dump(include=names, exclude_defaults=True)

    @property
    def most_rounds(self) -> int:
        """The most rounds that it gives any draft."""
        bands = [band.rounds for band in self.bands]
        return max(self.rounds, self.unscored or 0, *bands, *self.values.values())

    def by_field(self, fields: Mapping[str, object]) -> int | None:
        """Rounds by the value of the field; None if it does not decide."""
        value = None if self.field is None else fields.get(self.field)
        if value is None:
            return None
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return self.values.get(text)

    def by_score(self, score: float | None) -> int:
        """Rounds by the first critique's score; None: it has none."""
        if score is None:
            return self.rounds if self.unscored is None else self.unscored
        return next((b.rounds for b in self.bands if score <= b.score_at_most), self.rounds)

    def leaves_alone(self, fields: Mapping[str, object], score: float | None) -> bool:
        """Whether a draft gets no round, now that its first critique is known."""
        rounds = self.by_field(fields)
        return (self.by_score(score) if rounds is None else rounds) == 0


def read_policy(source: object) -> object:
    """The content of a policy's file; anything but a path is returned as it is.

    Raises:
        InputError: The file cannot be read, or is no policy.
    """
    if not isinstance(source, str | Path):
        return source
    try:
        return Policy.model_validate(read_toml(Path(source)))
    except ValidationError as exc:
        raise InputError(f"{source} is no policy: {explain(exc, model=Policy)}.") from exc
