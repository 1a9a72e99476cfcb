"""Trajectories whose versions a panel of judges compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop import Draft, Trajectory, revise
from tests.helpers.judges import RuleJudge, by_number
from tests.helpers.scripted_engine import ScriptedEngine, cnr_rounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from revloop.trajectory import Preference

    Rule = Callable[[str, str, str], Preference | Exception]

DRAFT = Draft(id="d", prompt="Count.", response="5 first")


def lower(_prompt: str, first: str, second: str) -> Preference:
    """Prefers the lower number."""
    return by_number("", second, first)


def silent(_prompt: str, _first: str, _second: str) -> Preference:
    """Gives no readable verdict."""
    return "unparseable"


def panel_of(*rules: Rule) -> list[RuleJudge]:
    """A judge for each rule: judge 1, judge 2, and so on."""
    return [RuleJudge(rule, f"judge {number}") for number, rule in enumerate(rules, start=1)]


def revised_before(*rules: Rule, texts: tuple[str, ...] = ("7 up",), **options: Any) -> Trajectory:
    """A trajectory of these versions, compared by a judge for each rule."""
    options = {"keep": "gate", "temperature": 1.0, "judge": panel_of(*rules), **options}
    engine = ScriptedEngine(cnr_rounds(*texts))
    return revise(DRAFT, iterations=len(texts), engine=engine, **options)
