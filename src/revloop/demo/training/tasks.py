"""What the instruct base is trained on: single skills, each under a heading of its own.

To write a message, to repeat and compare words, to mark a message against its facts, to count and
to list its faults, to name what is in order, to correct it. The base never sees the layout of the
critic. That, and putting the skills together, is what the records teach.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from revloop.demo.critique import DemoCritique, mend, write_critique
from revloop.demo.judge import judge
from revloop.demo.messages import (
    OWN_WORDS,
    WordSource,
    draw_draft,
    made_up_word,
    near_word,
    write,
)
from revloop.demo.phrases import DAYS
from revloop.demo.training.tokenizer import END

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

WRITING_SHARE = 0.05
# To tell whether two words are the same is the hardest of the skills, and nothing true can be
# said without it. So the base begins with words, most of the time, and comes to messages as it
# goes.
WORDS_SHARE_FIRST, WORDS_SHARE_LAST, WORDS_EXAMPLES = 0.75, 0.15, 30_000
SUMMARY_SHARE = 0.7
# A count is one token among hundreds, and half of a critique's sense hangs on it.
COUNT_WEIGHT = 5.0
BASE_SOURCE = WordSource(made_up=0.65, near=0.2)


@dataclass(frozen=True)
class TaskExample:
    """A text in parts, each with its weight in the loss.

    Args:
        parts: pairs of text and weight, 0 for what is given; cut only at line breaks.

    """

    parts: tuple[tuple[str, float], ...]


def base_examples(rng: Random, start: int = 0) -> Iterator[TaskExample]:
    """The endless text that the base is trained on.

    Args:
        rng: where the choices come from.
        start: how many examples were drawn before, when a training goes on.
    """
    for made in count(start):
        kind = rng.random()
        first = max(0.0, 1.0 - made / WORDS_EXAMPLES)
        words_share = WORDS_SHARE_LAST + (WORDS_SHARE_FIRST - WORDS_SHARE_LAST) * first
        if kind < words_share:
            yield _words_example(rng)
        elif kind < words_share + WRITING_SHARE:
            draft = draw_draft(rng, BASE_SOURCE)
            yield TaskExample(
                (
                    (_heading("Prompt", draft.prompt) + "### Response:\n", 0.0),
                    (write(draft.facts, rng) + END, 1.0),
                )
            )
        else:
            yield _message_example(rng)


def _heading(title: str, text: str) -> str:
    return f"### {title}:\n{text}\n\n"


def _words_example(rng: Random) -> TaskExample:
    """Repeats or compares words, known ones and words that no dictionary has."""
    words = [_some_word(rng) for _ in range(rng.randint(5, 15))]
    if rng.random() < 0.1:
        asked, answer = "Repeat these words: " + " ".join(words), " ".join(words)
    else:
        pairs = [(word, word if rng.random() < 0.5 else _other(word, rng)) for word in words]
        asked = "Compare these words: " + ", ".join(f"{first} {second}" for first, second in pairs)
        marks = [
            f"{second} (want {first}, {'right' if first == second else 'fault'})"
            for first, second in pairs
        ]
        answer = " ".join(marks)
    return TaskExample(
        ((_heading("Prompt", asked) + "### Response:\n", 0.0), (f" {answer}{END}", 1.0))
    )


def _some_word(rng: Random) -> str:
    kind = rng.random()
    if kind < 0.4:
        return rng.choice(OWN_WORDS)
    if kind < 0.5:
        return rng.choice(DAYS)
    word = made_up_word(rng)
    return word.capitalize() if rng.random() < 0.4 else word


def _other(word: str, rng: Random) -> str:
    """Another word of the same sort; a made-up one differs now and then by a letter."""
    if word in DAYS or word in OWN_WORDS:
        return rng.choice(
            [other for other in (DAYS if word in DAYS else OWN_WORDS) if other != word]
        )
    if rng.random() < 0.2 and len(word) > 1:
        return near_word(word, rng)
    other = made_up_word(rng)
    return other.capitalize() if word[0].isupper() else other


def _message_example(rng: Random) -> TaskExample:
    """A message with faults; then its marks and what they come to, and its correction."""
    draft = draw_draft(rng, BASE_SOURCE)
    critique = write_critique(draft.prompt, draft.response)
    faults = judge(draft.prompt, draft.response).count
    marked = [
        (_heading("Marked response", critique.reading), 1.0),
        *_summary(critique, faults, rng),
    ]
    corrected = [(_heading("Corrected message", mend(draft.prompt, draft.response)), 1.0)]
    sections = corrected + marked if rng.random() < 0.2 else marked + corrected
    last, weight = sections.pop()
    context = _heading("Prompt", draft.prompt) + _heading("Response", draft.response)
    return TaskExample(((context, 0.0), *sections, (last.rstrip("\n") + END, weight)))


def _summary(critique: DemoCritique, faults: int, rng: Random) -> list[tuple[str, float]]:
    """What the marks come to, in some order: how many faults, which ones, and what is in order."""
    sections = [
        (_heading("Number of faults", str(faults)), COUNT_WEIGHT),
        (_heading("In order", critique.positive), 1.0),
        (_heading("Faults", critique.negative), 1.0),
    ]
    return [
        section for section in rng.sample(sections, len(sections)) if rng.random() < SUMMARY_SHARE
    ]
