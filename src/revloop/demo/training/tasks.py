"""The training tasks of the instruct base: single skills, each under its own heading.

They are: write a message, repeat and compare words, mark a message against its facts, count and
list its faults, name what is right, correct it, as a new text or by edits. The base never sees the
critic's format; the records teach that, and how to combine the skills.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from revloop.demo.critique import DemoCritique, correct, write_critique
from revloop.demo.judge import judge
from revloop.demo.messages import (
    OWN_WORDS,
    MessageDraft,
    WordSource,
    draw_draft,
    made_up_word,
    near_word,
    write,
)
from revloop.demo.phrases import DAYS
from revloop.demo.training.tokenizer import END
from revloop.edits import edits_between, write_edits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

WRITING_SHARE = 0.05
# Comparing two words is the hardest skill, and all others need it. So training starts mostly with
# words and shifts to messages.
WORDS_SHARE_FIRST, WORDS_SHARE_LAST, WORDS_EXAMPLES = 0.75, 0.15, 30_000
SUMMARY_SHARE = 0.7
# A count is one token among hundreds, yet matters most in a critique.
COUNT_WEIGHT = 5.0
BASE_SOURCE = WordSource(made_up=0.65, near=0.2)


@dataclass(frozen=True)
class TaskExample:
    """A text in parts with loss weights.

    Args:
        parts: Pairs of text and weight (0 for the prompt), divided only at line breaks.
    """

    parts: tuple[tuple[str, float], ...]


def base_examples(
    rng: Random, start: int = 0, *, edits_share: float = 0.0
) -> Iterator[TaskExample]:
    """An endless stream of training examples.

    Args:
        rng: Source of randomness.
        start: Number of earlier examples, when a training is resumed.
        edits_share: Share of the messages that are corrected by edits.
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
            yield _message_example(rng, edits_share)


def _heading(title: str, text: str) -> str:
    return f"### {title}:\n{text}\n\n"


def _words_example(rng: Random) -> TaskExample:
    """Repeat or compare words, real and made-up ones."""
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
    """Another word of the same kind; made-up ones sometimes differ by a letter."""
    if word in DAYS or word in OWN_WORDS:
        return rng.choice(
            [other for other in (DAYS if word in DAYS else OWN_WORDS) if other != word]
        )
    if rng.random() < 0.2 and len(word) > 1:
        return near_word(word, rng)
    other = made_up_word(rng)
    return other.capitalize() if word[0].isupper() else other


def _message_example(rng: Random, edits_share: float) -> TaskExample:
    """A message with faults, its marks, their summary and its correction."""
    draft = draw_draft(rng, BASE_SOURCE)
    critique = write_critique(draft.prompt, draft.response)
    faults = judge(draft.prompt, draft.response).count
    marked = [
        (_heading("Marked response", critique.reading), 1.0),
        *_summary(critique, faults, rng),
    ]
    corrected = [_correction(draft, edits=bool(edits_share) and rng.random() < edits_share)]
    sections = corrected + marked if rng.random() < 0.2 else marked + corrected
    last, weight = sections.pop()
    context = _heading("Prompt", draft.prompt) + _heading("Response", draft.response)
    return TaskExample(((context, 0.0), *sections, (last.rstrip("\n") + END, weight)))


def _correction(draft: MessageDraft, *, edits: bool) -> tuple[str, float]:
    """A message without its faults, or the edits that remove them."""
    message = correct(draft.prompt, draft.response)
    if edits:
        return _heading("Edits", write_edits(edits_between(draft.response, message))), 1.0
    return _heading("Corrected message", message), 1.0


def _summary(critique: DemoCritique, faults: int, rng: Random) -> list[tuple[str, float]]:
    """A summary in random order: the number of faults, which ones, and what is right."""
    sections = [
        (_heading("Number of faults", str(faults)), COUNT_WEIGHT),
        (_heading("In order", critique.positive), 1.0),
        (_heading("Faults", critique.negative), 1.0),
    ]
    return [
        section for section in rng.sample(sections, len(sections)) if rng.random() < SUMMARY_SHARE
    ]
