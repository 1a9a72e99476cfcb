"""A reward model as judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from revloop.engines.metering import spending_of
from revloop.engines.outage import WaitsForServer
from revloop.engines.rewards.batching import Answered, RewardBatcher
from revloop.engines.rewards.local import LocalRewardModel
from revloop.engines.rewards.server import RewardServer
from revloop.errors import ContentFilterError, ContextFullError, RevloopError
from revloop.trajectory import JudgeInfo, Verdict
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr

    from revloop.engines.outage import Waiting
    from revloop.engines.retry import RetryPolicy
    from revloop.engines.rewards.batching import RewardModel
    from revloop.trajectory import Spending

TIE_MARGIN = 0.001
"""Rewards that differ by no more are a tie; above 1, by no more than this share of the larger one.

The same text gets slightly different rewards in different batches: floating-point sums depend on
the order of their parts."""


class RewardJudge:
    """Prefers the text with the higher reward.

    A reward depends on one text only, so the order of the two cannot matter. Rewards are
    remembered, so asking in the second order costs nothing, and a text that is compared with
    several others is scored once. Texts that are asked for at the same time are scored together.

    Args:
        model: The reward model; closed with the judge.
    """

    def __init__(self, model: RewardModel) -> None:
        self._model = model
        self._batcher = RewardBatcher(model)
        digest = digest_of(model.digest, TIE_MARGIN)
        self.info = JudgeInfo(kind="reward", name=model.name, digest=digest)

    @classmethod
    def load(cls, model: str, *, name: str | None = None) -> Self:
        """Load a reward model into this process.

        Args:
            model: A model folder or hub id of a sequence classifier with one output.
            name: Its name in the record; None: as ``model``.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            ModelConfigError: There is no such model, or it has more than one output.
            DoesNotFitError: The memory does not suffice.
        """
        return cls(LocalRewardModel.load(model, name=name))

    @classmethod
    async def connect(
        cls,
        base_url: str,
        *,
        model: str | None = None,
        api_key: SecretStr | None = None,
        retries: RetryPolicy | None = None,
    ) -> Self:
        """Connect to a server with a reward model, and find out how it scores texts.

        Args:
            base_url: The server's address.
            model: The model to use; optional if the server serves only one.
            api_key: The server's key.
            retries: When to send a request again.

        Raises:
            EngineError: The server cannot be reached, refuses the key, or scores no texts.
            InputError: The address is invalid, or the server serves several models and none is
                named.
            ModelConfigError: The model gives a text more than one number.
        """
        return cls(
            await RewardServer.connect(base_url, model=model, api_key=api_key, retries=retries)
        )

    async def read_ahead(self, prompt: str, texts: Sequence[str]) -> None:
        """Score texts at once. See :class:`~revloop.trajectory.ReadsAhead`."""
        await self._rewards(prompt, texts)

    async def judge(self, prompt: str, first: str, second: str) -> Verdict:
        """The text with the higher reward. See :class:`~revloop.trajectory.Judge`.

        If a text does not fit the model's context, the verdict is ``unparseable``.

        Raises:
            JudgeError: The model in this process failed.
            EngineError: The server failed.
        """
        left, right = await self._rewards(prompt, (first, second))
        if isinstance(left, str):
            return Verdict(preference="unparseable", reason=left)
        if isinstance(right, str):
            return Verdict(preference="unparseable", reason=right)
        return _verdict(left, right)

    async def _rewards(self, prompt: str, texts: Sequence[str]) -> list[float | str]:
        """The rewards of texts; in place of one, why the text alone cannot have it."""
        outcomes = await self._batcher.rewards([Answered(prompt, text) for text in texts])
        rewards: list[float | str] = []
        for outcome in outcomes:
            if isinstance(outcome, ContextFullError | ContentFilterError):
                rewards.append(str(outcome))
            elif isinstance(outcome, RevloopError):
                raise outcome
            else:
                rewards.append(outcome)
        return rewards

    def waiting(self) -> Waiting | None:
        """The current wait for the model's server; None while it answers, or without one."""
        return self._model.waiting() if isinstance(self._model, WaitsForServer) else None

    def spending(self) -> Spending:
        """What requests to a server took so far; a model in this process takes none."""
        return spending_of(self._model)

    async def aclose(self) -> None:
        """Close the connections to a server; the memory goes with the judge."""
        await self._model.aclose()


def _verdict(left: float, right: float) -> Verdict:
    raw = f"{left:.6g} {right:.6g}"
    if abs(left - right) <= TIE_MARGIN * max(1.0, abs(left), abs(right)):
        return Verdict(preference="tie", raw=raw)
    return Verdict(preference="first" if left > right else "second", raw=raw)
