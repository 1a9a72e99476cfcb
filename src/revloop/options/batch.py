"""How a batch reads its rows, works, and is spread over a Ray cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from revloop.errors import InputError
from revloop.options.base import Flag, Options
from revloop.rows import AUTO, FORMAT_NAMES

if TYPE_CHECKING:
    from revloop.options.engine import EngineKind

DEFAULT_MIN_CONCURRENCY = 4
DEFAULT_MAX_CONCURRENCY = 512
DEFAULT_JOB_DRAFTS = 20_000
"""Drafts in flight if their requests are collected into jobs."""

_FEWEST_FOR_A_SHARE = 100

ShardFormat = Literal["jsonl", "parquet"]


@dataclass(frozen=True, slots=True)
class Concurrency:
    """Between which bounds the number of requests under way may move.

    Attributes:
        least: Never fewer are allowed, however busy the engine is.
        most: Never more.

    Raises:
        InputError: The bounds are out of order.
    """

    least: int = DEFAULT_MIN_CONCURRENCY
    most: int = DEFAULT_MAX_CONCURRENCY

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise InputError(
                f"The concurrency is between {self.least} and {self.most}: the least must be at "
                "least 1, and not above the most."
            )


def failures_allowed(text: str) -> tuple[int | None, float | None]:
    """What ``--max-failures`` says: a number, or a share of all rows.

    Raises:
        InputError: It is neither ``N`` nor ``P%``.
    """
    try:
        if text.endswith("%"):
            share = float(text[:-1]) / 100
            if 0 <= share <= 1:
                return None, share
        elif (number := int(text)) >= 0:
            return number, None
    except ValueError:
        pass
    raise InputError(f"--max-failures is '{text}'; it is a number (20) or a share (5%).")


def _checked_failures(text: str | None) -> str | None:
    if text is not None:
        failures_allowed(text)
    return text


class RowOptions(Options):
    """How rows are read."""

    panel: ClassVar[str] = "Input"

    field: Annotated[tuple[str, ...], Flag(metavar="OURS=THEIRS")] = Field(
        default=(),
        description="The input's name for id, prompt, messages or response, as in --field "
        "prompt=question; once for each.",
    )
    format: Annotated[str, Flag(metavar="FORM")] = Field(
        default=AUTO, description=f"The form of the rows: {', '.join((AUTO, *FORMAT_NAMES))}."
    )
    questions: Annotated[Path | None, Flag(metavar="FILE", reads="the questions")] = Field(
        default=None,
        description="The questions of FastChat answers; question.jsonl beside them by default.",
    )

    def fields(self) -> dict[str, str]:
        """Our names of fields to the input's.

        Raises:
            InputError: A pair is not of the form OURS=THEIRS.
        """
        renamed = {}
        for pair in self.field:
            ours, equals, theirs = pair.partition("=")
            if not (ours and equals and theirs):
                raise InputError(f"--field is '{pair}'; it is OURS=THEIRS, as in prompt=question.")
            renamed[ours] = theirs
        return renamed


class BatchOptions(Options):
    """How a batch works; nothing here changes the text of a trajectory."""

    panel: ClassVar[str] = "Batch"

    final_only: bool = Field(
        default=False,
        description="Write each row as it came in, with `response` replaced by the last version "
        "and the original under `original_response`, instead of all versions.",
    )
    share_duplicates: bool = Field(
        default=False,
        description="Revise rows with the same prompt and response once, as is always done at "
        "temperature 0.",
    )
    retry_failed: bool = Field(default=False, description="Try failed trajectories again.")
    strict: bool = Field(default=False, description="Stop at the first unusable row.")
    max_failures: Annotated[str | None, AfterValidator(_checked_failures), Flag(metavar="N|P%")] = (
        Field(
            default=None,
            coerce_numbers_to_str=True,
            description="Stop if more rows were rejected or trajectories failed: a number, or a "
            f"share of all rows so far, from the {_FEWEST_FOR_A_SHARE}th on.",
        )
    )
    wait_for_server: Annotated[float, Flag(metavar="SECONDS")] = Field(
        default=900,  # a large model is up again after some minutes
        ge=0,
        description="How long to wait for a server that is unreachable. 0: for the usual retries "
        "of a request only, about 90 s.",
    )
    min_concurrency: Annotated[int, Flag(metavar="N")] = Field(
        default=DEFAULT_MIN_CONCURRENCY, ge=1, description="Fewest concurrent requests."
    )
    max_concurrency: Annotated[int, Flag(metavar="N")] = Field(
        default=DEFAULT_MAX_CONCURRENCY,
        ge=1,
        description="Most concurrent requests; between the two, the server's load decides. With "
        f"--engine openai-batch: most drafts in flight, by default {DEFAULT_JOB_DRAFTS}.",
    )

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        _ = self.bounds
        return self

    @property
    def bounds(self) -> Concurrency:
        """Least and most concurrent requests."""
        return Concurrency(self.min_concurrency, self.max_concurrency)

    def for_engine(self, kind: EngineKind | None) -> Self:
        """The options with the defaults for a kind of engine."""
        if kind is None or "max_concurrency" in self.model_fields_set:
            return self
        return self.model_copy(update={"max_concurrency": DEFAULT_JOB_DRAFTS})

    def tolerates(self, failed: int, of: int) -> bool:
        """Whether a batch goes on after a number of failures among all rows that ended."""
        if self.max_failures is None:
            return True
        number, share = failures_allowed(self.max_failures)
        if number is not None:
            return failed <= number
        return of < _FEWEST_FOR_A_SHARE or share is None or failed <= share * of


class RayOptions(Options):
    """How a batch is spread over a Ray cluster."""

    panel: ClassVar[str] = "Ray"

    address: Annotated[str | None, Flag(name="--ray", metavar="[ADDRESS]")] = Field(
        default=None,
        description="Run on a Ray cluster: its address, auto (this machine's), or nothing to "
        "start one here. OUTPUT is then a folder of shards.",
    )
    servers: Annotated[
        tuple[str, ...],
        Flag(name="--base-url", metavar="URL", panel="Engine"),
    ] = Field(
        default=(),
        description="Address of an OpenAI-compatible server; with --ray once for each server. "
        "Else: REVLOOP_BASE_URL.",
    )
    actors: Annotated[int | None, Flag(metavar="N")] = Field(
        default=None,
        ge=1,
        description="Processes that revise. By default one for each server, or as many as the "
        "GPUs hold engines.",
    )
    rows_in_flight: Annotated[int, Flag(metavar="N")] = Field(
        default=512,
        ge=1,
        description="Rows that an actor holds at once, so that its engine never runs out of "
        "them; at most these are revised again after a crash.",
    )
    shard_rows: Annotated[int, Flag(metavar="N")] = Field(
        default=1000, ge=1, description="Fewest rows of a shard, apart from the last ones."
    )
    shard_format: ShardFormat = Field(default="jsonl", description="The format of the shards.")
