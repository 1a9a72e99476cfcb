"""The changes of answers as a person read them: `verdicts.toml` has the rule and each verdict."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.proofreading.figures import share

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

UNREAD = "unread"


class Changed(NamedTuple):
    """A change of an answer.

    Attributes:
        answer: The answer's name.
        old: The words before, with those beside them.
        new: The words after.
    """

    answer: str
    old: str
    new: str


def verdicts() -> dict[Changed, str]:
    """What each change that was read is: wrong, a preference, or right."""
    content = tomllib.loads(Path(__file__).with_name("verdicts.toml").read_text(encoding="utf-8"))
    return {
        Changed(*one): verdict for verdict, listed in content["verdicts"].items() for one in listed
    }


def read_figures(
    changes: Collection[Changed], answers: int, known: Mapping[Changed, str]
) -> dict[str, Any]:
    """Each change with its verdict, and the answers with a wrong one.

    Args:
        changes: Those that were made.
        answers: Number of answers.
        known: The verdicts.
    """
    found = [(one, known.get(one, UNREAD)) for one in changes]
    wrong = {one.answer for one, verdict in found if verdict == "wrong"}
    return {
        "changes": [[*one, verdict] for one, verdict in found],
        "verdicts": dict(Counter(verdict for _, verdict in found)),
        "answers_with_a_wrong_change": share(len(wrong), answers),
    }
