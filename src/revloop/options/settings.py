"""Settings: what decides a trajectory's text, the prompt set's choices filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field

from revloop.errors import InputError
from revloop.options.loop import LoopOptions, SettledOptions
from revloop.prompts.guards import GuardName
from revloop.trajectory import (
    REVISION_KINDS,
    CheckInfo,
    EngineInfo,
    JudgeInfo,
    Sampling,
    SamplingDefaults,
    SentSampling,
    StepKind,
)
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.prompts import PromptSet


_NAMED_AT_DEFAULTS = {"single_pass", "early_stop", "stop_score", "tries", "retry_temperature"}
"""Options that the digest has always held; a newer one enters it only where it is not the default,
so that older runs can be resumed."""


class EditorSettings(SentSampling):
    """Who revises, if not the critic in the conversation of its critique."""

    model: str = Field(description="The model's name, as the engine knows it.")
    prompt_set: str = Field(description="Name of the prompt set.")
    prompt_set_digest: str
    sampling: Sampling


class RunSettings(SettledOptions, SentSampling):
    """Everything that decides a trajectory's text, apart from the draft and the number of rounds.

    The number of rounds is left out, so that a run can be continued with more of them.
    """

    model: str = Field(description="The model's name, as the engine knows it.")
    prompt_set: str = Field(description="Name of the prompt set.")
    prompt_set_digest: str
    sampling: Sampling
    critique_max_tokens: int
    revision_max_tokens: int
    tries: int
    retry_temperature: float
    guards: tuple[GuardName, ...] = Field(
        default=(),
        description="The guards that refuse a revision, by name: the prompt set's without "
        "``no_guards``, so they are no part of the digest.",
    )
    no_change: str = Field(
        default="",
        description="The prompt set's last line of a critique that wants nothing changed.",
    )
    judge: JudgeInfo | None = Field(
        default=None, description="Who compares versions; None without a judge, or with several."
    )
    judges: tuple[JudgeInfo, ...] = Field(
        default=(), description="The judges of a panel, in order; empty with one judge or none."
    )
    selector: JudgeInfo | None = Field(
        default=None, description="Who chooses between candidates; None: the judges, if any."
    )
    checks: tuple[CheckInfo, ...] = Field(default=(), description="The user's checks, in order.")
    editor: EditorSettings | None = Field(
        default=None,
        description="Who revises; None: the critic. The limit and the guards of revisions are then "
        "those of the editor's prompt set.",
    )

    @classmethod
    def resolve(
        cls,
        options: LoopOptions,
        prompts: PromptSet,
        engine: EngineInfo,
        judges: Sequence[JudgeInfo] = (),
        checks: tuple[CheckInfo, ...] = (),
        *,
        selector: JudgeInfo | None = None,
        editor: tuple[EngineInfo, PromptSet] | None = None,
    ) -> Self:
        """The user's choices, and the prompt set's where the user made none.

        Args:
            options: The user's choices.
            prompts: The critic's prompt set.
            engine: The critic's engine.
            judges: Who compares versions, if anyone.
            checks: The user's checks.
            selector: Who chooses between candidates, if not the judges.
            editor: The editor's engine and prompt set; None: the critic revises.

        Raises:
            PromptSetError: The prompt set has no single-pass prompt, and it is asked for; or it
                does not show checks.
            InputError: The options contradict each other.
        """
        if options.single_pass:
            prompts.require_single_pass()
        if options.critique == "checks" and (options.single_pass or not checks):
            why = "a single pass asks for a critique" if options.single_pass else "there are none"
            raise InputError(f"Checks cannot be the critique: {why}.")
        if options.critiques > 1 and (options.single_pass or options.critique == "checks"):
            raise InputError(
                "Several critiques of a round need a critic that is asked for them alone: leave "
                "out --critiques, or --single-pass and --critique checks."
            )
        if checks and options.critique == "model":
            prompts.require_checks(single_pass=options.single_pass)
        if editor is not None:
            options.refuse_editor()
        chosen = prompts.settings
        revising = prompts if editor is None else editor[1]
        retries = {
            name: getattr(chosen if getattr(options, name) is None else options, name)
            for name in ("tries", "retry_temperature")
        }
        return cls(
            **options.model_dump(include=set(SettledOptions.model_fields)),
            **retries,
            **engine.model_dump(include=set(SentSampling.model_fields)),
            model=engine.model,
            prompt_set=prompts.name,
            prompt_set_digest=prompts.digest,
            sampling=chosen_sampling(options, prompts),
            critique_max_tokens=options.critique_max_tokens or chosen.critique.max_tokens,
            revision_max_tokens=options.revision_max_tokens
            or revising.settings.revision.max_tokens,
            no_change=chosen.critique.no_change,
            guards=tuple(name for name in revising.guards if name not in options.no_guards),
            judge=judges[0] if len(judges) == 1 else None,
            judges=tuple(judges) if len(judges) > 1 else (),
            selector=selector,
            checks=checks,
            editor=None if editor is None else _editor_settings(options, *editor),
        )

    @property
    def digest(self) -> str:
        """Changes with every setting."""
        fields, settings = type(self).model_fields, self.model_dump(mode="json")
        return digest_of(
            {
                name: value
                for name, value in settings.items()
                if name in _NAMED_AT_DEFAULTS
                or (name != "guards" and getattr(self, name) != fields[name].default)
            }
        )

    def sampling_of(self, kind: StepKind) -> Sampling:
        """The sampling of a kind of request, at its first try."""
        revises = kind in REVISION_KINDS
        sampling = self.editor.sampling if revises and self.editor else self.sampling
        own = self.edit_temperature if revises else self.critique_temperature
        return sampling if own is None else sampling.model_copy(update={"temperature": own})

    @property
    def all_judges(self) -> tuple[JudgeInfo, ...]:
        """Who compares versions: nobody, one judge, or the judges of a panel."""
        return self.judges if self.judge is None else (self.judge,)

    @property
    def is_greedy(self) -> bool:
        """Whether all requests are sampled at temperature 0, but for later tries."""
        kinds: tuple[StepKind, ...] = ("critique", "revision")
        return all(self.sampling_of(kind).temperature == 0 for kind in kinds)

    @property
    def requests_a_round(self) -> int:
        """Requests that a round takes if every reply is usable."""
        revisions = self.revisions_a_round
        is_judged = bool(self.all_judges) or self.selector is not None
        is_scored = revisions > 1 and not is_judged
        scores = revisions if is_scored else 0
        critiques = 0 if self.single_pass or self.critique == "checks" else self.critiques
        return revisions + scores + critiques

    def differences(self, other: RunSettings) -> list[str]:
        """The settings that differ, as ``name: this one's value, not the other's value``."""
        mine, theirs = self.model_dump(mode="json"), other.model_dump(mode="json")
        return [f"{k}: {mine[k]!r}, not {theirs[k]!r}" for k in mine if mine[k] != theirs[k]]


def chosen_sampling(options: LoopOptions, prompts: PromptSet) -> Sampling:
    """The user's sampling, and a prompt set's where the user chose nothing."""
    chosen = {
        name: getattr(
            prompts.settings.sampling if getattr(options, name) is None else options, name
        )
        for name in SamplingDefaults.model_fields
    }
    return Sampling(**chosen, seed=options.seed)


def _editor_settings(
    options: LoopOptions, engine: EngineInfo, prompts: PromptSet
) -> EditorSettings:
    return EditorSettings(
        **engine.model_dump(include=set(SentSampling.model_fields)),
        model=engine.model,
        prompt_set=prompts.name,
        prompt_set_digest=prompts.digest,
        sampling=chosen_sampling(options, prompts),
    )
