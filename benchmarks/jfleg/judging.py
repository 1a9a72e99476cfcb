"""The judge of `revloop evaluate`: which of two texts has the higher GLEU of the sentence.

`REVLOOP_JFLEG` names the folder with the test set. One of the two texts is the sentence itself, by
which its references are found.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from benchmarks.jfleg.gleu import sentence_gleu
from benchmarks.jfleg.sentences import Sentence, read_sentences

FOLDER = "REVLOOP_JFLEG"
TIE_MARGIN = 0.01
"""A difference of sentence GLEU, from 0 to 1, up to which two texts tie."""


def judge(_prompt: str, first: str, second: str) -> tuple[str, str]:
    """The text with the higher GLEU, unless they differ by the margin at most."""
    known = _sentences(os.environ[FOLDER])
    sentence = known.get(first) or known[second]
    return compare(sentence, first, second)


def compare(sentence: Sentence, first: str, second: str) -> tuple[str, str]:
    """The verdict on two texts for one sentence, with both figures."""
    scores = sentence_gleu(sentence, first), sentence_gleu(sentence, second)
    reason = f"GLEU {scores[0]:.3f} and {scores[1]:.3f}"
    if abs(scores[0] - scores[1]) <= TIE_MARGIN:
        return "tie", reason
    return ("first" if scores[0] > scores[1] else "second"), reason


@cache
def _sentences(folder: str) -> dict[str, Sentence]:
    return {one.source: one for one in read_sentences(Path(folder), "test")}
