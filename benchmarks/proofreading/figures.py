"""What a proofreader fixed and what it broke."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from benchmarks.jfleg.gleu import corpus_gleu
from benchmarks.proofreading.wording import revised
from revloop.evaluation.figures import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.jfleg.sentences import Sentence
    from benchmarks.proofreading.counting import Outcome
    from benchmarks.proofreading.examples import Example


def generated_figures(drawn: Sequence[Example], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Shares of mistakes fixed, and of texts in which something else changed."""
    fixed = Counter(mistake.kind for one in outcomes for mistake in one.fixed)
    every = fixed + Counter(mistake.kind for one in outcomes for mistake in one.left)
    harmed = [one.introduced > 0 for one in outcomes]
    good = [harm for harm, example in zip(harmed, drawn, strict=True) if not example.mistakes]
    return {
        "fixed": share(fixed.total(), every.total()),
        "fixed_by_kind": {kind: share(fixed[kind], each) for kind, each in sorted(every.items())},
        "texts_with_something_introduced": share(sum(harmed), len(harmed)),
        "good_texts_changed": share(sum(good), len(good)),
    }


def jfleg_figures(sentences: Sequence[Sentence], texts: Sequence[str]) -> dict[str, Any]:
    """GLEU, and the good sentences that changed."""
    pairs = list(zip(sentences, texts, strict=True))
    after = [revised(sentence.source, text) for sentence, text in pairs]
    gleu = corpus_gleu(sentences, after)
    good = [text != one.source for one, text in zip(sentences, after, strict=True) if one.is_good]
    return {
        "gleu": round(gleu.value, 2),
        "low": round(gleu.low, 2),
        "high": round(gleu.high, 2),
        "good_sentences_changed": share(sum(good), len(good)),
    }


def answers_figures(lines: Sequence[tuple[str, str]], texts: Sequence[str]) -> dict[str, Any]:
    """The answers in which anything changed, right or wrong."""
    names = dict.fromkeys(name for name, _ in lines)
    changed = {name for (name, line), text in zip(lines, texts, strict=True) if text != line}
    return {"answers_changed": share(len(changed), len(names))}


def share(part: int, whole: int) -> dict[str, float]:
    """A share with its 95% interval (Wilson); of nothing, nothing is known."""
    if not whole:
        return {"of": 0, "share": 0.0, "low": 0.0, "high": 1.0}
    interval = wilson_interval(part, whole)
    values = {"share": part / whole, "low": interval.low, "high": interval.high}
    return {"of": whole, **{name: round(value, 4) for name, value in values.items()}}
