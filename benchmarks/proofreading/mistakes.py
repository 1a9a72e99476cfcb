"""Puts mistakes into good English, as people make them. Pure functions of a text and a `Random`.

A text is taken as words and what stands between them. Each kind of mistake proposes changes of a
place; kinds are drawn by weight, so that spelling, articles, agreement, number, prepositions, verb
forms, punctuation, capitals, and words too many, missing or run together come up about as often
as in the writing of learners.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.proofreading.lexicon import (
    AGREEMENT,
    AUXILIARIES,
    BEFORE_PARTICIPLE,
    BEFORE_PLURAL,
    CONFUSED,
    IRREGULAR,
    KEYBOARD,
    MISSPELT,
    NAMED,
    OFTEN_MISSING,
    PLURALS,
    PREPOSITIONS,
    REGULAR,
    SOUNDS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from random import Random

_PIECES = re.compile(r"\w+(?:[^\w\s]\w+)*|\s+|[^\w\s]")
_VOWELS = "aeiou"
_SHORTEST_MISSPELT = 4
_APART = 2


class Change(NamedTuple):
    """A change of a text's pieces: those from ``start`` to before ``end`` become ``new``."""

    start: int
    end: int
    new: str


class Mistake(NamedTuple):
    """A mistake, by the pieces of the good text that it replaces."""

    kind: str
    start: int
    end: int


class Corrupted(NamedTuple):
    """A text with mistakes, in the order of the text."""

    text: str
    mistakes: tuple[Mistake, ...]


def pieces_of(text: str) -> list[str]:
    """Words, blanks and marks; together they are the text."""
    return _PIECES.findall(text)


def corrupted(text: str, random: Random, count: int, known: frozenset[str]) -> Corrupted:
    """A text with up to ``count`` mistakes, no two of them at the same place.

    Args:
        text: Good English.
        random: Draws kinds and places.
        count: Number of mistakes; fewer if the text offers no more.
        known: Words in lower letters that no misspelling may produce.
    """
    pieces = pieces_of(text)
    proposals = {name: list(kind(pieces)) for name, (kind, _) in _KINDS.items()}
    proposals["spelling"] = list(_spelling(pieces, random, known))
    chosen: dict[Change, str] = {}
    weights = {name: weight for name, (_, weight) in _KINDS.items()} | {"spelling": 30}
    while len(chosen) < count and any(proposals.values()):
        names = [name for name, offered in proposals.items() if offered]
        name = random.choices(names, [weights[each] for each in names])[0]
        change = proposals[name].pop(random.randrange(len(proposals[name])))
        if all(
            change.start >= other.end + _APART or change.end + _APART <= other.start
            for other in chosen
        ):
            chosen[change] = name
    for change in sorted(chosen, reverse=True):
        pieces[change.start : change.end] = [change.new]
    made = (Mistake(chosen[change], change.start, change.end) for change in sorted(chosen))
    return Corrupted("".join(pieces), tuple(made))


def misspelt(word: str, random: Random, known: frozenset[str]) -> str | None:
    """A misspelling of a word that is no word itself, or None."""
    table = MISSPELT.get(word.lower())
    if table and random.random() < 0.6:
        return _cased(random.choice(table), word)
    makers = (_slip, _slip, _sound, _sound, _doubling)
    for _ in range(4):
        wrong = random.choice(makers)(word, random)
        if wrong and wrong != word and wrong.lower() not in known:
            return wrong
    return None


def _spelling(pieces: Sequence[str], random: Random, known: frozenset[str]) -> Iterator[Change]:
    for at, word in enumerate(pieces):
        if len(word) >= _SHORTEST_MISSPELT and word.isascii() and word.isalpha():
            wrong = misspelt(word, random, known)
            if wrong is not None:
                yield Change(at, at + 1, wrong)


def _slip(word: str, random: Random) -> str | None:
    """A slip of the fingers: never in the first letter."""
    at = random.randrange(1, len(word) - 1)
    kind = random.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[:at] + word[at] * 2 + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    near = KEYBOARD.get(word[at])
    return word[:at] + random.choice(near) + word[at + 1 :] if near else None


def _sound(word: str, random: Random) -> str | None:
    """Letters that sound alike, longer groups first."""
    found = [(right, wrong) for right, wrong in SOUNDS if word.find(right, 1) > 0]
    if not found:
        return None
    groups = [pair for pair in found if len(pair[0]) > 1]
    right, wrong = random.choice(groups or found)
    places = [match.start() for match in re.finditer(right, word) if match.start() > 0]
    at = random.choice(places)
    return word[:at] + wrong + word[at + len(right) :]


def _doubling(word: str, random: Random) -> str | None:
    """A double letter made single, or a consonant or final letter doubled."""
    doubles = [at for at in range(1, len(word)) if word[at] == word[at - 1]]
    if doubles:
        at = random.choice(doubles)
        return word[:at] + word[at + 1 :]
    places = [at for at in range(2, len(word)) if word[at] in "lmnprstc"]
    if not places:
        return None
    at = random.choice(places)
    return word[: at + 1] + word[at:]


def _agreement(pieces: Sequence[str]) -> Iterator[Change]:
    for at, word in enumerate(pieces):
        if word.lower() in AGREEMENT:
            yield Change(at, at + 1, _cased(AGREEMENT[word.lower()], word))
        elif _base_of_third_person(word) and _before(pieces, at) not in {"the", "a", "of"}:
            yield Change(at, at + 1, _base_of_third_person(word) or word)
        elif word in REGULAR and _before(pieces, at) in {
            *("i", "you", "we", "they", "people", "who", "that", "which", "students", "and"),
        }:
            yield Change(at, at + 1, _third_person(word))


def _number(pieces: Sequence[str]) -> Iterator[Change]:
    for at, word in enumerate(pieces):
        wrong = PLURALS.get(word.lower())
        if wrong and (word != "work" or _before(pieces, at) in {"hard", "of"}):
            yield from (Change(at, at + 1, _cased(one, word)) for one in wrong)
        elif _before(pieces, at) in BEFORE_PLURAL and word.endswith("s") and len(word) > 3:
            single = _single(word)
            if single:
                yield Change(at, at + 1, single)
        elif (
            _before(pieces, at) in {"a", "an", "each", "every", "one", "this"}
            and word.isalpha()
            and len(word) > 3
            and not word.endswith(("s", "ing", "ed", "y", "ly"))
            and _after(pieces, at)
            in {"of", "in", "to", "is", ".", ",", "that", "who", "and", "was"}
        ):
            yield Change(at, at + 1, word + "s")


def _articles(pieces: Sequence[str]) -> Iterator[Change]:
    for at, word in enumerate(pieces):
        low = word.lower()
        if low not in {"a", "an", "the"} or at + 2 >= len(pieces):
            continue
        following = pieces[at + 2]
        if word == low:
            yield Change(at, at + 2, "")
        else:
            yield Change(at, at + 3, following[:1].upper() + following[1:])
        if low != "the":
            yield Change(at, at + 1, _cased("an" if low == "a" else "a", word))
            yield Change(at, at + 1, _cased("the", word))


def _prepositions(pieces: Sequence[str]) -> Iterator[Change]:
    for at, word in enumerate(pieces):
        for wrong in PREPOSITIONS.get(word, ()):
            if word != "to" or _after(pieces, at) in {
                "the",
                "a",
                "my",
                "her",
                "his",
                "our",
                "your",
            }:
                yield Change(at, at + 1, wrong)


def _verb_forms(pieces: Sequence[str]) -> Iterator[Change]:
    for at, word in enumerate(pieces):
        before = _before(pieces, at)
        for base, (past, participle) in IRREGULAR.items():
            if base == "be":
                continue
            if word == participle and before in BEFORE_PARTICIPLE:
                yield Change(at, at + 1, past if past != participle else base)
                yield Change(at, at + 1, base)
            elif word == past and before not in BEFORE_PARTICIPLE:
                yield Change(at, at + 1, base)
                yield Change(at, at + 1, participle if participle != past else base + "ed")
        if before in AUXILIARIES and word in REGULAR:
            yield Change(at, at + 1, _ing(word))
            yield Change(at, at + 1, _third_person(word) if before != "to" else _past(word))
            if before in {"can", "will", "must", "should", "could", "would"}:
                yield Change(at, at + 1, f"to {word}")
        elif word.endswith("ed") and _base_of_past(word) in REGULAR:
            yield Change(at, at + 1, _base_of_past(word) or word)
        elif word.endswith("ing") and _base_of_ing(word) in REGULAR and before in BEFORE_PARTICIPLE:
            yield Change(at, at + 1, _base_of_ing(word) or word)


def _confusions(pieces: Sequence[str]) -> Iterator[Change]:
    for at, word in enumerate(pieces):
        for group in CONFUSED:
            if word.lower() in group:
                yield from (
                    Change(at, at + 1, _cased(other, word))
                    for other in group
                    if other != word.lower()
                )


def _punctuation(pieces: Sequence[str]) -> Iterator[Change]:
    for at, mark in enumerate(pieces):
        if mark in {",", "."}:
            yield Change(at, at + 1, "")
            yield Change(at, at + 1, " " + mark)
            if at + 2 < len(pieces):
                yield Change(at, at + 2, mark)
                yield Change(at, at + 1, "." if mark == "," else ",")
        elif "'" in mark:
            yield Change(at, at + 1, mark.replace("'", ""))
        elif mark in {"because", "when", "that", "if", "which"} and pieces[at - 1] == " ":
            yield Change(at - 1, at, ", ")


def _capitals(pieces: Sequence[str]) -> Iterator[Change]:
    for at, word in enumerate(pieces):
        if word in NAMED or word == "I" or (word[:1].isupper() and at):
            yield Change(at, at + 1, word.lower())
        elif word[:1].isupper():
            yield Change(at, at + 1, word[:1].lower() + word[1:])


def _repeats(pieces: Sequence[str]) -> Iterator[Change]:
    for at, word in enumerate(pieces):
        if word.isalpha() and word.islower() and len(word) <= 5:
            yield Change(at, at + 1, f"{word} {word}")


def _gaps(pieces: Sequence[str]) -> Iterator[Change]:
    for at, word in enumerate(pieces[:-2]):
        if word in OFTEN_MISSING and pieces[at + 1] == " ":
            yield Change(at, at + 2, "")


def _joints(pieces: Sequence[str]) -> Iterator[Change]:
    for at, blank in enumerate(pieces):
        if blank == " " and at and min(len(pieces[at - 1]), len(pieces[at + 1])) <= 3:
            yield Change(at, at + 1, "")
    for at, word in enumerate(pieces):
        for start in ("some", "any", "every", "with", "over", "under", "may", "how", "in", "my"):
            rest = word.removeprefix(start)
            if rest != word and rest in {*_WHOLE_ENDS}:
                yield Change(at, at + 1, f"{start} {rest}")


_WHOLE_ENDS = ("one", "body", "thing", "where", "times", "out", "in", "be", "ever", "self", "to")

_KINDS: dict[str, tuple[Callable[[Sequence[str]], Iterator[Change]], int]] = {
    "agreement": (_agreement, 11),
    "number": (_number, 9),
    "articles": (_articles, 11),
    "prepositions": (_prepositions, 6),
    "verb forms": (_verb_forms, 9),
    "confusions": (_confusions, 5),
    "punctuation": (_punctuation, 9),
    "capitals": (_capitals, 5),
    "repeats": (_repeats, 3),
    "gaps": (_gaps, 4),
    "joints": (_joints, 3),
}
"""Kinds of mistakes, with their weights; spelling has its own."""


def _before(pieces: Sequence[str], at: int) -> str:
    return pieces[at - 2].lower() if at >= 2 else ""


def _after(pieces: Sequence[str], at: int) -> str:
    following = [piece for piece in pieces[at + 1 : at + 3] if not piece.isspace()]
    return following[0].lower() if following else ""


def _cased(wrong: str, right: str) -> str:
    return wrong[:1].upper() + wrong[1:] if right[:1].isupper() else wrong


def _third_person(verb: str) -> str:
    if verb == "have":
        return "has"
    if verb.endswith(("s", "sh", "ch", "x", "o")):
        return verb + "es"
    return verb[:-1] + "ies" if verb.endswith("y") and verb[-2] not in _VOWELS else verb + "s"


def _base_of_third_person(word: str) -> str | None:
    return next((verb for verb in _candidates(word) if _third_person(verb) == word), None)


def _candidates(word: str) -> Iterator[str]:
    for ending, base in (("ies", "y"), ("es", ""), ("s", "")):
        if word.endswith(ending) and word.removesuffix(ending) + base in REGULAR:
            yield word.removesuffix(ending) + base


def _past(verb: str) -> str:
    if verb in IRREGULAR:
        return IRREGULAR[verb][0]
    if verb.endswith("y") and verb[-2] not in _VOWELS:
        return verb[:-1] + "ied"
    return verb + ("d" if verb.endswith("e") else "ed")


def _base_of_past(word: str) -> str | None:
    return next((verb for verb in _stems(word, "ed") if _past(verb) == word), None)


def _ing(verb: str) -> str:
    return (verb[:-1] if verb.endswith("e") and not verb.endswith("ee") else verb) + "ing"


def _base_of_ing(word: str) -> str | None:
    return next((verb for verb in _stems(word, "ing") if _ing(verb) == word), None)


def _stems(word: str, ending: str) -> Iterator[str]:
    stem = word.removesuffix(ending)
    for verb in (stem, stem + "e", stem[:-1] + "y"):
        if verb in REGULAR:
            yield verb


def _single(word: str) -> str | None:
    if word.endswith(("ss", "us", "is", "ous")):
        return None
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("shes", "ches", "sses", "xes")) else word[:-1]
