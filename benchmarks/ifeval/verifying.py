"""IFEval's verifiers, one check for each kind of instruction.

The verifiers are those of the package `lm-eval`. A draft without an instruction of a kind passes
the kind's check.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from langdetect import DetectorFactory
from lm_eval.tasks.ifeval.instructions_registry import INSTRUCTION_DICT

from benchmarks.ifeval.counting import Drawn
from revloop.checks import FunctionChecker
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.ifeval.counting import Followed
    from revloop.trajectory import Checker, Draft

DetectorFactory.seed = 0  # else the same text may have another language each time

IDS, ARGUMENTS = "instruction_id_list", "kwargs"
"""The fields of a row of IFEval that say which instructions its prompt gives."""


def checks(message: str) -> list[Checker]:
    """A check for each kind of instruction.

    Args:
        message: Its message if an instruction is not followed, which stands for `{}`.
    """
    return [
        FunctionChecker(
            _check_of(kind, message), name=kind, digest=digest_of("ifeval", kind, message)
        )
        for kind in sorted(INSTRUCTION_DICT)
    ]


def verified(row: Mapping[str, Any], prompt: str, text: str) -> Followed:
    """Whether a text follows each instruction of its prompt, strictly.

    Args:
        row: The fields `instruction_id_list` and `kwargs`.
        prompt: The prompt.
        text: The answer.
    """
    return tuple(
        _verify(kind, given, prompt, text)[0]
        for kind, given in zip(row[IDS], row[ARGUMENTS], strict=True)
    )


def judged(draft: Draft, text: str, tokens: int) -> Drawn:
    """A draft that was drawn, with what it follows."""
    return Drawn(text, tokens, verified(draft.extra, draft.prompt_text, text))


def _check_of(kind: str, message: str) -> Any:
    def check(draft: Draft, text: str) -> tuple[bool, str]:
        row = draft.extra
        found = [
            _verify(kind, given, draft.prompt_text, text)
            for one, given in zip(row[IDS], row[ARGUMENTS], strict=True)
            if one == kind
        ]
        broken = [description for follows, description in found if not follows]
        return not broken, message.format(" ".join(broken))

    return check


def _verify(kind: str, given: Mapping[str, Any], prompt: str, text: str) -> tuple[bool, str]:
    """Whether a text follows an instruction, and the instruction in words."""
    instruction = INSTRUCTION_DICT[kind](kind)
    # the package draws what it cannot use of the arguments, such as a letter that is a symbol
    random.seed(prompt)
    # as in the package: arguments that are null, zero or empty are left to the instruction
    description = instruction.build_description(**{key: v for key, v in given.items() if v})
    if "prompt" in (instruction.get_instruction_args() or {}):
        description = instruction.build_description(prompt=prompt)
    return bool(text.strip()) and bool(instruction.check_following(text)), str(description)
