"""What a number of rounds does to the drafts of a pilot, and whether it pays."""

from __future__ import annotations

import math
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING, Literal, NamedTuple

from revloop.evaluation.figures import Interval, wilson_interval, win_rate_interval
from revloop.evaluation.libraries import library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.pilot.measuring import Planned

_POWER = 0.8
_SIGNIFICANCE = 0.05
_NORMAL_QUANTILE = NormalDist().inv_cdf(1 - _SIGNIFICANCE / 2)

BreakEven = Literal["met", "not met", "nothing changed", "too few to tell"]


def check_libraries() -> None:
    """Check that the libraries of the figures are there, before anything is paid for.

    Raises:
        MissingExtraError: One is not installed.
    """
    for name in ("numpy", "scipy.stats", "statsmodels.stats.power"):
        library(name)


class Effect(NamedTuple):
    """What a number of rounds did to some records.

    Attributes:
        records: Number of records.
        fixed: Whose text got better by the judge, in both orders.
        broken: Whose text got worse, in both orders.
        win_rate: Against the original.
        win_rate_interval: 95%; None: too few, or all the same.
        tokens: Mean tokens a draft.
        seconds: Mean seconds a draft.
        cost: Mean cost a draft; None without prices.
        parts: How many parts of the records are judged side by side, this one among them.
    """

    records: int
    fixed: int
    broken: int
    win_rate: float
    win_rate_interval: Interval | None
    tokens: float
    seconds: float
    cost: float | None
    parts: int = 1

    @property
    def fixed_share(self) -> float:
        """Share of the records that is fixed."""
        return self.fixed / self.records

    @property
    def broken_share(self) -> float:
        """Share of the records that is broken."""
        return self.broken / self.records

    @property
    def fixed_interval(self) -> Interval:
        """95% interval of the share that is fixed."""
        return wilson_interval(self.fixed, self.records)

    @property
    def broken_interval(self) -> Interval:
        """95% interval of the share that is broken."""
        return wilson_interval(self.broken, self.records)

    @property
    def balance(self) -> Interval | None:
        """Exact interval of the fixed among the changed; None if none changed.

        Of 95% for all parts together: each has its share of the 5% (Bonferroni), or chance would
        give rounds to a part that gains nothing about as often as there are parts.

        Errors fixed / errors introduced exceeds accuracy / (1 - accuracy) (arXiv 2604.22273)
        exactly where this share exceeds one half: with both rates multiplied by how many texts they
        apply to, the condition compares the two counts. The interval is that of C. J. Clopper and
        E. S. Pearson (Biometrika 26, 1934): Wilson's calls 4 of 4 changed drafts enough.
        """
        changed = self.fixed + self.broken
        if not changed:
            return None
        proportion = library("statsmodels.stats.proportion")
        low, high = proportion.proportion_confint(self.fixed, changed, self._level, method="beta")
        return Interval(float(low), float(high))

    @property
    def break_even(self) -> BreakEven:
        """Whether more is fixed than broken."""
        balance = self.balance
        if balance is None:
            return "nothing changed"
        if balance.low > 0.5:
            return "met"
        return "not met" if balance.high < 0.5 else "too few to tell"

    @property
    def needed(self) -> int | None:
        """Records that would tell, if fixed and broken stay in proportion; None: no number would.

        Those with which the exact test at 5%, divided by the parts, finds the share of the fixed
        among the changed different from one half with a power of 80%.
        """
        changed = self.fixed + self.broken
        if not changed or self.fixed == self.broken:
            return None
        proportion = library("statsmodels.stats.proportion")
        power = library("statsmodels.stats.power")
        effect = proportion.proportion_effectsize(self.fixed / changed, 0.5)
        found = power.NormalIndPower().solve_power(
            effect_size=abs(effect), alpha=self._level, power=_POWER, ratio=0
        )
        number = math.ceil(float(found))
        while self._exact_power(number) < _POWER:  # the normal distribution needs a few less
            number += max(1, number // 200)
        return math.ceil(number * self.records / changed)

    def _exact_power(self, changed: int) -> float:
        """How likely so many changed records would be found to differ from one half."""
        binomial = library("scipy.stats").binom
        share = max(self.fixed, self.broken) / (self.fixed + self.broken)
        fewest = binomial.isf(self._level / 2, changed, 0.5) + 1
        return float(binomial.sf(fewest - 1, changed, share))

    @property
    def _level(self) -> float:
        return _SIGNIFICANCE / self.parts


def records_to_bound(share: float) -> int:
    """Fewest records whose 95% interval of the broken ends below a share if none is broken."""
    return math.ceil(_NORMAL_QUANTILE**2 * (1 - share) / share)


def effect_of(chosen: Sequence[Planned], parts: int = 1) -> Effect:
    """The effect of what some records get; at least one.

    Args:
        chosen: The records.
        parts: How many parts are judged side by side.
    """
    gains = [one.record.gain(one.rounds) for one in chosen]
    ended = [one.record.outcome(one.rounds) for one in chosen]
    outlays = [one.outlay for one in chosen]
    costs = [one.cost for one in outlays if one.cost is not None]
    return Effect(
        records=len(chosen),
        fixed=gains.count(1),
        broken=gains.count(-1),
        win_rate=sum(score for one in ended for score in one.readable)
        / sum(len(one.readable) for one in ended),
        win_rate_interval=win_rate_interval(ended),
        tokens=fmean(one.tokens for one in outlays),
        seconds=fmean(one.seconds for one in outlays),
        cost=fmean(costs) if costs else None,
        parts=parts,
    )
