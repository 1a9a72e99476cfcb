"""How the review pages are served, and what they show."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from revloop.options import Flag, Options

DEFAULT_PORT = 8780
PASSWORD_VARIABLE = "REVLOOP_REVIEW_PASSWORD"  # noqa: S105 - a variable's name


class ReviewOptions(Options):
    """How the review pages are served, and what they show."""

    panel: ClassVar[str] = "Review"

    host: Annotated[str, Flag(metavar="HOST")] = Field(
        default="127.0.0.1",
        description="Address to listen on. Others than this machine's own need a password "
        f"({PASSWORD_VARIABLE}).",
    )
    port: Annotated[int | None, Flag(metavar="PORT")] = Field(
        default=None,
        ge=0,
        le=65535,
        description=f"Port to listen on; 0: any free one. Default: {DEFAULT_PORT}, or any if that "
        "is taken.",
    )
    password: Annotated[SecretStr | None, Flag(variable=PASSWORD_VARIABLE, only_in_python=True)] = (
        Field(default=None, description="Password of all reviewers; None: a token in the address.")
    )
    shown_judge: Annotated[str | None, Flag(name="--judge", metavar="NAME")] = Field(
        default=None,
        description="Stored judge whose verdicts decide the results in the list. Default: the one "
        "with most verdicts, people excluded.",
    )
    sample: Annotated[int | None, Flag(metavar="N")] = Field(
        default=None,
        ge=1,
        description="Ask for votes on this many pairs, a stratified random sample. Default: all.",
    )
    seed: int = Field(default=0, ge=0, description="Random seed of the sample and of the order.")
    by: Annotated[str | None, Flag(metavar="FIELD")] = Field(
        default=None,
        description="Draw the sample in proportion to this field of the drafts, besides the stop "
        "reason.",
    )
    vote_round: Annotated[int | None, Flag(name="--round", metavar="N")] = Field(
        default=None,
        ge=1,
        description="Vote on this round's texts against the originals. Default: the last round "
        "there is at the start.",
    )

    @model_validator(mode="after")
    def _needs_a_sample(self) -> Self:
        if self.by is not None and self.sample is None:
            raise ValueError("--by needs --sample: without one, all pairs are asked about")
        return self
