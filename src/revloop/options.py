"""Settings: what decides the text of a trajectory, and how an engine is reached."""

from __future__ import annotations

import operator
import os
from typing import TYPE_CHECKING, Annotated, Literal, Self, SupportsIndex

from pydantic import Field, SecretStr

from revloop.errors import InputError
from revloop.trajectory import EngineInfo, JudgeInfo, Pinned, Sampling
from revloop.values import Frozen, digest_of

if TYPE_CHECKING:
    from revloop.prompts import PromptSet

DEFAULT_ITERATIONS = 5
DEFAULT_PROMPTS = "cnr"

Keep = Literal["last", "best", "gate"]


class LoopOptions(Frozen):
    """What a user may choose of the loop; None leaves the choice to the prompt set."""

    single_pass: bool = Field(
        default=False,
        description="Generate critique and revision in one request. Half the requests; but each "
        "part has no limit of its own.",
    )
    temperature: Annotated[float, Field(ge=0, le=10)] | None = Field(
        default=None, description="0 takes the likeliest token; None: the prompt set's."
    )
    top_p: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="Nucleus that tokens are drawn from; None: the prompt set's."
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        default=0, description="Where random choices start; each request's seed comes from it."
    )
    critique_max_tokens: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Tokens a critique may have; None: the prompt set's."
    )
    revision_max_tokens: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Tokens a revision may have; None: the prompt set's."
    )
    early_stop: bool = Field(
        default=True,
        description="End when a revision changes nothing or goes back to an earlier version.",
    )
    stop_score: float | None = Field(
        default=None,
        description="End when a critique gives at least this score; None: never. A critic's own "
        "score is to be trusted only once it has been checked against a judge.",
    )
    tries: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3, description="Requests for one critique or revision until it can be used."
    )
    retry_temperature: Annotated[float, Field(ge=0, le=10)] = Field(
        default=0.7,
        description="Lowest temperature from the second try on: at 0 another seed would give the "
        "same text again.",
    )
    keep: Keep = Field(
        default="last",
        description="Which version is kept. 'last': the last one. 'best': a judge compares each "
        "version with the one that stood until then, from version 0 on. 'gate': the same, and each "
        "round starts from the version that stands, not from the last one.",
    )
    candidates: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1,
        description="Revisions that a round makes. The judge chooses one of them, or where there "
        "is no judge, the critic's own score.",
    )


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


class RunSettings(Frozen):
    """Everything that decides a trajectory's text, but for the draft and the number of rounds.

    The number of rounds is left out, so that a run can be continued with more of them.
    """

    model: str = Field(description="The model's name, as the engine knows it.")
    prompt_set: str = Field(description="Name of the prompt set.")
    prompt_set_digest: str
    single_pass: bool
    sampling: Sampling
    critique_max_tokens: int
    revision_max_tokens: int
    early_stop: bool
    stop_score: float | None
    tries: int
    retry_temperature: float
    keep: Keep = "last"
    judge: JudgeInfo | None = None
    candidates: int = 1
    pinned: Pinned | None = None

    @classmethod
    def resolve(
        cls,
        options: LoopOptions,
        prompts: PromptSet,
        engine: EngineInfo,
        judge: JudgeInfo | None = None,
    ) -> Self:
        """The user's choices, with the prompt set's where the user made none."""
        chosen = prompts.settings
        temperature, top_p = options.temperature, options.top_p
        return cls(
            model=engine.model,
            prompt_set=prompts.name,
            prompt_set_digest=prompts.digest,
            single_pass=options.single_pass,
            sampling=Sampling(
                temperature=chosen.sampling.temperature if temperature is None else temperature,
                top_p=chosen.sampling.top_p if top_p is None else top_p,
                seed=options.seed,
            ),
            critique_max_tokens=options.critique_max_tokens or chosen.critique.max_tokens,
            revision_max_tokens=options.revision_max_tokens or chosen.revision.max_tokens,
            early_stop=options.early_stop,
            stop_score=options.stop_score,
            tries=options.tries,
            retry_temperature=options.retry_temperature,
            keep=options.keep,
            judge=judge,
            candidates=options.candidates,
            pinned=engine.pinned,
        )

    @property
    def digest(self) -> str:
        """Changes with every setting."""
        # without these it is as it was before there were judges: such runs can be gone on with
        newer = {"keep": "last", "judge": None, "candidates": 1, "pinned": None}
        settings = self.model_dump(mode="json")
        return digest_of({k: v for k, v in settings.items() if k not in newer or v != newer[k]})

    @property
    def requests_a_round(self) -> int:
        """Requests that a round takes, where every answer can be used."""
        scores = self.candidates if self.candidates > 1 and self.judge is None else 0
        return self.candidates + scores + (0 if self.single_pass else 1)

    def differences(self, other: RunSettings) -> list[str]:
        """The settings that differ, as ``name: this one's value, not the other's value``."""
        mine, theirs = self.model_dump(mode="json"), other.model_dump(mode="json")
        return [f"{k}: {mine[k]!r}, not {theirs[k]!r}" for k in mine if mine[k] != theirs[k]]


class EngineOptions(Frozen):
    """How an engine is reached: a server by its address, or a model in this process."""

    base_url: str | None = Field(
        default=None, description="Address of an OpenAI-compatible server; None: none is used."
    )
    model: str | None = Field(
        default=None,
        description="With a server: the name it serves. Without: a model folder or hub id to run "
        "in this process; 'demo' is the critic that ships with revloop. None: the server's only "
        "model.",
    )
    api_key: SecretStr | None = Field(
        default=None, description="The server's key; sent to it and nowhere else, never stored."
    )
    tokenizer: str | None = Field(
        default=None,
        description="The served model's folder, to send exact tokens; None: the text is sent, or "
        "the tokens where the server names a folder of this machine.",
    )
    tensor_parallel_size: Annotated[int, Field(ge=1)] = Field(
        default=1, description="For vLLM in this process: GPUs that hold the model together."
    )

    @classmethod
    def from_environment(cls, **given: object) -> Self:
        """The options that were given, and ``REVLOOP_BASE_URL``, ``REVLOOP_MODEL`` and
        ``REVLOOP_API_KEY`` for those that are missing or None.

        A model that was named without a server is one to run in this process: the address in the
        environment is then not used.
        """  # noqa: D205 - the first sentence is long
        options = {key: value for key, value in given.items() if value is not None}
        if "model" not in options or "base_url" in options:
            options.setdefault("base_url", os.environ.get("REVLOOP_BASE_URL") or None)
            options.setdefault("model", os.environ.get("REVLOOP_MODEL") or None)
        options.setdefault("api_key", os.environ.get("REVLOOP_API_KEY") or None)
        return cls.model_validate(options)
