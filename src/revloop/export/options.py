"""What is exported of a store, and in which form."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from revloop.options import Flag, Options

FormName = Literal[
    "trajectories",
    "versions",
    "sft",
    "dpo",
    "kto",
    "reward",
    "steps",
    "critic",
    "alpaca-eval",
    "arena-hard",
    "mt-bench",
]
PairKind = Literal["original-kept", "adjacent", "all"]


class ExportOptions(Options):
    """The form of an export, and its filters."""

    panel: ClassVar[str] = "Form"

    form: Annotated[FormName, Flag(name="--as")] = Field(
        default="trajectories",
        description="Form of the rows: whole trajectories, a row a version, training data "
        "(sft to critic), or answers for a benchmark.",
    )
    chat: bool = Field(
        default=True,
        description="Write prompts and answers as chat messages; else as plain texts.",
    )
    pairs: PairKind = Field(
        default="original-kept",
        description="Versions to pair: the original with the kept one, each with the one that it "
        "revises, or all.",
    )
    hard_negatives: bool = Field(
        default=False,
        description="Add pairs with candidates that were not selected and with versions that a "
        "judge or a check refused.",
    )
    prefer: Literal["judges", "scores"] = Field(
        default="judges",
        description="What decides which text is better: verdicts in the store, or the critic's "
        "scores.",
    )
    judge: Annotated[tuple[str, ...], Flag(metavar="NAME")] = Field(
        default=(),
        description="Judge whose verdicts count; repeat it for several. By default all that the "
        "store has.",
    )
    min_judges: Annotated[int, Flag(metavar="N")] = Field(
        default=1,
        ge=1,
        description="Judges that must prefer a text; none of the others may prefer the other one.",
    )
    orders: Literal["both", "any"] = Field(
        default="both",
        description="Orders of a pair in which a judge must prefer the same text. With any, one is "
        "enough if the other is no loss.",
    )
    drop_ties: bool = Field(default=False, description="Leave out pairs with a tie in any verdict.")
    max_length_ratio: Annotated[float | None, Flag(metavar="X")] = Field(
        default=None,
        ge=1,
        description="Most times that one text of a pair may be longer than the other.",
    )
    min_score_gain: Annotated[float | None, Flag(metavar="X")] = Field(
        default=None,
        description="Least that the critic's score of the better text exceeds that of the other.",
    )
    where: Annotated[tuple[str, ...], Flag(metavar="FIELD=VALUE")] = Field(
        default=(),
        description="Only drafts whose field has this value; repeat it for several fields.",
    )
    sample: Annotated[int | None, Flag(metavar="N")] = Field(
        default=None, ge=1, description="Write so many rows, drawn at random; by default all."
    )
    seed: int = Field(default=0, ge=0, description="Random seed of the sample.")
    round: Annotated[int | None, Flag(metavar="N")] = Field(
        default=None,
        ge=0,
        description="Benchmarks: answer with the version kept after this round (0: the original); "
        "by default after the last.",
    )
    model_name: Annotated[str | None, Flag(metavar="NAME")] = Field(
        default=None,
        description="Benchmarks: name of the model that answers; by default the file's name "
        "without its ending.",
    )
