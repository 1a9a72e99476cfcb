"""Near duplicates and languages of records, each with an optional library.

Both libraries are light and come with the extra ``records``: rensa (MinHash and locality-sensitive
hashing in Rust) and py3langid (a naive Bayes model over byte n-grams, 4 MB, offline).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.errors import needs

if TYPE_CHECKING:
    from revloop.records.record import Record

HASHES = 128
_BANDS = (4, 8, 16, 32, 64, 128)
_SURE = 0.99
_SHINGLE_CHARACTERS = 5
_SEED = 1
_FEWEST_LETTERS = 20
_MOST_LETTERS = 500
_HINT = "pip install 'revloop[records]'"


class NearDuplicates:
    """Finds records that nearly repeat an earlier one.

    The likeness of two records is the Jaccard similarity of their runs of five characters, prompt,
    response, critique and revision together, estimated from 128 hashes (A. Broder, "On the
    resemblance and containment of documents", 1997): its standard error is at most 0.045.
    """

    def __init__(self, threshold: float) -> None:
        """Start without records.

        Args:
            threshold: The likeness, 0 to 1, from which two records are near duplicates.

        Raises:
            MissingExtraError: rensa is not installed.
        """
        with needs(f"Finding near duplicates needs rensa: {_HINT}."):
            import rensa
        self._threshold = threshold
        self._hash = rensa.RMinHash
        self._index = rensa.RMinHashLSH(threshold, HASHES, _bands(threshold))
        self._seen: dict[int, Any] = {}

    def like(self, line: int, record: Record) -> tuple[int, float] | None:
        """The line of the most similar earlier record and its likeness, if above the threshold."""
        hashed = self._hash(num_perm=HASHES, seed=_SEED)
        hashed.update(_shingles(record))
        alike = [(self._seen[seen].jaccard(hashed), -seen) for seen in self._index.query(hashed)]
        self._seen[line] = hashed
        self._index.insert(line, hashed)
        likeness, negated_line = max(alike, default=(0.0, 0))
        found = negated_line < 0 and likeness >= self._threshold
        return (-negated_line, likeness) if found else None


class LanguageDetector:
    """Detects the language of a text."""

    def __init__(self) -> None:
        """Load the model.

        Raises:
            MissingExtraError: py3langid is not installed.
        """
        with needs(f"Detecting languages needs py3langid: {_HINT}."):
            import py3langid
        self._classify = py3langid.classify
        self._rank = py3langid.rank

    @property
    def languages(self) -> frozenset[str]:
        """The codes of the languages that it tells apart."""
        return frozenset(code for code, _ in self._rank("a"))

    def language(self, text: str) -> str:
        """The ISO 639-1 code of the text's language; "und" if the text is too short."""
        if sum(map(str.isalpha, text)) < _FEWEST_LETTERS:
            return "und"
        code: str = self._classify(text[:_MOST_LETTERS])[0]
        return code


def _shingles(record: Record) -> list[str]:
    turns = [turn.content for turn in record.draft.conversation]
    parts = (*turns, record.response, record.critique_words, record.revision or "")
    text = " ".join(" ".join(parts).casefold().split())
    last = max(1, len(text) - _SHINGLE_CHARACTERS + 1)
    return list({text[start : start + _SHINGLE_CHARACTERS] for start in range(last)})


def _bands(threshold: float) -> int:
    """The fewest bands that find a pair at the threshold with a probability of at least 99%."""
    for bands in _BANDS:
        rows = HASHES // bands
        if 1 - (1 - threshold**rows) ** bands >= _SURE:
            return bands
    return _BANDS[-1]
