"""The versions that a proofreader's changes make of texts: with all, or with the sure ones."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from benchmarks.proofreading.counting import outcome_of
from benchmarks.proofreading.figures import generated_figures
from benchmarks.proofreading.likelihood import KnownLikelihood, only_likely
from benchmarks.proofreading.reading import Changed
from revloop.edits import edits_between
from revloop.engines.english.changes import changed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.proofreading.stages import Measurement

MARGINS = tuple(step / 4 for step in range(33))
"""Log-probability, in nats, that a change must bring; tried from 0 to 8."""

LEAST_FIXED = 0.6
TRIED = ("fixed", "texts_with_something_introduced")


def largest_margin(fixed: Mapping[float, float]) -> float:
    """The largest margin with which enough mistakes are fixed, or else the smallest.

    Args:
        fixed: The share of mistakes that are fixed, by the margin.
    """
    enough = [margin for margin, share in fixed.items() if share >= LEAST_FIXED]
    return max(enough, default=min(fixed))


class Versions:
    """The revisions of all texts, with all changes or with some.

    Args:
        measurement: What was proofread.
    """

    def __init__(self, measurement: Measurement) -> None:
        self._measurement = measurement
        likelihood = KnownLikelihood(measurement.base, measurement.results / "likelihoods.json")
        self._pairs = {
            name: [(one.original, one.final) for one in measurement.trajectories(name)]
            for name in ("choosing", "generated", "answers", "jfleg")
        }
        self._gains = {name: likelihood.gains(pairs) for name, pairs in self._pairs.items()}
        drawn = measurement.examples("choosing")
        self.chosen = {
            margin: generated_figures(
                drawn, list(map(outcome_of, drawn, self._likely("choosing", margin)))
            )
            for margin in MARGINS
        }

    @property
    def margin(self) -> float:
        """The largest margin with which enough mistakes of the texts to choose by are fixed."""
        fixed = {margin: found["fixed"]["share"] for margin, found in self.chosen.items()}
        return largest_margin(fixed)

    def ways(self) -> dict[str, dict[str, list[str]]]:
        """The texts with all changes, with the small ones, and with the likely among these."""
        return {
            "all changes": {
                name: [after for _, after in pairs] for name, pairs in self._pairs.items()
            },
            "small changes": {name: self._likely(name, -inf) for name in self._pairs},
            "small and likely changes": {
                name: self._likely(name, self.margin) for name in self._pairs
            },
        }

    def changes(self) -> list[Changed]:
        """The last way's changes of the answers, each with the words beside it."""
        lines = self._measurement.answer_lines
        return [
            Changed(name, edit.find, edit.replacement)
            for (name, line), gains in zip(lines, self._gains["answers"], strict=True)
            for gain in gains
            if gain.nats >= self.margin
            for edit in edits_between(line, changed(line, [gain.change]))
        ]

    def _likely(self, name: str, margin: float) -> list[str]:
        return [
            only_likely(before, gains, margin)
            for (before, _), gains in zip(self._pairs[name], self._gains[name], strict=True)
        ]
