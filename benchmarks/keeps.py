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
    """A text with small numbers in words, except in quotations."""
    parts = re.split(r"(\"[^\"\n]+\")", text)
    return "".join(
        part if part.startswith('"') else _SMALL_NUMBER.sub(lambda one: _SMALL[one[0]], part)
        for part in parts
    )


def _edited(text: str) -> str:
    text = _with_other_words(text)
    text = re.sub(r"\"([^\"\n]+)\"", "\u201c\\1\u201d", text)
    text = _GROUPED.sub("", text)
    text = re.sub(r"^\d+[.)] ", "- ", text, flags=re.MULTILINE)
    text = re.sub(r"\*\*([^*\n]+)\*\*", r"\1", text)
    text = text.replace(" do not ", " don't ").replace(" it's ", " it is ")
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
    """False alarms by kind, and of all kinds together."""
    failed = {kind: len(list(alarms(pairs, kind))) for kind in KINDS}
    together = sum(not Keeps().result(pair.before, pair.after).passed for pair in pairs)
    return {"pairs": len(pairs), "failed": {**failed, "all": together}}


def rates(found: dict[str, Any]) -> dict[str, str]:
    """Shares of the pairs that failed, in percent."""
    return {kind: f"{count / found['pairs']:.1%}" for kind, count in found["failed"].items()}


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
