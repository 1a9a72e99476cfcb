"""Trajectories, as small frozen models.

The input is a *draft*: a prompt and the response that a model gave. Each *round* (one critique, one
revision) makes a new *version* of the response; version 0 is the original. A *trajectory* is a
draft, its versions and the reason why its rounds ended. Everything here converts to JSON and back
without loss.
"""

from __future__ import annotations

import textwrap
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import Field

from revloop.trajectory.draft import Draft
from revloop.trajectory.notebook import html_of
from revloop.trajectory.spending import Spending, spent_on_steps, summed
from revloop.trajectory.steps import Refusal, Step, Usage
from revloop.trajectory.version import EngineInfo, Version, kept_round, models_of
from revloop.values import AnyText, Frozen, WrittenExactly, json_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PREVIEW_CHARACTERS = 160


class StopReason(StrEnum):
    """Why a trajectory ended."""

    ROUNDS_DONE = "rounds_done"
    CONVERGED = "converged"
    CYCLE = "cycle"
    NOTHING_TO_IMPROVE = "nothing_to_improve"
    CRITERIA_MET = "criteria_met"
    VERIFIED = "verified"
    NOT_WORTH_REVISING = "not_worth_revising"
    MISSING_FIELD = "missing_field"
    CONTEXT_FULL = "context_full"
    TOKEN_LIMIT = "token_limit"  # noqa: S105 - the tokens of a text, not a secret
    UNPARSEABLE = "unparseable"
    CONTENT_FILTERED = "content_filtered"
    REFUSED = "refused"
    TOOL_CALLED = "tool_called"
    REJECTED = "rejected"
    ENGINE_FAILED = "engine_failed"
    JUDGE_FAILED = "judge_failed"
    CHECK_FAILED = "check_failed"

    @property
    def is_early_stop(self) -> bool:
        """Whether the rounds left out are not wanted: they would change nothing worth it."""
        return self in _EARLY_STOPS

    @property
    def may_pass(self) -> bool:
        """Whether the same requests may succeed the next time: a server or a judge failed."""
        return self in _MAY_PASS

    @property
    def is_failure(self) -> bool:
        """Whether rounds that were requested are missing."""
        return self is not StopReason.ROUNDS_DONE and not self.is_early_stop


_MAY_PASS = {StopReason.ENGINE_FAILED, StopReason.JUDGE_FAILED, StopReason.REJECTED}
_EARLY_STOPS = {
    StopReason.CONVERGED,
    StopReason.CYCLE,
    StopReason.NOTHING_TO_IMPROVE,
    StopReason.CRITERIA_MET,
    StopReason.VERIFIED,
    StopReason.NOT_WORTH_REVISING,
}


class End(Frozen):
    """Why a trajectory's rounds ended."""

    reason: StopReason
    detail: AnyText = Field(
        description="One sentence for the user: what happened in which round, and what to do."
    )
    calls_saved: int = Field(default=0, ge=0, description="Requests saved by stopping early.")
    steps: tuple[Step, ...] = Field(
        default=(), description="The requests of a last round that made no version."
    )
    engine: EngineInfo | None = Field(
        default=None, description="Which engine got these requests; None without any."
    )
    editor: EngineInfo | None = Field(
        default=None, description="Which engine got those for a revision, if not the same."
    )


class Trajectory(WrittenExactly):
    """A draft, all of its versions, and why the rounds ended."""

    id: str = Field(description="Same draft, settings, seed and engine build: same id.")
    draft: Draft
    versions: tuple[Version, ...] = Field(min_length=1)
    end: End | None = Field(default=None, description="None while rounds are left to do.")

    def __str__(self) -> str:
        """A summary in four lines, without characters that could control a terminal."""
        changed = [
            str(version.round)
            for version in self.versions[1:]
            if version.text != self.base_of(version).text
        ]
        kept = "" if self.kept == self.rounds else f", version {self.kept} kept"
        end = "not finished" if self.end is None else f"{self.end.reason}: {self.end.detail}"
        lengths = f"{len(self.original)} characters before, {len(self.kept_text)} after"
        lines = (
            f"Trajectory {self.id} of draft {self.draft.id}",
            f"rounds: {self.rounds}{kept}; {'failed, ' if self.failed else ''}{end}",
            f"changed in round: {', '.join(changed) or 'none'}; {lengths}",
            textwrap.shorten(self.kept_text, _PREVIEW_CHARACTERS, placeholder=" …"),
        )
        return "\n".join("".join(filter(str.isprintable, line)) for line in lines)

    def _repr_html_(self) -> str:
        """The versions with their critiques and changes, as notebooks show them."""
        return html_of(
            str(self).splitlines()[:2],
            [
                (version, self.base_of(version) if version.round else None)
                for version in self.versions
            ],
        )

    def __repr_args__(self) -> Iterable[tuple[str, object]]:
        """What its ``repr`` shows: not the texts, which are long."""
        yield "id", self.id
        yield "draft", self.draft.id
        yield "rounds", self.rounds
        yield "end", None if self.end is None else self.end.reason.value

    @property
    def has_exact_numbers(self) -> bool:
        """Whether a user's field contains a :class:`~revloop.values.Number`."""
        return self.draft.has_exact_numbers

    @property
    def failed(self) -> bool:
        """Whether it ended before all requested rounds; ``end`` says why."""
        return self.end is not None and self.end.reason.is_failure

    @property
    def failure(self) -> End | None:
        """Why rounds are missing: the end of a trajectory that failed; None if it did not."""
        return self.end if self.failed else None

    @property
    def final(self) -> str:
        """The text of the last version."""
        return self.versions[-1].text

    @property
    def kept(self) -> int:
        """The round of the kept version: the last one, unless a judge chose another."""
        return self.kept_after(self.rounds)

    @property
    def kept_text(self) -> str:
        """The text of the kept version."""
        return self.versions[self.kept].text

    def kept_after(self, rounds: int) -> int:
        """The round of the version that was kept after some rounds."""
        return kept_round(self.versions[: rounds + 1])

    def base_of(self, version: Version) -> Version:
        """The version that another one, not version 0, was made from."""
        return self.versions[version.round - 1 if version.base is None else version.base]

    def score_of(self, round_: int) -> float | None:
        """The critic's score of a version: it stands in the critique of a later one.

        A version that changed nothing has the score of its own critique. None if it was not scored.
        """
        for version in self.versions[1:]:
            base = self.base_of(version)
            is_about_it = base.round == round_ or (
                version.round == round_ and version.text == base.text
            )
            if is_about_it and version.critique is not None:
                return version.critique.score
        return None

    def to_rows(self) -> list[dict[str, Any]]:
        """A flat row for each version, version 0 first: see docs/data.md for the columns."""
        about = {
            "id": self.draft.name,
            "trajectory_id": self.id,
            "prompt": self.draft.prompt_text,
        }
        after = {
            "end": None if self.end is None else self.end.reason.value,
            "failed": self.failed,
            "extra": json_text(self.draft.extra),
        }
        return [{**about, **self._row_of(version), **after} for version in self.versions]

    def _row_of(self, version: Version) -> dict[str, Any]:
        base = self.base_of(version) if version.round else None
        return {
            "round": version.round,
            "text": version.text,
            "characters": len(version.text),
            "is_kept": version.round == self.kept,
            "is_changed": base is not None and version.text != base.text,
            "base_round": None if base is None else base.round,
            "critique": None if version.critique is None else version.critique.raw,
            "score": self.score_of(version.round),
            "failed_checks": sum(check.passed is False for check in version.checks),
            "model": None if version.engine is None else version.engine.model,
            "prompt_tokens": version.usage.prompt_tokens,
            "generated_tokens": version.usage.generated_tokens,
            "latency_s": float(version.latency_s),
        }

    def with_extra(self, fields: Mapping[str, Any]) -> Trajectory:
        """A copy with more fields in the draft's ``extra``."""
        if not fields:
            return self
        others = {name: self.draft.extra[name] for name in self.draft.extra if name not in fields}
        draft = self.draft.model_copy(update={"extra": {**fields, **others}})
        return self.model_copy(update={"draft": draft})

    @property
    def original(self) -> str:
        """The original response."""
        return self.versions[0].text

    @property
    def rounds(self) -> int:
        """Number of rounds done."""
        return self.versions[-1].round

    @property
    def steps(self) -> tuple[Step, ...]:
        """All requests in order, including those of a last round that made no version."""
        last = () if self.end is None else self.end.steps
        return (*(step for version in self.versions for step in version.steps), *last)

    @property
    def refused(self) -> tuple[tuple[int, Step, Refusal], ...]:
        """The requests with unusable replies: the round of each, the request, and why."""
        rounds = [(version.round, version.steps) for version in self.versions]
        last = () if self.end is None else self.end.steps
        return tuple(
            (number, step, step.refusal)
            for number, steps in (*rounds, (self.rounds + 1, last))
            for step in steps
            if step.refusal is not None
        )

    @property
    def usage(self) -> Usage:
        """Tokens of all requests."""
        return sum((step.usage for step in self.steps), Usage())

    @property
    def latency_s(self) -> float:
        """Engine seconds of all requests."""
        return sum(step.latency_s for step in self.steps)

    @property
    def spending_by_round(self) -> dict[int, Spending]:
        """What each round took, a last one that made no version included."""
        by_round = {version.round: version.spending for version in self.versions if version.round}
        if self.end is not None and self.end.steps:
            models = models_of(self.end.engine, self.end.editor)
            by_round[self.rounds + 1] = summed(spent_on_steps(self.end.steps, *models))
        return by_round
