r"""A spelling checker without any model, on the same texts: what a proofreader has to beat.

    python -m benchmarks.proofreading.spelling [--data FOLDER]

Each unknown word becomes the checker's first suggestion; names and abbreviations stay. It needs
`pip install pyspellchecker` (MIT). Writes `benchmarks/results/proofreading-spelling.json`.
"""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import version
from typing import Any

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.jfleg.sentences import read_sentences
from benchmarks.proofreading.answers import answers
from benchmarks.proofreading.counting import outcome_of
from benchmarks.proofreading.examples import examples
from benchmarks.proofreading.figures import answers_figures, generated_figures, jfleg_figures
from benchmarks.proofreading.wording import as_written
from benchmarks.saving import save
from revloop.engines.english.lines import passages

NAME = "proofreading-spelling"
DISTANCE = 1
"""Letters by which a suggestion may differ."""

_WORD = re.compile(r"\b[A-Za-z]+\b(?!['\u2019])")
_SENTENCE_ENDS = (". ", "! ", "? ")
_SHORTEST = 4


class SpellingCorrector:
    """Replaces unknown words.

    Args:
        checker: A `spellchecker.SpellChecker`.
    """

    def __init__(self, checker: Any) -> None:
        self._checker = checker
        self._known: dict[str, str] = {}

    def corrected(self, text: str) -> str:
        """The text with each unknown word replaced."""
        return _WORD.sub(self._replacement, text)

    def _replacement(self, match: re.Match[str]) -> str:
        word, before = match[0], match.string[: match.start()]
        is_name = word[0].isupper() and bool(before) and not before.endswith(_SENTENCE_ENDS)
        if is_name or len(word) < _SHORTEST or not word[1:].islower():
            return word
        if word not in self._known:
            self._known[word] = self._suggestion(word)
        return self._known[word]

    def _suggestion(self, word: str) -> str:
        if self._checker.known([word]):
            return word
        found = self._checker.correction(word.lower()) or word
        return found.capitalize() if word[0].isupper() else found


def main() -> None:
    """Correct all texts, and count."""
    parser = command_parser(__doc__)
    add_data_option(parser, "the folders jfleg and fastchat80")
    parser.add_argument("--texts", type=int, default=200, help="texts with known mistakes")
    parser.add_argument("--every", type=int, default=1, help="read one of so many answers")
    given = parser.parse_args()
    checker = import_module("spellchecker").SpellChecker(distance=DISTANCE)
    corrected = SpellingCorrector(checker).corrected
    drawn = list(examples(given.texts, seed=0, part="measuring"))
    sentences = read_sentences(given.data / "jfleg", "test")
    read = answers(given.data / "fastchat80", given.every)
    lines = [(name, text[start:end]) for name, text in read for start, end in passages(text)]
    found = {
        "pyspellchecker": version("pyspellchecker"),
        "distance": DISTANCE,
        "generated": generated_figures(
            drawn, [outcome_of(example, corrected(example.text)) for example in drawn]
        ),
        "jfleg": jfleg_figures(sentences, [corrected(as_written(one.source)) for one in sentences]),
        "answers": answers_figures(lines, [corrected(line) for _, line in lines]),
    }
    save(NAME, found)


if __name__ == "__main__":
    main()
