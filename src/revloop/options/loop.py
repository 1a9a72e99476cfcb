"""How the loop works: what decides a trajectory's text, and what a command adds to that."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, SupportsIndex

from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, PrivateAttr, model_validator

from revloop.errors import InputError
from revloop.options.base import Flag, Options
from revloop.options.commands import CommandOptions
from revloop.options.editor import EditorOptions
from revloop.options.policy import Keep, Policy, read_policy
from revloop.prompts.guards import GuardName, known_guards

DEFAULT_ITERATIONS = 5
DEFAULT_PROMPTS = "cnr"
DEFAULT_JUDGE_PROMPTS = "judge"
HOW_TO_NAME_A_JUDGE = (
    "demo, module:function, the address of a server (http://..., with #MODEL where it serves "
    "several), model:FOLDER, reward:FOLDER, or reward:http://... (the server of a reward model)"
)

OnBadEdits = Literal["rewrite", "fail"]
CritiqueSource = Literal["model", "checks", "blind"]


def checked_iterations(iterations: object) -> int:
    """A number of rounds that a caller gave.

    Raises:
        InputError: It is not a whole number, or less than 1.
    """
    if isinstance(iterations, bool) or not isinstance(iterations, SupportsIndex):
        raise InputError(
            f"iterations is {iterations!r:.50}, not a whole number: give 1 or more, such as 5."
        )
    rounds = operator.index(iterations)
    if rounds < 1:
        raise InputError(f"iterations is {rounds}; at least 1 round is needed.")
    return rounds


def _one_or_several(names: object) -> object:
    """A single name is a list of one: ``judge = "demo"`` in a file."""
    return (names,) if isinstance(names, str) else names


class SettledOptions(Options):
    """Choices that enter a run's settings as they are."""

    panel: ClassVar[str] = "Loop"

    single_pass: bool = Field(
        default=False,
        description="Generate critique and revision in one request. Half the requests; but "
        "neither part has a token limit of its own.",
    )
    early_stop: bool = Field(
        default=True,
        description="End when a revision changes nothing or goes back to an earlier version.",
    )
    stop_score: Annotated[float | None, Flag(metavar="SCORE")] = Field(
        default=None,
        description="End when a critique gives at least this score. A critic's own score: "
        "validate it against a judge first.",
    )
    policy: Annotated[Policy | None, BeforeValidator(read_policy), Flag(metavar="FILE")] = Field(
        default=None,
        description="A policy, as revloop pilot writes it: rounds by the first critique's score or "
        "by a field, at most --iterations (docs/when-to-revise.md).",
    )
    thinking_tokens: Annotated[int, Flag(metavar="N", panel="Sampling")] = Field(
        default=0,
        ge=0,
        description="Room for a reasoning model's thoughts, on top of the limits of critique and "
        "revision.",
    )
    thinking: Annotated[bool, Flag(panel="Sampling")] = Field(
        default=True, description="Let a reasoning model think before it answers. Chat sets only."
    )
    keep: Annotated[Keep, Flag(panel="Selection")] = Field(
        default="last",
        description="Which version is kept. last: the last one. best: a judge compares each "
        "version with the one kept so far, from version 0 on. gate: the same, and each round "
        "starts from the version kept.",
    )
    critiques: Annotated[int, Flag(metavar="N", panel="Selection")] = Field(
        default=1,
        ge=1,
        le=64,
        description="Critiques a round, each with --candidates revisions of its own.",
    )
    candidates: Annotated[int, Flag(metavar="N", panel="Selection")] = Field(
        default=1,
        ge=1,
        le=64,
        description="Revisions a round. The selector chooses one; without one, the judge does; "
        "without both, the critic's own score.",
    )
    on_bad_edits: Annotated[OnBadEdits, Flag()] = Field(
        default="rewrite",
        description="When no try gave edits that can be applied, with a prompt set whose "
        "revisions are edits. rewrite: ask for the whole text. fail: end the trajectory.",
    )
    critique: Annotated[CritiqueSource, Flag(panel="Checks")] = Field(
        default="model",
        description="Who criticises, with checks. model: the critic, which sees the messages of "
        "failed checks. checks: these messages are the critique, and no critique is requested. "
        "blind: the critic, which sees none of them, as one that was fine-tuned without them.",
    )
    stop_verified: Annotated[bool, Flag(panel="Checks")] = Field(
        default=True, description="End when all checks pass; before the first round, too."
    )
    check_timeout_s: Annotated[
        float, Flag("--check-timeout", metavar="SECONDS", panel="Checks")
    ] = Field(default=10.0, gt=0, description="Time limit of a check of one text.")
    critique_temperature: Annotated[float | None, Flag(metavar="T", panel="Sampling")] = Field(
        default=None, ge=0, le=10, description="Temperature of critiques. By default --temperature."
    )
    edit_temperature: Annotated[float | None, Flag(metavar="T", panel="Sampling")] = Field(
        default=None, ge=0, le=10, description="Temperature of revisions. By default --temperature."
    )
    no_guards: Annotated[tuple[GuardName, ...], Flag("--no-guard", metavar="NAME")] = Field(
        default=(),
        description="Switch off a guard of revisions (may be repeated): "
        f"{', '.join(known_guards())}.",
    )

    @property
    def revisions_a_round(self) -> int:
        """Revisions that a round chooses from."""
        return self.critiques * self.candidates


class LoopOptions(SettledOptions):
    """What a user may choose of the loop; None leaves the choice to the prompt set."""

    temperature: Annotated[float | None, Flag(metavar="T", panel="Sampling")] = Field(
        default=None,
        ge=0,
        le=10,
        description="Sampling temperature; 0 takes the likeliest token. By default the prompt "
        "set's, as for all below but the seed.",
    )
    top_p: Annotated[float | None, Flag(metavar="P", panel="Sampling")] = Field(
        default=None,
        gt=0,
        le=1,
        description="Nucleus sampling: the share of probability to draw tokens from.",
    )
    top_k: Annotated[int | None, Flag(metavar="K", panel="Sampling")] = Field(
        default=None, ge=-1, description="Number of likeliest tokens to draw from; -1: all."
    )
    min_p: Annotated[float | None, Flag(metavar="P", panel="Sampling")] = Field(
        default=None,
        ge=0,
        le=1,
        description="Least probability of a token, as a share of the likeliest token's.",
    )
    repetition_penalty: Annotated[float | None, Flag(metavar="X", panel="Sampling")] = Field(
        default=None,
        gt=0,
        le=10,
        description="Makes tokens of the prompt and the text so far less likely; 1: no penalty.",
    )
    presence_penalty: Annotated[float | None, Flag(metavar="X", panel="Sampling")] = Field(
        default=None, ge=-2, le=2, description="The same for tokens of the text so far; 0: none."
    )
    frequency_penalty: Annotated[float | None, Flag(metavar="X", panel="Sampling")] = Field(
        default=None,
        ge=-2,
        le=2,
        description="The same, for each time that a token stands there; 0: none.",
    )
    critique_max_tokens: Annotated[int | None, Flag(metavar="N", panel="Sampling")] = Field(
        default=None, ge=1, description="Token limit of a critique."
    )
    revision_max_tokens: Annotated[int | None, Flag(metavar="N", panel="Sampling")] = Field(
        default=None, ge=1, description="Token limit of a revision."
    )
    tries: Annotated[int | None, Flag(metavar="N")] = Field(
        default=None,
        ge=1,
        le=100,
        description="Attempts at a usable critique or revision. By default the prompt set's.",
    )
    retry_temperature: Annotated[float | None, Flag(metavar="T", panel="Sampling")] = Field(
        default=None,
        ge=0,
        le=10,
        description="Lowest temperature from the second try on. At 0 there is no second try after "
        "one at temperature 0, since it would give the same text.",
    )
    seed: Annotated[int, Flag(metavar="N", panel="Sampling")] = Field(
        default=0,
        ge=0,
        lt=2**31,
        description="Random seed; each request's seed is derived from it.",
    )

    self_judge: Annotated[bool, Flag(panel="Selection")] = Field(
        default=False,
        description="Let --keep best or gate be judged by the model that writes the texts, which "
        "tends to prefer its own. By default that is refused.",
    )

    _policy_file: Path | None = PrivateAttr(default=None)

    @model_validator(mode="wrap")
    @classmethod
    def _choices_of_the_policy(cls, data: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        source = data.get("policy") if isinstance(data, dict) else None
        if source is None:
            return build(data)
        policy = Policy.model_validate(read_policy(source))
        known = {name: one for name, one in policy.choices.items() if name in cls.model_fields}
        made = build({**known, **data, "policy": policy})
        if not isinstance(source, Policy | dict):
            made._policy_file = Path(source)  # noqa: SLF001 - its own
        return made

    @model_validator(mode="after")
    def _temperatures_of_one_reply(self) -> Self:
        if self.single_pass and (self.critique_temperature, self.edit_temperature) != (None, None):
            raise ValueError(
                "--critique-temperature and --edit-temperature need critique and revision in two "
                "requests: leave --single-pass out"
            )
        return self

    @property
    def prompts_of_policy(self) -> str | None:
        """The policy's prompt set, for where none is given."""
        return None if self.policy is None else self.policy.prompts

    def paths_read(self) -> dict[str, str | Path | None]:
        """The paths that are read, by what they name."""
        return {**super().paths_read(), "the policy": self._policy_file}

    def refuse_editor(self) -> None:
        """Refuse an editor beside the critic where one model writes all.

        Raises:
            InputError: It does.
        """
        if self.single_pass:
            raise InputError(
                "In a single pass, one model writes critique and revision in one reply: leave "
                "--single-pass out, or the editor."
            )
        if self.critique == "checks":
            raise InputError(
                "With --critique checks no critic is asked, so the main model is the editor: name "
                "it with --base-url and --model, and leave --editor out."
            )


class RunOptions(LoopOptions, CommandOptions, EditorOptions):
    """The loop's options, and those that Python passes as objects or arguments of their own."""

    iterations: Annotated[
        int, BeforeValidator(checked_iterations), Flag(short="-n", metavar="N")
    ] = Field(default=DEFAULT_ITERATIONS, description="Rounds of critique and revision.")
    prompts: Annotated[str, Flag(metavar="NAME|DIR", reads="the prompt set")] = Field(
        default=DEFAULT_PROMPTS,
        description="Prompt set: cnr (a fine-tuned critic), chat (any instruction-tuned model), "
        "chat-verify (one that may leave a response as it is), chat-plain or chat-prefill (weak "
        "ones), cnr-edits or chat-edits (revisions as edits), or a folder of your own.",
    )
    judge: Annotated[
        tuple[str, ...],
        BeforeValidator(_one_or_several),
        Flag(metavar="JUDGE", panel="Selection"),
    ] = Field(
        default=(),
        description="Who compares, for --keep best or gate and for --candidates: "
        f"{HOW_TO_NAME_A_JUDGE}. May be repeated: the majority of all judges then decides.",
    )
    selector: Annotated[str | None, Flag(metavar="JUDGE", panel="Selection")] = Field(
        default=None,
        description="Who chooses between --candidates, named like a judge; --judge then decides "
        "only which version is kept. By default the judges choose.",
    )
    checks: Annotated[Path | None, Flag(metavar="FILE", reads="the checks", panel="Checks")] = (
        Field(
            default=None,
            description="A file of checks, in TOML: length, JSON, phrases, what a revision must "
            "keep, and more (docs/checks.md).",
        )
    )
    check: Annotated[tuple[str, ...], Flag(metavar="MODULE:FUNCTION", panel="Checks")] = Field(
        default=(),
        description="A function that checks each version (may be repeated). It is called with a "
        "draft and a text, and returns whether the text passes, with a message for the critic.",
    )
    check_cmd: Annotated[tuple[str, ...], Flag(metavar="COMMAND", panel="Checks")] = Field(
        default=(),
        description="A command that checks each version (may be repeated). It reads the text from "
        "its standard input or from {file}; exit code 0 passes, otherwise its output is the "
        "message for the critic. If it executes the text, set --sandbox: else a model's code runs "
        "as you.",
    )
    judge_prompts: Annotated[
        str, Flag(metavar="NAME|DIR", reads="the judges' prompts", panel="Selection")
    ] = Field(default=DEFAULT_JUDGE_PROMPTS, description="Prompt set of a model that judges.")

    @property
    def chosen_prompts(self) -> str | None:
        """The prompt set, if the user named one: a policy or a model may bring its own."""
        return self.prompts if "prompts" in self.model_fields_set else None


class StoreOptions(Options):
    """Where versions are kept."""

    panel: ClassVar[str] = "Store"

    store: Annotated[Path | None, Flag(metavar="FILE")] = Field(
        default=None,
        description="File that every version is committed to; a batch's is OUTPUT.sqlite by "
        "default.",
    )
    new_run: bool = Field(
        default=False, description="Begin a new run in the store, whatever it holds."
    )
