"""The kinds of feed-forward layers: one for all tokens, or experts that a router picks."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import NonNegativeInt, PositiveInt, model_validator

from revloop.models.matrix import Matrix
from revloop.values import Frozen


class DenseFeedForward(Frozen):
    """A feed-forward layer that every token passes.

    Attributes:
        size: Its inner width.
        is_gated: Three matrices (gate, up, down) rather than two.
        has_bias: Whether they have a bias.
        module: Name of the module in a layer.
    """

    size: PositiveInt
    is_gated: bool = True
    has_bias: bool = False
    module: str = "mlp"

    experts: ClassVar[int] = 1
    used: ClassVar[int] = 1
    has_shared: ClassVar[bool] = False

    def matrices(self, hidden_size: int, gpus: int) -> tuple[Matrix, ...]:
        """Its matrices on one GPU."""
        inner, bias = self.size // gpus, self.has_bias
        return (
            *(
                Matrix(f"{self.module}.{name}_proj", hidden_size, inner, bias)
                for name in (("gate", "up") if self.is_gated else ("up",))
            ),
            Matrix(f"{self.module}.down_proj", inner, hidden_size, bias),
        )

    def refusal(self, gpus: int, *, whole_experts: bool) -> str | None:  # noqa: ARG002 - has none
        """Why vLLM cannot split it over a number of GPUs, or None if it can."""
        if self.size % gpus:
            return f"its feed-forward width of {self.size} is not divisible by {gpus}"
        return None


class ExpertFeedForward(Frozen):
    """Experts, of which a router picks some for each token, and others that all tokens share.

    Attributes:
        experts: Number of experts to pick from.
        used: Experts that one token uses.
        size: Inner width of one expert.
        shared_size: Inner width of all shared experts together; 0 for none.
        shared_gate: Whether a gate of width 1 weighs the shared experts.
        has_bias: Whether the router and the experts have biases.
        router: Name of the router's module in a layer.
        module: Name of the module of the experts.

    Raises:
        ValueError: A token would use more experts than there are.
    """

    experts: PositiveInt
    used: PositiveInt
    size: PositiveInt
    shared_size: NonNegativeInt = 0
    shared_gate: bool = False
    has_bias: bool = False
    router: str = "mlp.gate"
    module: str = "mlp"

    @model_validator(mode="after")
    def _has_enough_experts(self) -> Self:
        if self.used > self.experts:
            raise ValueError(f"a token cannot use {self.used} of {self.experts} experts")
        return self

    def matrices(self, hidden_size: int, gpus: int) -> tuple[Matrix, ...]:
        """Its matrices on one GPU: vLLM splits each expert, and replicates the router.

        With ``--enable-expert-parallel`` whole experts are divided among the GPUs, for about the
        same memory.
        """
        inner, bias = self.size // gpus, self.has_bias
        every = (self.experts, self.used)
        found = [
            Matrix(self.router, hidden_size, self.experts, bias, quantizable=False),
            Matrix(f"{self.module}.experts.gate_proj", hidden_size, inner, bias, *every),
            Matrix(f"{self.module}.experts.up_proj", hidden_size, inner, bias, *every),
            Matrix(f"{self.module}.experts.down_proj", inner, hidden_size, bias, *every),
        ]
        if self.shared_size:
            shared = DenseFeedForward(size=self.shared_size, module=f"{self.module}.shared_experts")
            found += shared.matrices(hidden_size, gpus)
        if self.shared_gate:
            name = f"{self.module}.shared_expert_gate"
            found.append(Matrix(name, hidden_size, 1, quantizable=False))
        return tuple(found)

    @property
    def has_shared(self) -> bool:
        """Whether some experts are used by all tokens."""
        return self.shared_size > 0

    def refusal(self, gpus: int, *, whole_experts: bool) -> str | None:
        """Why vLLM cannot split it over a number of GPUs, or None if it can."""
        if self.size % gpus and not whole_experts:
            return f"the width of its experts, {self.size}, is not divisible by {gpus}"
        if self.shared_size % gpus:
            return (
                f"the width of its shared experts, {self.shared_size}, is not divisible by {gpus}"
            )
        return None


FeedForward = DenseFeedForward | ExpertFeedForward
