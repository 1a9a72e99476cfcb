"""How long the texts of a round are, given or counted from what was stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, PositiveFloat

from revloop.errors import InputError
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from revloop.trajectory import Trajectory, Version


class TokenLengths(Frozen):
    """Mean lengths of one round's texts.

    The defaults are about those of FastChat's 80 questions as ChatGPT answered them (25 and 287
    tokens at 4.2 letters each) with the headings of ``cnr``; the critique's is a guess.
    """

    prompt_tokens: float = Field(
        50.0, gt=0, description="The draft's prompt and the prompt set's own words."
    )
    critique_tokens: float = Field(150.0, gt=0, description="A critique, as generated.")
    revision_tokens: float = Field(
        300.0, gt=0, description="A revision, and so the response that a round starts from."
    )
    rounds: PositiveFloat | None = Field(
        None,
        description="Rounds that a trajectory did on average, early stops included; None to count "
        "all that are asked for.",
    )

    @property
    def read_tokens(self) -> float:
        """Prompt tokens that a round computes.

        Prompt and response, once: the revision prompt extends the critique prompt and the
        critique, whose keys and values are in the prefix cache already. In a single pass it is the
        same sequence.
        """
        return self.prompt_tokens + self.revision_tokens

    @property
    def generated_tokens(self) -> float:
        """Tokens that a round generates."""
        return self.critique_tokens + self.revision_tokens

    @property
    def longest_tokens(self) -> float:
        """The sequence at the end of a round: what the KV cache must hold."""
        return self.read_tokens + self.generated_tokens

    @property
    def mean_context_tokens(self) -> float:
        """Positions that a generated token looks at, on average over a round."""
        return self.read_tokens + self.generated_tokens / 2

    def rounds_of(self, iterations: int) -> float:
        """Rounds that a draft goes through when so many are asked for."""
        return iterations if self.rounds is None else min(self.rounds, iterations)

    @classmethod
    def of(cls, trajectories: Iterable[Trajectory]) -> Self:
        """The mean lengths of trajectories, by the usage that was stored with them.

        A single pass generates critique and revision as one; its tokens are shared out by letters.
        Tries that were of no use count: they cost as much.

        Raises:
            InputError: No round is among them.
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
                "The store holds no rounds with counted tokens, so it tells no lengths: name them."
            )
        read, critique, revision = (total / done for total in rounds)
        return cls(
            prompt_tokens=max(1.0, read - revision),
            critique_tokens=critique,
            revision_tokens=revision,
            rounds=done / count,
        )


def _of_round(version: Version) -> tuple[float, float, float]:
    """Tokens that were read before the critique, and those of critique and revision."""
    first = [step for step in version.steps if step.kind != "revision"]
    read = sum(step.usage.prompt_tokens for step in first)
    critique = sum(s.usage.generated_tokens for s in first if s.kind == "critique")
    revision = sum(s.usage.generated_tokens for s in version.steps if s.kind == "revision")
    both = sum(s.usage.generated_tokens for s in first if s.kind == "both")
    letters = 0 if version.critique is None else len(version.critique.raw)
    share = letters / max(1, letters + len(version.text))
    return read, critique + both * share, revision + both * (1 - share)
