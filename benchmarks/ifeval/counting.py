"""Figures of IFEval: accuracy by round, its intervals and tests, and what it cost in tokens."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from revloop.evaluation.figures import sign_test, wilson_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Followed = tuple[bool, ...]
"""Whether a text follows each instruction of its prompt."""


class Answers(NamedTuple):
    """The answers to one prompt, by round.

    Attributes:
        followed: For the draft and after each round.
        tokens: Generated in each round, unusable replies included; none for the draft.
    """

    followed: tuple[Followed, ...]
    tokens: tuple[int, ...]


class Drawn(NamedTuple):
    """One of several drafts of a prompt, drawn at a temperature."""

    text: str
    tokens: int
    followed: Followed


def refused_if_cut(pool: Sequence[Drawn], limit: int) -> list[Drawn]:
    """The drafts of a prompt, where those that ran to the token limit follow nothing.

    The first one stays as it is: every way starts from it.
    """
    first, *others = pool
    nothing = tuple(False for _ in first.followed)
    return [
        first,
        *(one._replace(followed=nothing) if one.tokens >= limit else one for one in others),
    ]


def share(part: int, whole: int) -> dict[str, float]:
    """A share with its 95% interval (Wilson)."""
    interval = wilson_interval(part, whole)
    values = {"share": part / whole, "low": interval.low, "high": interval.high}
    return {name: round(value, 4) for name, value in values.items()}


def figures(answers: Sequence[Answers]) -> dict[str, Any]:
    """Strict accuracy by round, against the draft, and tokens.

    Returns:
        The number of prompts. For each round: the shares of prompts and of instructions that are
        followed, prompts that are followed and were not ("fixed") and the reverse ("broken"),
        McNemar's exact test against the draft, and the tokens generated so far. Then the tokens of
        all rounds for each prompt that is followed at the end, and for each gained; None where
        there is none.
    """
    first = [all(one.followed[0]) for one in answers]
    by_round, spent = list[dict[str, Any]](), 0
    for number in range(len(answers[0].followed)):
        followed = [one.followed[number] for one in answers]
        spent += sum(one.tokens[number] for one in answers)
        by_round.append({"round": number, **_compared(first, followed), "generated_tokens": spent})
    solved = sum(all(one.followed[-1]) for one in answers)
    return {
        "prompts": len(answers),
        "rounds": by_round,
        "generated_tokens": spent,
        "tokens_a_solved_prompt": tokens_each(spent, solved),
        "tokens_a_prompt_gained": tokens_each(spent, solved - sum(first)),
    }


def spent_by_round(answers: Sequence[Answers]) -> list[int]:
    """Tokens that all prompts together had cost after each round, the draft's left out."""
    rounds = zip(*(one.tokens for one in answers), strict=True)
    return list(accumulate(map(sum, rounds)))[1:]


def tokens_each(tokens: int, prompts: int) -> int | None:
    """Tokens for each of some prompts; None without prompts."""
    return round(tokens / prompts) if prompts > 0 else None


def _compared(first: Sequence[bool], followed: Sequence[Followed]) -> dict[str, Any]:
    prompts = [all(one) for one in followed]
    instructions = [one for several in followed for one in several]
    p = sign_test(dict(enumerate(first)), dict(enumerate(prompts)))
    return {
        "prompts": share(sum(prompts), len(prompts)),
        "instructions": share(sum(instructions), len(instructions)),
        "fixed": sum(now and not before for before, now in zip(first, prompts, strict=True)),
        "broken": sum(before and not now for before, now in zip(first, prompts, strict=True)),
        "mcnemar_p": 1.0 if p is None else p,
    }


def until_spent(
    pools: Sequence[Sequence[Drawn]], budget: int, *, stop_verified: bool
) -> list[Sequence[Drawn]]:
    """The drafts that a budget of tokens pays for, drawn one after another for every prompt.

    Args:
        pools: For each prompt the draft that all ways share, which costs nothing here, and then
            the drawn ones.
        budget: Tokens. The first draft that it does not pay for ends the drawing.
        stop_verified: Draw no more for a prompt once a draft follows it.
    """
    bought = [1] * len(pools)
    for number in range(1, max(map(len, pools))):
        for prompt, pool in enumerate(pools):
            if stop_verified and any(all(one.followed) for one in pool[:number]):
                continue
            if number >= len(pool) or (budget := budget - pool[number].tokens) < 0:
                return _first_of_each(pools, bought)
            bought[prompt] = number + 1
    return _first_of_each(pools, bought)


def _first_of_each(
    pools: Sequence[Sequence[Drawn]], numbers: Sequence[int]
) -> list[Sequence[Drawn]]:
    return [pool[:number] for pool, number in zip(pools, numbers, strict=True)]


def by_verifiers(drafts: Sequence[Drawn]) -> Drawn:
    """The draft that follows the most instructions, the first of equals: this asks the judge."""
    return max(drafts, key=lambda one: sum(one.followed))


def by_consensus(drafts: Sequence[Drawn]) -> Drawn:
    """The draft that shares the most words with the others, the first of equals.

    Minimum Bayes risk (S. Kumar, W. Byrne, NAACL 2004) with the F1 of words: it needs no verifier.
    """
    words = [Counter(one.text.lower().split()) for one in drafts]
    agreement = [sum(_f1(mine, other) for other in words if other is not mine) for mine in words]
    return drafts[agreement.index(max(agreement))]


def _f1(left: Counter[str], right: Counter[str]) -> float:
    total = left.total() + right.total()
    return 2 * (left & right).total() / total if total else 0.0


def best_of(
    pools: Sequence[Sequence[Drawn]],
    budgets: Sequence[int],
    choose: Callable[[Sequence[Drawn]], Drawn],
    *,
    stop_verified: bool,
) -> list[Answers]:
    """Best of N drafts, at the tokens that another way had spent after each of its rounds.

    Args:
        pools: As for `until_spent`.
        budgets: Tokens after each round, rising.
        choose: Chooses one of the drafts of a prompt.
        stop_verified: As for `until_spent`.
    """
    rounds = [until_spent(pools, budget, stop_verified=stop_verified) for budget in (0, *budgets)]
    found = []
    for drafts in zip(*rounds, strict=True):
        spent = [sum(one.tokens for one in some[1:]) for some in drafts]
        found.append(
            Answers(
                tuple(choose(some).followed for some in drafts),
                tuple(now - before for before, now in zip([0, *spent], spent, strict=False)),
            )
        )
    return found


def at_random(pools: Sequence[Sequence[Drawn]], budget: int) -> float:
    """The expected share of prompts that a draft taken at random follows."""
    drafts = until_spent(pools, budget, stop_verified=False)
    return fmean(fmean(all(one.followed) for one in some) for some in drafts)
