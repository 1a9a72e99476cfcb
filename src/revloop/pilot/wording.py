"""A recommendation in words, and its policy as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.evaluation.tables import percent
from revloop.values import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.options import Policy
    from revloop.pilot.measuring import Effect
    from revloop.pilot.recommending import Part, Recommendation

EFFECT_COLUMNS = ("fixed", "95% interval", "broken", "95% interval", "win rate", "break-even")
PART_COLUMNS = ("", "records", "rounds", *EFFECT_COLUMNS)
ROUND_COLUMNS = ("round", "tokens a draft", *EFFECT_COLUMNS)


def part_cells(part: Part) -> tuple[str, ...]:
    """A part of the records as the cells of a table's row."""
    return (part.name, str(part.effect.records), str(part.rounds), *_effect_cells(part.effect))


def round_cells(round_: int, effect: Effect) -> tuple[str, ...]:
    """What a number of rounds does to all records, as the cells of a table's row."""
    return (str(round_), f"{effect.tokens:,.0f}", *_effect_cells(effect))


def _effect_cells(effect: Effect) -> tuple[str, ...]:
    fixed, broken = effect.fixed_interval, effect.broken_interval
    return (
        percent(effect.fixed / effect.records),
        f"{percent(fixed.low)} to {percent(fixed.high)}",
        percent(effect.broken / effect.records),
        f"{percent(broken.low)} to {percent(broken.high)}",
        percent(effect.win_rate),
        effect.break_even,
    )


def sentences(found: Recommendation) -> Iterator[str]:
    """The recommendation for people, the most important sentence first."""
    policy, expected, everything = found.policy, found.expected, found.all_rounds
    undecided = [part for part in (*found.by_score, *found.by_value) if part.is_undecided]
    yield f"Recommended: {_words(policy)}."
    for part in undecided:
        needed = part.effect.needed
        if needed is None:
            yield f"Too few to tell for {part.name}: as many are fixed as broken."
            continue
        share = len(part.records) / expected.records
        yield (
            f"Too few to tell for {part.name}, so it gets none: a sample of about "
            f"{round(needed / share):,} would do."
        )
    harm, most = expected.broken_interval, everything.broken_interval
    yield (
        f"Expected harm: {percent(expected.broken / expected.records)} ({percent(harm.low)} to "
        f"{percent(harm.high)}); of all rounds for all: "
        f"{percent(everything.broken / everything.records)} ({percent(most.low)} to "
        f"{percent(most.high)})."
    )
    yield (
        f"Expected win rate: {percent(expected.win_rate)}, of all rounds for all "
        f"{percent(everything.win_rate)}; tokens: {expected.tokens:,.0f} a draft, of all rounds "
        f"{everything.tokens:,.0f}."
    )


def policy_toml(policy: Policy, comments: list[str]) -> str:
    """The policy as the text of its file."""
    lines = [*(f"# {comment}" for comment in comments), f"rounds = {policy.rounds}"]
    if policy.unscored is not None:
        lines.append(f"unscored = {policy.unscored}")
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
    return "; ".join([*parts, f"{_rounds(policy.rounds)} {above}"])


def _rounds(number: int) -> str:
    return "1 round" if number == 1 else f"{number or 'no'} rounds"
