"""The figures of one run, by round."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

from benchmarks.jfleg.faults import changes
from benchmarks.jfleg.gleu import corpus_gleu, sentence_gleu
from benchmarks.jfleg.judging import compare
from benchmarks.jfleg.sentences import PEOPLE
from revloop.evaluation.figures import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.jfleg.sentences import Sentence
    from revloop.trajectory import Trajectory

SAMPLE = 10
"""Trajectories that are shown one by one."""


def figures(
    sentences: Sequence[Sentence], trajectories: Sequence[Trajectory], rounds: int
) -> dict[str, Any]:
    """Figures by round; a trajectory that ended early keeps its last version."""
    by_round = []
    for number in range(rounds + 1):
        texts = [text_after(one, number) for one in trajectories]
        by_round.append({"round": number, **round_figures(sentences, texts)})
    return {
        "sentences": len(sentences),
        "rounds": by_round,
        "sample": sample(sentences, trajectories, rounds),
        "ends": dict(Counter(one.end.reason.value for one in trajectories if one.end)),
        "generated_tokens": sum(one.usage.generated_tokens for one in trajectories),
    }


def sample(
    sentences: Sequence[Sentence], trajectories: Sequence[Trajectory], rounds: int
) -> list[dict[str, Any]]:
    """Some trajectories at random, the same sentences in each run, without their texts."""
    numbers = range(len(sentences))
    rows = []
    for number in sorted(Random(0).sample(numbers, min(SAMPLE, len(numbers)))):
        sentence, trajectory = sentences[number], trajectories[number]
        texts = [text_after(trajectory, done) for done in range(rounds + 1)]
        rows.append(
            {
                "line": number + 1,
                "gleu": [round(100 * sentence_gleu(sentence, text), 1) for text in texts],
                "people_that_changed_nothing": sentence.unchanged,
                "edits": len(changes(sentence.source, texts[-1])),
                "verdict": compare(sentence, texts[-1], sentence.source)[0],
            }
        )
    return rows


def text_after(trajectory: Trajectory, rounds: int) -> str:
    """The version after so many rounds, as words divided by blanks."""
    version = trajectory.versions[trajectory.kept_after(min(rounds, trajectory.rounds))]
    return " ".join(version.text.split())


def round_figures(sentences: Sequence[Sentence], texts: Sequence[str]) -> dict[str, Any]:
    """GLEU, win rate against the sentences as they were, harm and edits."""
    gleu = corpus_gleu(sentences, texts)
    verdicts = Counter(
        compare(sentence, text, sentence.source)[0]
        for sentence, text in zip(sentences, texts, strict=True)
    )
    pairs = list(zip(sentences, texts, strict=True))
    edits = [len(changes(one.source, text)) for one, text in pairs]
    return {
        "gleu": round(gleu.value, 2),
        "low": round(gleu.low, 2),
        "high": round(gleu.high, 2),
        "win_rate": win_rate(verdicts["first"], verdicts["tie"], verdicts["second"]),
        "won": verdicts["first"],
        "tied": verdicts["tie"],
        "lost": verdicts["second"],
        **harm("good_sentences", [pair for pair in pairs if pair[0].is_good]),
        **harm(
            "mostly_good_sentences", [pair for pair in pairs if pair[0].unchanged >= PEOPLE - 1]
        ),
        "changed": sum(one.source != text for one, text in pairs),
        "edits_a_sentence": round(sum(edits) / len(edits), 2),
    }


def harm(name: str, pairs: Sequence[tuple[Sentence, str]]) -> dict[str, Any]:
    """How many sentences became what nobody made of them, with Wilson's 95% interval in percent."""
    changed = sum(text not in (one.source, *one.references) for one, text in pairs)
    interval = wilson_interval(changed, len(pairs)) if pairs else (0.0, 1.0)
    low, high = (round(100 * share, 1) for share in interval)
    return {
        name: len(pairs),
        f"{name}_changed": changed,
        f"{name}_changed_low": low,
        f"{name}_changed_high": high,
    }


def win_rate(won: int, tied: int, lost: int) -> float:
    """By the formula of arXiv 2311.14543: a tie is half a win."""
    return round((won + tied / 2) / (won + tied + lost), 4)
