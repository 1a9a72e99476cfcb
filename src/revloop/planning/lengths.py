"""The lengths of a round's texts, given or measured from a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field

from revloop.edits import write_edits
from revloop.errors import InputError
from revloop.options import Flag, Options
from revloop.trajectory import REVISION_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from revloop.trajectory import Trajectory, Version


class TokenLengths(Options):
    """Mean lengths of one round's texts, in tokens.

    The defaults approximate FastChat's 80 questions and ChatGPT's answers (25 and 287 tokens of
    4.2 letters) with the headings of ``cnr``; the critique's length is a guess.
    """

    panel: ClassVar[str] = "Job"

    prompt_tokens: Annotated[float, Flag(metavar="N")] = Field(
        50.0, gt=0, description="Mean length of the draft's prompt and the prompt set's text."
    )
    critique_tokens: Annotated[float, Flag(metavar="N")] = Field(
        150.0, gt=0, description="Mean length of a critique."
    )
    revision_tokens: Annotated[float, Flag(metavar="N")] = Field(
        300.0, gt=0, description="Mean length of a revision, and of the response before it."
    )
    rounds: Annotated[float | None, Flag(name="--mean-rounds", metavar="N")] = Field(
        None,
        gt=0,
        description="Mean rounds of a trajectory, early stops included; by default, all rounds.",
    )

    @property
    def read_tokens(self) -> float:
        """Prompt tokens that a round computes: prompt and response, once.

        The revision prompt extends the critique prompt and the critique, which are in the prefix
        cache by then. A single pass is one sequence.
        """
        return self.prompt_tokens + self.revision_tokens

    @property
    def generated_tokens(self) -> float:
        """Tokens generated in a round."""
        return self.critique_tokens + self.revision_tokens

    @property
    def longest_tokens(self) -> float:
        """Length of the sequence at the end of a round, all in the KV cache."""
        return self.read_tokens + self.generated_tokens

    @property
    def mean_context_tokens(self) -> float:
        """Positions that a generated token attends to, on average over a round."""
        return self.read_tokens + self.generated_tokens / 2

    def rounds_of(self, iterations: int) -> float:
        """Expected rounds of a draft, given the most allowed."""
        return iterations if self.rounds is None else min(self.rounds, iterations)

    @classmethod
    def of(cls, trajectories: Iterable[Trajectory]) -> Self:
        """Mean lengths of stored trajectories, by their recorded usage.

        A single pass generates critique and revision together; its tokens are divided by letters.
        Unusable replies count too: they cost as much.

        Raises:
            InputError: The trajectories contain no rounds.
        """
        rounds = [0.0, 0.0, 0.0]
        done = count = 0
        for trajectory in trajectories:
            count += 1
            for version in trajectory.versions[1:]:
                done += 1
                rounds = [sum(pair) for pair in zip(rounds, _of_round(version), strict=True)]
        if not done or not all(rounds):
            raise InputError(
                "The store holds no rounds with token counts: give the lengths as options."
            )
        read, critique, revision = (total / done for total in rounds)
        return cls(
            prompt_tokens=max(1.0, read - revision),
            critique_tokens=critique,
            revision_tokens=revision,
            rounds=done / count,
        )


def _of_round(version: Version) -> tuple[float, float, float]:
    """Tokens of the critique prompt, the critique and the revision."""
    first = [step for step in version.steps if step.kind not in REVISION_KINDS]
    read = sum(step.usage.prompt_tokens for step in first)
    critique = sum(s.usage.generated_tokens for s in first if s.kind == "critique")
    revision = sum(s.usage.generated_tokens for s in version.steps if s.kind in REVISION_KINDS)
    both = sum(s.usage.generated_tokens for s in first if s.kind == "both")
    letters = 0 if version.critique is None else len(version.critique.raw)
    written = version.text if version.edits is None else write_edits(version.edits)
    share = letters / max(1, letters + len(written))
    return read, critique + both * share, revision + both * (1 - share)
