"""How the judges of panels voted during a run, and how far they agree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from revloop.errors import MissingExtraError
from revloop.evaluation.agreement import agreement_on
from revloop.evaluation.tables import percent
from revloop.trajectory import PanelComparison

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from revloop.trajectory import Version

Names = tuple[str, ...]


@dataclass
class PanelCounts:
    """The votes of one panel.

    Attributes:
        comparisons: Comparisons of a new version with the one kept until then.
        kept: Of these, those after which the new version was kept.
        unanimous: Of these, those in which all judges voted, and alike.
        abstentions: By judge.
        scores: Verdicts that all judges gave, as what each gives the new version.
    """

    comparisons: int = 0
    kept: int = 0
    unanimous: int = 0
    abstentions: Counter[str] = field(default_factory=Counter)
    scores: Counter[tuple[float, ...]] = field(default_factory=Counter)

    def add(self, found: PanelComparison) -> None:
        """Count one comparison."""
        voted = [vote.is_for_challenger for vote in found.votes]
        self.comparisons += 1
        self.kept += found.winner == found.challenger
        self.unanimous += None not in voted and len(set(voted)) == 1
        self.abstentions.update(found.abstaining)
        for of_all in zip(*(vote.scores for vote in found.votes), strict=True):
            given = tuple(score for score in of_all if score is not None)
            if len(given) == len(found.votes):
                self.scores[given] += 1


def count_votes(panels: dict[Names, PanelCounts], versions: Iterable[Version]) -> None:
    """Count the votes on versions, by the names of the panel's judges."""
    for version in versions:
        found = version.comparison
        if isinstance(found, PanelComparison):
            names = tuple(vote.judge for vote in found.votes)
            panels.setdefault(names, PanelCounts()).add(found)


def notes_on_panels(panels: dict[Names, PanelCounts]) -> Iterator[str]:
    """What each panel decided, and how far its judges agree."""
    for names, counts in panels.items():
        yield (
            f"The panel of {', '.join(names)} kept {counts.kept:,} of {counts.comparisons:,} new "
            "versions. All of its judges voted alike on "
            f"{percent(counts.unanimous / counts.comparisons)} of them."
            f"{_of_verdicts(names, counts)}{_of_abstentions(counts)}"
        )


def _of_verdicts(names: Names, counts: PanelCounts) -> str:
    try:
        found = agreement_on(names, counts.scores.elements())
    except MissingExtraError:  # which the page tells elsewhere
        return ""
    if found.share is None:
        return ""
    kappa = "" if found.kappa is None else f"; {found.kappa_name} kappa: {found.kappa:.2f}"
    return f" They agree on {percent(found.share)} of {found.verdicts:,} verdicts{kappa}."


def _of_abstentions(counts: PanelCounts) -> str:
    told = ", ".join(f"{name} {number:,}" for name, number in counts.abstentions.most_common())
    return f" Abstentions: {told}." if told else ""
