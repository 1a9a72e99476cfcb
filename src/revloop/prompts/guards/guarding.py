"""The guards by name, and which of them a prompt set has switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from pydantic import Field

from revloop.prompts.guards.copying import (
    copied_critique,
    copied_prompt,
    critique_passages,
    placeholder,
    prompt_as_answer,
)
from revloop.prompts.guards.losses import lost_code, lost_list, lost_numbers, too_short
from revloop.prompts.guards.repetition import repetition
from revloop.prompts.guards.wording import about_itself, meta
from revloop.trajectory import GuardVerdict
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from revloop.prompts.guards.revised import Revised

GuardName = Literal[
    "copied_critique",
    "copied_prompt",
    "repetition",
    "meta",
    "critique_passages",
    "prompt_as_answer",
    "placeholder",
    "lost_code",
    "too_short",
    "lost_list",
    "lost_numbers",
    "about_itself",
]

_GUARDS: dict[GuardName, Callable[[Revised], str | None]] = {
    "copied_critique": copied_critique,
    "copied_prompt": copied_prompt,
    "repetition": repetition,
    "meta": meta,
    "critique_passages": critique_passages,
    "prompt_as_answer": prompt_as_answer,
    "placeholder": placeholder,
    "lost_code": lost_code,
    "too_short": too_short,
    "lost_list": lost_list,
    "lost_numbers": lost_numbers,
    "about_itself": about_itself,
}


class GuardSettings(Frozen):
    """Which guards refuse a revision. None: in chat sets."""

    copied_critique: bool = Field(default=True, description="The critique, or a sentence of it.")
    copied_prompt: bool = Field(default=True, description="A line of a template.")
    repetition: bool = Field(default=True, description="The same words again and again.")
    meta: bool | None = Field(default=None, description="Talk about the revision or the critique.")
    critique_passages: bool | None = Field(
        default=None, description="Passages of the critique in a third of it."
    )
    prompt_as_answer: bool | None = Field(
        default=None, description="The prompt instead of an answer."
    )
    placeholder: bool | None = Field(default=None, description="Such as '[insert date]'.")
    lost_code: bool | None = Field(default=None, description="Code blocks are missing.")
    too_short: bool | None = Field(default=None, description="Under 40% of the length before.")
    lost_list: bool | None = Field(default=None, description="A list is missing.")
    lost_numbers: bool | None = Field(default=None, description="Most numbers are missing.")
    about_itself: bool = Field(
        default=False,
        description="Any talk of an answer, a question or a text as such; for weak models.",
    )

    def chosen(self, *, is_chat: bool) -> tuple[GuardName, ...]:
        """The names of the guards that are on, in the order in which they run."""
        switches = {name: getattr(self, name) for name in known_guards()}
        return tuple(name for name, on in switches.items() if (is_chat if on is None else on))


def known_guards() -> tuple[GuardName, ...]:
    """The names of all guards."""
    return get_args(GuardName)


def failures(revised: Revised, names: Collection[str] | None = None) -> Iterator[GuardVerdict]:
    """The guards that a revision fails, in order.

    Args:
        revised: The revision, and what it was made from.
        names: The guards to run; None for all.
    """
    for name, guard in _GUARDS.items():
        if names is None or name in names:
            reason = guard(revised)
            if reason is not None:
                yield GuardVerdict(guard=name, reason=reason)
