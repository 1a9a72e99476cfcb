"""A policy from a pilot against all rounds for all, on strong, middling and weak demo drafts.

    python -m benchmarks.pilots                                                  half an hour
    python -m benchmarks.pilots --recorded benchmarks/results/pilots-records.csv      seconds

A third of the drafts have no fault, a third one or two, a third four or five. The demo's critic
revises all of them for five rounds, and the exact judge compares each round with the draft. Then,
for each seed, a pilot is drawn from these recorded trajectories: its policy is applied to all
others, and what the pilot says of all rounds (win rate, harm, with their 95% intervals) is compared
with what all rounds did to the others. With `--obeyed`, the first seed's policy then runs for real:
`revloop batch --policy` on some drafts outside its pilot. Writes `benchmarks/results/pilots.json`,
and the recorded trajectories beside it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from benchmarks.arguments import command_parser
from benchmarks.pilot_records import read_records, write_records
from benchmarks.product import revloop
from benchmarks.saving import FOLDER, save
from revloop.demo import demo_drafts
from revloop.evaluation import stored_judges
from revloop.pilot import Planned, effect_of, planned, policy_toml, recommend, records_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop import Draft
    from revloop.pilot import Effect, PilotRecord

NAME = "pilots"
RECORDS = "pilots-records.csv"
ROUNDS = 5
STRENGTHS = {"strong": (0, 0), "middling": (1, 2), "weak": (4, 5)}
_SEED = 4
"""No other experiment's drafts."""


def mixed_drafts(count: int) -> list[Draft]:
    """As many drafts of each strength, in random order; the field ``strength`` names it."""
    each = count // len(STRENGTHS)
    drafts = [
        draft.model_copy(update={"id": f"{name}-{draft.id}", "extra": {"strength": name}})
        for name, faults in STRENGTHS.items()
        for draft in demo_drafts(each, seed=_SEED, faults=faults)
    ]
    Random(_SEED).shuffle(drafts)
    return drafts


def write_drafts(path: Path, drafts: Sequence[Draft]) -> None:
    """Write drafts with their fields as the rows of a batch."""
    lines = [draft.model_dump_json(exclude={"extra", "messages"}) for draft in drafts]
    strengths = [draft.extra["strength"] for draft in drafts]
    rows = [
        f'{line[:-1]},"strength":"{strength}"}}'
        for line, strength in zip(lines, strengths, strict=True)
    ]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def revised(drafts: Sequence[Draft], folder: Path, name: str, *options: str) -> Path:
    """The store of a batch of drafts, judged."""
    write_drafts(folder / f"{name}.jsonl", drafts)
    out = folder / f"{name}-revised.jsonl"
    rounds = ("--iterations", str(ROUNDS))
    revloop("batch", str(folder / f"{name}.jsonl"), str(out), "--model", "demo", *rounds, *options)
    store = out.with_name(f"{out.name}.sqlite")
    revloop("evaluate", str(store), "--judge", "demo")
    return store


def records_in(store: Path) -> list[PilotRecord]:
    """The judged drafts of a store."""
    return records_of(store, stored_judges(store), ROUNDS, "strength").records


def figures(effect: Effect) -> dict[str, Any]:
    """An effect, ready for JSON."""
    interval, harm = effect.win_rate_interval, effect.broken_interval
    return {
        "drafts": effect.records,
        "fixed": effect.fixed,
        "harmed": effect.broken,
        "harm_interval": [round(end, 4) for end in harm],
        "win_rate": round(effect.win_rate, 4),
        "win_rate_interval": interval and [round(end, 4) for end in interval],
        "tokens_a_draft": round(effect.tokens, 1),
    }


def one_pilot(records: Sequence[PilotRecord], sample: int, seed: int) -> dict[str, Any]:
    """A pilot of some records: its policy on the others, and whether it foretold their figures."""
    numbers = Random(f"pilot {seed}").sample(range(len(records)), sample)
    drawn = [records[number] for number in numbers]
    rest = [one for number, one in enumerate(records) if number not in set(numbers)]
    found = recommend(drawn, ROUNDS)
    obeyed = [planned(one, found.policy, ROUNDS) for one in rest]
    policy = effect_of(obeyed)
    everything = effect_of([Planned(one, ROUNDS) for one in rest])
    left = effect_of([one for one in obeyed if one.record.value == "strong"])
    interval, harm = found.all_rounds.win_rate_interval, found.all_rounds.broken_interval
    share = everything.broken / everything.records
    return {
        "policy": found.policy.model_dump(exclude_defaults=True, mode="json"),
        "pilot, all rounds": figures(found.all_rounds),
        "the others, all rounds": figures(everything),
        "the others, policy": figures(policy),
        "strong drafts, policy": figures(left),
        "share_of_tokens": round(policy.tokens / everything.tokens, 4),
        "foretold_win_rate": bool(
            interval and interval.low <= everything.win_rate <= interval.high
        ),
        "foretold_harm": harm.low <= share <= harm.high,
    }


def run(options: Any, folder: Path) -> dict[str, Any]:
    """The figures of all pilots, and of the first one's policy run for real."""
    made = mixed_drafts(options.drafts)
    first = {draft.name for draft in made[: options.first]}
    if options.recorded is not None and options.recorded.suffix == ".csv":
        records = read_records(options.recorded)
    else:
        recorded = records_in(options.recorded or revised(made, folder, "all"))
        records = [one for one in recorded if one.name in first]
        write_records(FOLDER / RECORDS, records)
    sample = options.sample
    pilots = {str(seed): one_pilot(records, sample, seed) for seed in range(options.seeds)}
    return {
        "drafts": len(records),
        "sample": sample,
        "rounds": ROUNDS,
        "seeds": options.seeds,
        "foretold_win_rate": sum(one["foretold_win_rate"] for one in pilots.values()),
        "foretold_harm": sum(one["foretold_harm"] for one in pilots.values()),
        "by_round": {
            number: figures(effect_of([Planned(one, number) for one in records]))
            for number in range(1, ROUNDS + 1)
        },
        **(obeying(made, records, options, folder) if options.obeyed else {}),
        "pilots": pilots,
    }


def obeying(
    made: Sequence[Draft], records: Sequence[PilotRecord], options: Any, folder: Path
) -> dict[str, Any]:
    """The first seed's policy, run for real on some of the drafts outside its pilot."""
    numbers = set(Random("pilot 0").sample(range(len(records)), options.sample))
    policy = recommend([records[number] for number in numbers], ROUNDS).policy
    (folder / "policy.toml").write_text(policy_toml(policy, []), encoding="utf-8")
    others = [one for number, one in enumerate(records) if number not in numbers]
    names = {one.name for one in others[: options.obeyed]}
    drafts = [draft for draft in made if draft.name in names]
    obeyed = records_in(revised(drafts, folder, "rest", "--policy", str(folder / "policy.toml")))
    recorded = [one for one in records if one.name in {each.name for each in obeyed}]
    return {
        "revloop batch --policy, first seed": figures(
            effect_of([Planned(one, ROUNDS) for one in obeyed])
        ),
        "all rounds, the same drafts": figures(
            effect_of([Planned(one, ROUNDS) for one in recorded])
        ),
    }


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    parser.add_argument("--drafts", type=int, default=2200)
    parser.add_argument("--sample", type=int, default=200, help="drafts of a pilot")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument(
        "--obeyed", type=int, default=0, help="drafts of the run with a policy; 0: no run"
    )
    parser.add_argument(
        "--recorded",
        type=Path,
        help="judged store of all rounds for all drafts, or pilots-records.csv",
    )
    parser.add_argument("--first", type=int, help="drafts of it to use, from the first on")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="revloop-pilots-") as folder:
        save(NAME, run(options, Path(folder)))


if __name__ == "__main__":
    main()
