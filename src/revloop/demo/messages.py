"""Everyday messages: facts, prompts that state them, good messages and corrupted drafts.

All randomness comes from the caller's `random.Random`, so a seed identifies a data set.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from revloop.demo.phrases import (
    CLOSINGS,
    CODAS,
    DAYS,
    FIELDS,
    GREETINGS,
    HELD_OUT,
    KINDS,
    ONSETS,
    TRAIN,
    VOWELS,
    Vocabulary,
)

if TYPE_CHECKING:
    from random import Random

FAULT_KINDS = ("name", "thing", "time", "spelling", "closing", "repeated", "mechanics")
FAULT_FREE_SHARE = 0.1
MOST_FAULTS = 5

_PROMPT = (
    "Write a {kind}, one sentence a line.\n"
    "Name: {name}\nThing: {colour} {thing}\nDay: {day}\nTime: {time}"
)
_PROMPT_PATTERN = re.compile(
    r"Write an? (?P<kind>[a-z -]+), one sentence a line\.\n"
    r"Name: (?P<name>\S+)\nThing: (?P<colour>\S+) (?P<thing>\S+)\n"
    r"Day: (?P<day>\S+)\nTime: (?P<time>\S+ [ap]m)"
)


@dataclass(frozen=True)
class Facts:
    """The content of a message."""

    kind: str
    name: str
    colour: str
    thing: str
    day: str
    time: str

    def prompt(self) -> str:
        """The prompt for the message, which states its facts."""
        text = _PROMPT.format(**asdict(self))
        return (
            text.replace("Write a a", "Write an a")
            .replace("Write a i", "Write an i")
            .replace("Write a o", "Write an o")
        )

    def fill(self, phrasing: str) -> str:
        """A phrasing with the facts filled in."""
        return phrasing.format(**asdict(self))

    @classmethod
    def from_prompt(cls, prompt: str) -> Facts:
        """Read the facts from a prompt.

        Raises:
            ValueError: The prompt is not of this domain.
        """
        match = _PROMPT_PATTERN.fullmatch(prompt.strip())
        if match is None or match["kind"] not in KINDS:
            raise ValueError(
                "not a prompt of the demo domain: it does not state kind, name, thing, day and time"
            )
        return cls(**match.groupdict())


def phrasings(facts: Facts) -> tuple[tuple[str, ...], ...]:
    """The phrasings of each role in a message of this kind."""
    return (GREETINGS, *KINDS[facts.kind], CLOSINGS)


def _own_words() -> tuple[str, ...]:
    sentences = " ".join(option for roles in KINDS.values() for role in roles for option in role)
    return tuple(sorted(set(re.findall(r"(?<!\{)\b[A-Za-z]{3,}\b", " ".join((sentences, *KINDS))))))


OWN_WORDS = _own_words()


def _syllable(rng: Random) -> str:
    """An onset and a vowel, or sometimes a slice of a word from the phrasings.

    The tokenizer's merges come from the phrasings, so the slices cover the larger tokens that a
    field can contain.
    """
    if rng.random() < 0.2:
        word = rng.choice(OWN_WORDS).lower()
        start = rng.randrange(len(word) - 1)
        return word[start : start + rng.randint(2, 5)]
    return rng.choice(ONSETS) + rng.choice(VOWELS)


def made_up_word(rng: Random) -> str:
    """A word that is in no dictionary, so that only copying reproduces it."""
    word = "".join(_syllable(rng) for _ in range(rng.choice((1, 2, 2, 2, 3))))
    if rng.random() < 0.15:
        word = rng.choice((rng.choice(VOWELS), rng.choice(OWN_WORDS).lower())) + word
    if rng.random() < 0.6 or len(word) < 3:
        word += rng.choice(CODAS)
    return word + (rng.choice("aeiosy") if rng.random() < 0.15 else "")


def near_word(word: str, rng: Random) -> str:
    """The word with one letter dropped, doubled, changed or swapped with the next."""
    for _ in range(20):
        place = rng.randrange(1, len(word))
        edit = rng.choice(("drop", "double", "swap", "change"))
        if edit == "drop":
            changed = word[:place] + word[place + 1 :]
        elif edit == "double":
            changed = word[:place] + word[place] + word[place:]
        elif edit == "swap":
            changed = word[: place - 1] + word[place] + word[place - 1] + word[place + 1 :]
        else:
            changed = word[:place] + rng.choice("abcdefghiklmnoprstuvwy") + word[place + 1 :]
        if changed.lower() != word.lower() and changed:
            return changed
    return word + word[-1]


@dataclass(frozen=True)
class WordSource:
    """Source of the words in fields.

    Args:
        vocabulary: The real words.
        made_up: Share of made-up names, colours and things.
        near: Share of wrong words that differ from the right one by a single letter.
    """

    vocabulary: Vocabulary = TRAIN
    made_up: float = 0.0
    near: float = 0.0

    def word(self, field: str, rng: Random) -> str:
        """A word for the field."""
        if field == "day":
            return rng.choice(DAYS)
        if field == "time":
            return clock(rng)
        if rng.random() < self.made_up:
            word = made_up_word(rng)
            return word.capitalize() if field == "name" else word
        words: tuple[str, ...] = getattr(self.vocabulary, field + "s")
        return rng.choice(words)

    def facts(self, rng: Random) -> Facts:
        """The facts of a new message."""
        kind = rng.choice(sorted(KINDS))
        return Facts(kind, *(self.word(field, rng) for field in FIELDS))

    def wrong_word(self, field: str, right: str, rng: Random) -> str:
        """A wrong word for the field."""
        if field not in ("day", "time") and rng.random() < self.near:
            return near_word(right, rng)
        while True:
            word = self.word(field, rng)
            if word != right:
                return word


HELD_OUT_SOURCE = WordSource(vocabulary=HELD_OUT)


def clock(rng: Random) -> str:
    """A time of day, such as `4:30 pm`."""
    minutes = rng.choice(("", "", ":15", ":30", ":45"))
    return f"{rng.randint(1, 12)}{minutes} {rng.choice(('am', 'pm'))}"


def write(facts: Facts, rng: Random) -> str:
    """A good message: one phrasing for each role, no faults."""
    return "\n".join(facts.fill(rng.choice(options)) for options in phrasings(facts))


@dataclass
class _MessageLines:
    """The lines of a message during corruption."""

    templates: list[str]
    values: dict[str, str]
    facts: Facts

    def text(self) -> str:
        return "\n".join(line.format(**self.values) for line in self.templates)


def corrupt(facts: Facts, rng: Random, faults: int, source: WordSource) -> str:
    """A message with a number of faults, each in a different place.

    Args:
        facts: The content of the message.
        rng: Source of randomness.
        faults: Number of faults, 0 to 5.
        source: Source of wrong words.
    """
    lines = _MessageLines(
        [rng.choice(options) for options in phrasings(facts)], asdict(facts), facts
    )
    wanted = _choose_faults(rng, faults)
    for fault in wanted:
        if fault in FIELDS:
            lines.values[fault] = source.wrong_word(fault, getattr(facts, fault), rng)
    misspell_places = rng.sample(range(1, 4), wanted.count("spelling"))
    for place in misspell_places:
        lines.templates[place] = misspell(lines.templates[place], rng)
    if "closing" in wanted:
        del lines.templates[-1]
    finished = lines.text().split("\n")
    for fault, place in zip(("capital", "stop"), rng.sample(range(4), 2), strict=True):
        if fault in wanted:
            line = finished[place]
            finished[place] = line[0].lower() + line[1:] if fault == "capital" else line[:-1]
    if "repeated" in wanted:
        place = rng.randint(1, 3)
        finished.insert(rng.choice((place + 1, rng.randint(place + 1, 4))), finished[place])
    return "\n".join(finished)


_SITES = {
    "name": ("name",),
    "thing": ("colour", "thing"),
    "time": ("day", "time"),
    "spelling": ("spelling", "spelling"),
    "closing": ("closing",),
    "repeated": ("repeated",),
    "mechanics": ("capital", "stop"),
}


def _choose_faults(rng: Random, count: int) -> list[str]:
    """The places to corrupt: a kind at random, then an unused place of that kind."""
    left = {kind: list(sites) for kind, sites in _SITES.items()}
    chosen: list[str] = []
    while len(chosen) < count:
        kind = rng.choice([kind for kind in FAULT_KINDS if left[kind]])
        chosen.append(left[kind].pop(rng.randrange(len(left[kind]))))
    return chosen


def misspell(phrasing: str, rng: Random) -> str:
    """The phrasing with one word misspelt: of four letters or more, and not the first."""
    words = phrasing.split(" ")
    places = [
        i for i, word in enumerate(words) if i and len(word.rstrip(".")) >= 4 and "{" not in word
    ]
    place = rng.choice(places)
    body = words[place].rstrip(".")
    tail = words[place][len(body) :]
    words[place] = near_word(body, rng) + tail
    return " ".join(words)


@dataclass(frozen=True)
class MessageDraft:
    """A prompt and a response to revise."""

    facts: Facts
    response: str

    @property
    def prompt(self) -> str:
        """The prompt that the response answers."""
        return self.facts.prompt()


def draw_draft(
    rng: Random, source: WordSource, *, faults: tuple[int, int] | None = None
) -> MessageDraft:
    """A draft of the domain.

    Args:
        rng: Source of randomness.
        source: Source of words.
        faults: Fewest and most faults, uniformly distributed. None: one draft in ten has no fault,
            the others one to five.
    """
    facts = source.facts(rng)
    if faults is None and rng.random() < FAULT_FREE_SHARE:
        number = 0
    else:
        number = rng.randint(*(faults or (1, MOST_FAULTS)))
    return MessageDraft(facts, corrupt(facts, rng, number, source))
