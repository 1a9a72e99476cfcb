"""IFEval's verifiers, one check for each kind of instruction.

The verifiers are those of the package `lm-eval`. A draft without an instruction of a kind passes
the kind's check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval.tasks.ifeval.instructions_registry import INSTRUCTION_DICT

from revloop.checks import FunctionChecker
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.trajectory import Checker, Draft

IDS, ARGUMENTS = "instruction_id_list", "kwargs"
"""The fields of a row of IFEval that say which instructions its prompt gives."""


def checks() -> list[Checker]:
    """A check for each kind of instruction."""
    return [
        FunctionChecker(_check_of(kind), name=kind, digest=digest_of("ifeval", kind))
        for kind in sorted(INSTRUCTION_DICT)
    ]


def verified(row: Mapping[str, Any], prompt: str, text: str) -> dict[str, bool]:
    """Whether a text follows each instruction of its prompt, strictly, by kind.

    Args:
        row: The fields `instruction_id_list` and `kwargs`.
        prompt: The prompt.
        text: The answer.
    """
    return {kind: _verify(row, kind, prompt, text)[0] for kind in row[IDS]}


def _check_of(kind: str) -> Any:
    def check(draft: Draft, text: str) -> tuple[bool, str]:
        if kind not in draft.extra[IDS]:
            return True, ""
        follows, description = _verify(draft.extra, kind, draft.prompt_text, text)
        return follows, f"This instruction is not followed: {description}"

    return check


def _verify(row: Mapping[str, Any], kind: str, prompt: str, text: str) -> tuple[bool, str]:
    """Whether a text follows an instruction, and the instruction in words."""
    given = row[ARGUMENTS][row[IDS].index(kind)]
    instruction = INSTRUCTION_DICT[kind](kind)
    # as in the package: arguments that are null, zero or empty are left to the instruction
    description = instruction.build_description(**{key: v for key, v in given.items() if v})
    if "prompt" in (instruction.get_instruction_args() or {}):
        description = instruction.build_description(prompt=prompt)
    return bool(text.strip()) and bool(instruction.check_following(text)), str(description)
