"""How often the check `keeps` fails a revision that took nothing away.

    python -m benchmarks.keeps --data FOLDER

Two kinds of pairs: learners' sentences with the corrections of four people each (JFLEG), and
FastChat's answers after edits that keep everything (other quotation marks, numbers in another form,
other list marks, emphasis removed, paragraphs exchanged). A failed check is a false alarm, except
that people correct the spelling of names, which counts as another name. It writes
`benchmarks/results/keeps.json`, in half a minute on one core.
"""

from __future__ import annotations

import re
from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.edits.pairs import Pair, jfleg_pairs
from benchmarks.saving import save
from benchmarks.speculation.traces import read_answers
from revloop.checks import Keeps
from revloop.checks.builtin.keeps import Kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KINDS = get_args(Kept)
SENTENCES, TEXTS, ANSWERS = "JFLEG, sentences", "JFLEG, ten sentences", "answers, light edits"
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}\b)")
_SMALL = {"2": "two", "3": "three", "4": "four", "5": "five", "10": "ten"}
_SMALL_NUMBER = re.compile(r"(?<![\w.,:/$#-])(2|3|4|5|10)(?= [a-z])")


def lightly_edited(text: str) -> str:
    """A text after edits that take nothing away; code stays as it is."""
    blocks = re.split(r"(^```.*?^```[^\n]*$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else _edited(part) for part in blocks)


def _with_other_words(text: str) -> str:
    """A text with small numbers in words and other contractions, except in quotations."""
    parts = re.split(r"(\"[^\"\n]+\")", text)
    return "".join(part if part.startswith('"') else _reworded(part) for part in parts)


def _reworded(text: str) -> str:
    text = text.replace(" do not ", " don't ").replace(" it's ", " it is ")
    return _SMALL_NUMBER.sub(lambda number: _SMALL[number[0]], text)


def _edited(text: str) -> str:
    text = _with_other_words(text)
    text = re.sub(r"\"([^\"\n]+)\"", "\u201c\\1\u201d", text)
    text = _GROUPED.sub("", text)
    text = re.sub(r"^\d+[.)] ", "- ", text, flags=re.MULTILINE)
    text = re.sub(r"\*\*([^*\n]+)\*\*", r"\1", text)
    paragraphs = text.split("\n\n")
    return "\n\n".join([*paragraphs[:1], *reversed(paragraphs[1:])])


def alarms(pairs: Iterable[Pair], kind: Kept) -> Iterator[tuple[str, Pair]]:
    """The messages of failed checks, with their pairs."""
    check = Keeps(kind)
    for pair in pairs:
        result = check.result(pair.before, pair.after)
        if not result.passed:
            yield result.message, pair


def figures(pairs: list[Pair]) -> dict[str, Any]:
    """Failed checks by kind, and of all kinds together."""
    failed = {kind: len(list(alarms(pairs, kind))) for kind in KINDS}
    together = sum(not Keeps().result(pair.before, pair.after).passed for pair in pairs)
    respelt = sum(is_respelt(message, pair) for message, pair in alarms(pairs, "names"))
    having = {kind: sum(1 for _ in alarms(_emptied(pairs), kind)) for kind in KINDS}
    return {
        "pairs": len(pairs),
        "with any": having,
        "failed": {**failed, "all": together},
        "names that are only spelt otherwise": respelt,
    }


def is_respelt(message: str, pair: Pair) -> bool:
    """Whether each missing name is in the revision with a few other letters."""
    missing = message.removesuffix(".").rpartition(": ")[2].split(", ")
    words = {word.casefold() for word in re.findall(r"\w+", pair.after)}
    return all(get_close_matches(name.casefold(), words, n=1, cutoff=0.7) for name in missing)


def _emptied(pairs: list[Pair]) -> Iterator[Pair]:
    return (pair._replace(after="") for pair in pairs)


def rates(found: dict[str, Any]) -> dict[str, str]:
    """Shares that failed, in percent, of the pairs with anything of a kind."""
    having = {**found["with any"], "all": found["pairs"]}
    return {
        kind: f"{count / having[kind]:.1%}" if having[kind] else "none"
        for kind, count in found["failed"].items()
    }


def main() -> None:
    """Count, and write the figures."""
    parser = command_parser(__doc__)
    add_data_option(parser, "fastchat80/ and jfleg/")
    parser.add_argument("--show", choices=KINDS, help="print the messages of one kind instead")
    options = parser.parse_args()
    answers = [one.response for of_model in read_answers(options.data).values() for one in of_model]
    sets = {
        SENTENCES: jfleg_pairs(options.data / "jfleg"),
        TEXTS: jfleg_pairs(options.data / "jfleg", sentences=10),
        ANSWERS: [Pair(answer, lightly_edited(answer)) for answer in answers],
    }
    if options.show:
        for name, pairs in sets.items():
            counted = Counter(message for message, _ in alarms(pairs, options.show))
            for message, times in counted.most_common(40):
                print(f"{name}  {times}  {message}")
        return
    counts = {name: figures(pairs) for name, pairs in sets.items()}
    save("keeps", {"sets": counts, "rates": {name: rates(one) for name, one in counts.items()}})


if __name__ == "__main__":
    main()
