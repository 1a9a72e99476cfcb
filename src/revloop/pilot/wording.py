"""A recommendation in words, and its policy as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.evaluation.tables import percent
from revloop.pilot.effects import records_to_bound
from revloop.values import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.options import Policy
    from revloop.pilot.effects import Effect
    from revloop.pilot.recommending import Part, Recommendation

_EFFECT_COLUMNS = ("fixed", "95% interval", "broken", "95% interval", "win rate", "break-even")
PART_COLUMNS = ("", "drafts", *_EFFECT_COLUMNS)
ROUND_COLUMNS = ("rounds", *_EFFECT_COLUMNS)
OUTLAY_COLUMNS = ("a draft", "tokens", "seconds")
COST_COLUMN = "cost"


def part_rows(part: Part) -> Iterator[tuple[str, ...]]:
    """What each number of rounds does to a part of the records; ``*``: it is worth this number."""
    for round_, effect in enumerate(part.effects, start=1):
        mark = " *" if round_ == part.rounds else ""
        name = f"{part.name}, {_rounds(round_)}{mark}"
        yield (name, str(effect.records), *_effect_cells(effect))


def round_cells(round_: int, effect: Effect) -> tuple[str, ...]:
    """What a number of rounds does to all records, as the cells of a table's row."""
    return (str(round_), *_effect_cells(effect))


def outlay_rows(found: Recommendation, currency: str | None) -> Iterator[tuple[str, ...]]:
    """What each number of rounds takes for all records, and what the policy takes."""
    named = [(_rounds(number), one) for number, one in enumerate(found.by_round, start=1)]
    for name, effect in [*named, ("the policy", found.expected)]:
        cost = () if effect.cost is None else (f"{effect.cost:,.6f} {currency}",)
        yield (name, f"{effect.tokens:,.0f}", f"{effect.seconds:,.1f}", *cost)


def _effect_cells(effect: Effect) -> tuple[str, ...]:
    fixed, broken = effect.fixed_interval, effect.broken_interval
    return (
        percent(effect.fixed_share),
        f"{percent(fixed.low)} to {percent(fixed.high)}",
        percent(effect.broken_share),
        f"{percent(broken.low)} to {percent(broken.high)}",
        percent(effect.win_rate),
        effect.break_even,
    )


def sentences(found: Recommendation, max_harm: float | None = None) -> Iterator[str]:
    """The recommendation for people, the most important sentence first.

    Args:
        found: The recommendation.
        max_harm: The harm that it was to stay within.
    """
    expected, everything = found.expected, found.all_rounds
    bound = "" if max_harm is None else f"; at most {max_harm:.2%} harm"
    yield f"Recommended: {_words(found.policy)}{bound}."
    for part in found.by_score:
        if part.is_undecided:
            yield _too_few(part, expected.records)
    for part in found.by_value:
        if part.is_undecided:
            yield f"Too few to tell for {part.name} as a whole, so its first scores decide."
    if max_harm is not None:
        yield from _harm(found, max_harm)
    harm = _broken(expected) if found.policy.most_rounds else "none, as nothing is revised"
    yield f"Expected harm: {harm}; of all rounds for all: {_broken(everything)}."
    if expected.broken and found.policy.keep == "last":
        yield (
            f"With --keep gate and these judges, the {expected.broken} broken would stay as they "
            "are: a pilot with it measures at what cost."
        )
    yield (
        f"Expected win rate: {percent(expected.win_rate)}, of all rounds for all "
        f"{percent(everything.win_rate)}; tokens: {expected.tokens:,.0f} a draft, of all rounds "
        f"{everything.tokens:,.0f}."
    )


def _too_few(part: Part, records: int) -> str:
    needed = part.effect.needed
    if needed is None:
        return f"Too few to tell for {part.name}: as many are fixed as broken."
    share = part.effect.records / records
    return (
        f"Too few to tell for {part.name}, so it gets none: a sample of about "
        f"{round(needed / share):,} would do."
    )


def _harm(found: Recommendation, max_harm: float) -> Iterator[str]:
    """What the bound on harm leaves out, and the sample that could show that it is kept."""
    left_out = [part for part in found.by_score if part.is_too_harmful]
    for part in left_out:
        yield (
            f"None for {part.name}, where {part.effect.broken} of {part.effect.records} are "
            f"broken: with it, more than {max_harm:.2%} of all drafts may be."
        )
    needed = records_to_bound(max_harm)
    if left_out and needed > found.expected.records:
        yield (
            f"A sample of {found.expected.records:,} cannot show that at most {max_harm:.2%} are "
            f"broken: even if none is, that takes {needed:,}."
        )


def _broken(effect: Effect) -> str:
    low, high = effect.broken_interval
    return f"{percent(effect.broken_share)} ({percent(low)} to {percent(high)})"


def policy_toml(policy: Policy, comments: list[str]) -> str:
    """The policy as the text of its file."""
    lines = [*(f"# {comment}" for comment in comments), f"rounds = {policy.rounds}"]
    if policy.unscored is not None:
        lines.append(f"unscored = {policy.unscored}")
    lines += [f"{name} = {json_text(one)}" for name, one in policy.choices.items()]
    if policy.field is not None:
        lines += [f"field = {json_text(policy.field)}", "", "[values]"]
        lines += [f"{json_text(value)} = {rounds}" for value, rounds in policy.values.items()]
    for band in policy.bands:
        lines += ["", "[[bands]]", f"score_at_most = {band.score_at_most:g}"]
        lines.append(f"rounds = {band.rounds}")
    return "\n".join(lines) + "\n"


def _words(policy: Policy) -> str:
    parts = [
        f"{_rounds(rounds)} where {policy.field} is {value}"
        for value, rounds in policy.values.items()
    ]
    parts += [
        f"{_rounds(b.rounds)} where the first score is at most {b.score_at_most:g}"
        for b in policy.bands
    ]
    if policy.unscored is not None:
        parts.append(f"{_rounds(policy.unscored)} without a score")
    above = "above" if policy.bands else "otherwise" if parts else "for all"
    keep = "" if policy.keep in {None, "last"} else f"; --keep {policy.keep}"
    return "; ".join([*parts, f"{_rounds(policy.rounds)} {above}"]) + keep


def _rounds(number: int) -> str:
    return "1 round" if number == 1 else f"{number or 'no'} rounds"
