"""The versions that a proofreader makes of texts: with all changes, with some, and `english`."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from benchmarks.proofreading.counting import outcome_of
from benchmarks.proofreading.figures import answers_figures, generated_figures, jfleg_figures
from benchmarks.proofreading.likelihood import KnownLikelihood, only_likely
from benchmarks.proofreading.reading import Changed
from revloop.edits import edits_between
from revloop.engines.english.changes import changed, changes_between
from revloop.engines.english.reader import CHANGE_NATS

if TYPE_CHECKING:
    from benchmarks.proofreading.stages import Measurement

MARGINS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
"""Log-probability, in nats, that a change must bring."""

TRIED = ("fixed", "texts_with_something_introduced")
_SETS = ("choosing", "generated", "answers", "jfleg")


class Versions:
    """What became of all texts.

    Args:
        measurement: What was proofread.
    """

    def __init__(self, measurement: Measurement) -> None:
        self._measurement = measurement
        likelihood = KnownLikelihood(measurement.base, measurement.results / "likelihoods.json")
        self._pairs = {
            name: [(one.original, one.final) for one in measurement.trajectories(name)]
            for name in _SETS
        }
        self._gains = {name: likelihood.gains(pairs) for name, pairs in self._pairs.items()}

    def ways(self) -> dict[str, dict[str, Any]]:
        """The figures of the trained model with all, small, or likely changes, and of `english`."""
        lines = self._measurement.answer_lines
        finals = {
            "all changes": {
                name: [after for _, after in pairs] for name, pairs in self._pairs.items()
            },
            "small changes": {name: self._likely(name, -inf) for name in self._pairs},
            "small and likely changes": {
                name: self._likely(name, CHANGE_NATS) for name in self._pairs
            },
        }
        found = {way: self._counted(texts, lines) for way, texts in finals.items()}
        read = {name: self._measurement.read(name) for name in _SETS}
        return {**found, "the model english": self._counted(read, self._measurement.answers)}

    def by_margin(self) -> dict[str, dict[str, float]]:
        """What is fixed and introduced in the texts to choose by, with each margin."""
        drawn = self._measurement.examples("choosing")
        tried = {
            str(margin): generated_figures(
                drawn, list(map(outcome_of, drawn, self._likely("choosing", margin)))
            )
            for margin in MARGINS
        }
        return {
            margin: {name: found[name]["share"] for name in TRIED}
            for margin, found in tried.items()
        }

    def changes(self) -> list[Changed]:
        """What `english` changes in the answers, with the words beside it."""
        pairs = zip(self._measurement.answers, self._measurement.read("answers"), strict=True)
        return [
            Changed(name, edit.find, edit.replacement)
            for (name, before), after in pairs
            for change in changes_between(before, after)
            for edit in edits_between(before, changed(before, [change]))
        ]

    def _counted(
        self, finals: dict[str, list[str]], answers: list[tuple[str, str]]
    ) -> dict[str, Any]:
        measurement = self._measurement
        figures = {
            name: generated_figures(drawn, list(map(outcome_of, drawn, finals[name])))
            for name, drawn in (
                ("choosing", measurement.examples("choosing")),
                ("generated", measurement.examples("measuring")),
            )
        }
        return {
            **figures,
            "jfleg": jfleg_figures(measurement.sentences, finals["jfleg"]),
            "answers": answers_figures(answers, finals["answers"]),
        }

    def _likely(self, name: str, margin: float) -> list[str]:
        return [
            only_likely(before, gains, margin)
            for (before, _), gains in zip(self._pairs[name], self._gains[name], strict=True)
        ]
