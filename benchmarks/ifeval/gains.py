"""How much more one way solves than another, over the same prompts and seeds, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from revloop.evaluation.figures import sign_test

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.ifeval.counting import Answers

    Solved = Mapping[str, bool]

RESAMPLES = 10_000
_TAIL_PERCENT = 2.5


def difference(before: Sequence[Solved], after: Sequence[Solved]) -> dict[str, float]:
    """Points of prompts by which the later way is ahead, with the 95% interval.

    A percentile bootstrap over prompts: the seeds of a prompt are drawn together, since they are
    not independent (A. C. Davison, D. V. Hinkley, Bootstrap Methods, 1997, 3.8).

    Args:
        before: For each seed, the prompts and whether they are solved.
        after: The same prompts and seeds, solved in the other way.
    """
    rows = [
        [after_seed[prompt] - before_seed[prompt] for prompt in sorted(before_seed)]
        for before_seed, after_seed in zip(before, after, strict=True)
    ]
    each = np.mean(np.array(rows, dtype=float), axis=0)
    generator = np.random.default_rng(0)
    drawn = each[generator.integers(len(each), size=(RESAMPLES, len(each)))].mean(axis=1)
    low, high = np.percentile(drawn, [_TAIL_PERCENT, 100 - _TAIL_PERCENT])
    points = {"points": each.mean(), "low": low, "high": high}
    return {name: round(100 * float(value), 1) for name, value in points.items()}


def compared(before: Solved, after: Solved) -> dict[str, Any]:
    """Prompts that only the later way solves, that only the earlier one does, and the test.

    Returns:
        The counts, and McNemar's exact p.
    """
    p = sign_test(
        dict(enumerate(before.values())), dict(enumerate(after[prompt] for prompt in before))
    )
    return {
        "more": sum(after[prompt] and not solved for prompt, solved in before.items()),
        "fewer": sum(solved and not after[prompt] for prompt, solved in before.items()),
        "mcnemar_p": 1.0 if p is None else p,
    }


def by_instruction(
    kinds: Sequence[Sequence[str]], answers: Sequence[Answers], rival: Sequence[Answers]
) -> dict[str, dict[str, int]]:
    """Instructions of each kind that are followed by the drafts, by a way, and by the best of N.

    Args:
        kinds: The kinds of each prompt's instructions.
        answers: The answers to the prompts in a way.
        rival: The best of N drafts.
    """
    found: dict[str, dict[str, int]] = {}
    for names, mine, other in zip(kinds, answers, rival, strict=True):
        rows = zip(names, mine.followed[0], mine.followed[-1], other.followed[-1], strict=True)
        for name, *followed in rows:
            row = found.setdefault(name, dict.fromkeys(("given", "draft", "way", "best_of_n"), 0))
            for column, value in zip(row, (1, *followed), strict=True):
                row[column] += value
    return dict(sorted(found.items()))
