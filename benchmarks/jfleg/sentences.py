"""JFLEG: sentences by learners of English, each with the revisions of four people.

C. Napoles, K. Sakaguchi, J. Tetreault: JFLEG, a fluency corpus and benchmark for grammatical error
correction, EACL 2017. The texts are CC BY-NC-SA 4.0 and no part of this project.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = 4


class Sentence(NamedTuple):
    """A sentence and its revisions, as words divided by blanks.

    Attributes:
        source: As the learner wrote it.
        references: The revisions, one of each person.
    """

    source: str
    references: tuple[str, ...]

    @property
    def unchanged(self) -> int:
        """How many people changed nothing."""
        return self.references.count(self.source)

    @property
    def is_good(self) -> bool:
        """Whether nobody changed it."""
        return self.unchanged == PEOPLE


def read_sentences(folder: Path, part: str) -> list[Sentence]:
    """The sentences of ``dev`` or ``test``.

    Args:
        folder: Has the files ``dev.src``, ``dev.ref0`` to ``dev.ref3``, and the same of ``test``.
        part: ``dev`` or ``test``.
    """
    sources = _lines(folder / f"{part}.src")
    people = [_lines(folder / f"{part}.ref{number}") for number in range(PEOPLE)]
    return [Sentence(*one) for one in zip(sources, zip(*people, strict=True), strict=True)]


def _lines(path: Path) -> list[str]:
    """The lines of a file, whose words are divided by single blanks."""
    text = path.read_text(encoding="utf-8").removesuffix("\n")
    return [" ".join(line.split()) for line in text.split("\n")]
