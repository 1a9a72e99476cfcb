"""The figures of one run, by round."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from benchmarks.jfleg.faults import changes
from benchmarks.jfleg.gleu import corpus_gleu
from benchmarks.jfleg.judging import compare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.jfleg.sentences import Sentence
    from revloop.trajectory import Trajectory


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
        "ends": dict(Counter(one.end.reason.value for one in trajectories if one.end)),
        "generated_tokens": sum(one.usage.generated_tokens for one in trajectories),
    }


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
    good = [(one.source, text) for one, text in pairs if one.is_good]
    edits = [len(changes(one.source, text)) for one, text in pairs]
    return {
        "gleu": round(gleu.value, 2),
        "low": round(gleu.low, 2),
        "high": round(gleu.high, 2),
        "win_rate": win_rate(verdicts["first"], verdicts["tie"], verdicts["second"]),
        "won": verdicts["first"],
        "tied": verdicts["tie"],
        "lost": verdicts["second"],
        "good_sentences": len(good),
        "good_sentences_changed": sum(source != text for source, text in good),
        "changed": sum(one.source != text for one, text in pairs),
        "edits_a_sentence": round(sum(edits) / len(edits), 2),
    }


def win_rate(won: int, tied: int, lost: int) -> float:
    """By the formula of arXiv 2311.14543: a tie is half a win."""
    return round((won + tied / 2) / (won + tied + lost), 4)
