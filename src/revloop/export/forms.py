"""The forms of training data: from a trajectory to its rows.

Column names and types are TRL's (its page "Dataset formats"), conversational and standard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from revloop.export.negatives import hard_negatives
from revloop.export.pairs import (
    EQUAL,
    NOT_COMPARED,
    PreferencePair,
    filtered,
    pairs_of_versions,
    preferred,
)
from revloop.records import Finding, record_of_round, records_of_people
from revloop.rows.columns import VERSION_COLUMNS, Columns

if TYPE_CHECKING:
    from collections import Counter

    from revloop.export.options import ExportOptions
    from revloop.export.preferences import Preferences
    from revloop.records import PersonFeedback
    from revloop.trajectory import Draft, Trajectory, Version

Row = Mapping[str, Any]

CONTRADICTORY = "texts that won one pair and lost another"
NOT_WON = "kept versions that are not preferred to the original"
NO_WIN = "rounds whose revision did not win"
NO_RECORD = "rounds that make no feedback record"


class FormContext(NamedTuple):
    """What a form needs besides a trajectory.

    Attributes:
        options: The user's choices.
        preferences: Decides which version is better; None where the form needs no preference.
        left_out: Counts what makes no row, by reason.
        of_people: Feedback of people by the trajectory's id; each is used once.
    """

    options: ExportOptions
    preferences: Preferences | None
    left_out: Counter[str]
    of_people: dict[str, list[PersonFeedback]]


MakeRows = Callable[["Trajectory", FormContext], Iterator[Row]]


@dataclass(frozen=True, slots=True)
class TrainingForm:
    """A form of training data.

    Attributes:
        make: From a finished trajectory with a prompt to its rows.
        chat: Its columns with chat messages.
        plain: Its columns with plain texts.
        options: The options of the form that have an effect on it.
        compares: Whether it needs to know which of two versions is better; None: if an option of
            preferences is given.
        is_jsonl: Whether only JSONL is written.
        make_of_people: From any trajectory to the rows of what people wrote on it.
    """

    make: MakeRows
    chat: Columns
    plain: Columns
    options: frozenset[str]
    compares: bool | None = True
    is_jsonl: bool = False
    make_of_people: MakeRows | None = None

    def columns(self, options: ExportOptions) -> Columns:
        """Its columns, as the options choose."""
        return self.chat if options.chat else self.plain

    def needs_preferences(self, options: ExportOptions) -> bool:
        """Whether it needs to know which of two versions is better."""
        if self.compares is None:
            return bool(_DECIDES & {name for name, value in options.given.items() if value != ()})
        return self.compares


def _versions(trajectory: Trajectory, _context: FormContext) -> Iterator[Row]:
    yield from trajectory.to_rows()


def _sft(trajectory: Trajectory, context: FormContext) -> Iterator[Row]:
    """The kept version; where preferences count, only if it is preferred to the original."""
    kept, first = trajectory.versions[trajectory.kept], trajectory.versions[0]
    why = filtered(trajectory, kept, first, context.options)
    if not why and context.preferences is not None:
        if kept.text == first.text:
            why = EQUAL
        else:
            decision = context.preferences.decide(trajectory, first, kept)
            why = "" if decision.wins > 0 else NOT_WON if decision.is_known else NOT_COMPARED
    if why:
        context.left_out[why] += 1
        return
    named = {"id": trajectory.draft.name}
    if context.options.chat:
        answer = {"role": "assistant", "content": kept.text}
        yield {**named, "messages": [*_turns(trajectory.draft), answer]}
    else:
        yield {**named, "prompt": trajectory.draft.prompt_text, "completion": kept.text}


def _dpo(trajectory: Trajectory, context: FormContext) -> Iterator[Row]:
    for pair in _pairs(trajectory, context):
        yield _pair_row(trajectory.draft, pair, context)


def _reward(trajectory: Trajectory, context: FormContext) -> Iterator[Row]:
    for pair in _pairs(trajectory, context):
        yield {**_pair_row(trajectory.draft, pair, context), "margin": pair.margin}


def _kto(trajectory: Trajectory, context: FormContext) -> Iterator[Row]:
    """The texts of the pairs, each once; one that won and lost has no label."""
    labels: dict[str, tuple[int, set[bool]]] = {}
    for pair in _pairs(trajectory, context):
        for text, round_, label in (
            (pair.chosen, pair.chosen_round, True),
            (pair.rejected, pair.rejected_round, False),
        ):
            labels.setdefault(text, (round_, set()))[1].add(label)
    for text, (round_, found) in labels.items():
        if len(found) > 1:
            context.left_out[CONTRADICTORY] += 1
            continue
        yield {
            "id": trajectory.draft.name,
            "round": round_,
            "prompt": _prompt(trajectory.draft, context),
            "completion": _answer(text, context),
            "label": found == {True},
        }


def _steps(trajectory: Trajectory, context: FormContext) -> Iterator[Row]:
    """A row for a trajectory, up to the first round that nobody judged."""
    rounds: list[tuple[Version, str]] = []
    for version in trajectory.versions[1:]:
        verdict = _verdict(trajectory, version, context)
        if verdict is None:
            context.left_out["rounds from the first one that nobody compared"] += (
                trajectory.rounds - len(rounds)
            )
            break
        rounds.append((version, verdict))
    if rounds:
        yield {
            "id": trajectory.draft.name,
            "prompt": trajectory.draft.prompt_text,
            "response": trajectory.original,
            "critiques": [v.critique.raw if v.critique else "" for v, _ in rounds],
            "completions": [version.text for version, _ in rounds],
            "verdicts": [verdict for _, verdict in rounds],
            "labels": [verdict == "better" for _, verdict in rounds],
        }


def _of_people(trajectory: Trajectory, context: FormContext) -> Iterator[Row]:
    """What people wrote on the versions, as records."""
    of_people = list(records_of_people([trajectory], context.of_people))
    context.of_people.pop(trajectory.id, None)
    for entry in of_people:
        if isinstance(entry, Finding):
            context.left_out[NO_RECORD] += 1
        else:
            yield entry.record.model_dump(exclude_defaults=True)


def _critic(trajectory: Trajectory, context: FormContext) -> Iterator[Row]:
    """The rounds whose revision is preferred to the version that it revises, as records."""
    for version in trajectory.versions[1:]:
        verdict = _verdict(trajectory, version, context)
        if verdict != "better":
            context.left_out[NOT_COMPARED if verdict is None else NO_WIN] += 1
            continue
        entry = record_of_round(0, trajectory, version)
        if isinstance(entry, Finding) or not entry.record.has_critique:
            context.left_out[NO_RECORD] += 1
            continue
        yield entry.record.model_dump(exclude_defaults=True)


def _verdict(trajectory: Trajectory, version: Version, context: FormContext) -> str | None:
    """Whether a round made its text "better", "worse" or neither ("tie"); None if unknown."""
    base = trajectory.base_of(version)
    if base.text == version.text:
        return "tie"
    pair, why = preferred(trajectory, base, version, _known(context), context.options)
    if pair is not None:
        return "better" if pair.chosen_round == version.round else "worse"
    return None if why == NOT_COMPARED else "tie"


def _pairs(trajectory: Trajectory, context: FormContext) -> Iterator[PreferencePair]:
    options, left_out = context.options, context.left_out
    yield from pairs_of_versions(trajectory, _known(context), options, left_out)
    if options.hard_negatives:
        yield from hard_negatives(trajectory, options, left_out)


def _pair_row(draft: Draft, pair: PreferencePair, context: FormContext) -> dict[str, Any]:
    return {
        "id": draft.name,
        "chosen_round": pair.chosen_round,
        "rejected_round": pair.rejected_round,
        "prompt": _prompt(draft, context),
        "chosen": _answer(pair.chosen, context),
        "rejected": _answer(pair.rejected, context),
    }


def _known(context: FormContext) -> Preferences:
    if context.preferences is None:
        raise TypeError("This form needs preferences.")
    return context.preferences


def _prompt(draft: Draft, context: FormContext) -> object:
    return _turns(draft) if context.options.chat else draft.prompt_text


def _turns(draft: Draft) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.content} for turn in draft.conversation]


def _answer(text: str, context: FormContext) -> object:
    return [{"role": "assistant", "content": text}] if context.options.chat else text


_FILTERS = {"where", "sample", "seed"}
_DECIDES = {"prefer", "judge", "min_judges", "orders", "drop_ties"}
_PREFERENCE = {"max_length_ratio", "min_score_gain", *_DECIDES}
_PAIR = {"pairs", "hard_negatives"}
_OF_PAIR: Columns = {"id": "text", "chosen_round": "integer", "rejected_round": "integer"}
_CHAT_PAIR: Columns = {**_OF_PAIR, "prompt": "turns", "chosen": "turns", "rejected": "turns"}
_PLAIN_PAIR: Columns = {**_OF_PAIR, "prompt": "text", "chosen": "text", "rejected": "text"}
_KTO: Columns = {"id": "text", "round": "integer"}
_STEPS: Columns = {
    "id": "text",
    "prompt": "text",
    "response": "text",
    "critiques": "texts",
    "completions": "texts",
    "verdicts": "texts",
    "labels": "truths",
}

FORMS: dict[str, TrainingForm] = {
    "versions": TrainingForm(
        _versions, VERSION_COLUMNS, VERSION_COLUMNS, frozenset(_FILTERS), compares=False
    ),
    "sft": TrainingForm(
        _sft,
        {"id": "text", "messages": "turns"},
        {"id": "text", "prompt": "text", "completion": "text"},
        frozenset({"chat", *_FILTERS, *_PREFERENCE}),
        compares=None,
    ),
    "dpo": TrainingForm(
        _dpo, _CHAT_PAIR, _PLAIN_PAIR, frozenset({"chat", *_FILTERS, *_PREFERENCE, *_PAIR})
    ),
    "kto": TrainingForm(
        _kto,
        {**_KTO, "prompt": "turns", "completion": "turns", "label": "truth"},
        {**_KTO, "prompt": "text", "completion": "text", "label": "truth"},
        frozenset({"chat", *_FILTERS, *_PREFERENCE, *_PAIR}),
    ),
    "reward": TrainingForm(
        _reward,
        {**_CHAT_PAIR, "margin": "number"},
        {**_PLAIN_PAIR, "margin": "number"},
        frozenset({"chat", "pairs", *_FILTERS, *_PREFERENCE}),
    ),
    "steps": TrainingForm(
        _steps,
        _STEPS,
        _STEPS,
        frozenset({*_FILTERS, *_PREFERENCE}),
    ),
    "critic": TrainingForm(
        _critic,
        {},
        {},
        frozenset({*_FILTERS, *_PREFERENCE}),
        is_jsonl=True,
        make_of_people=_of_people,
    ),
}
"""The forms by name."""
