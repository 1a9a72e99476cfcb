"""Outlines know what whole trajectories know, as far as lists ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.evaluation import ORIGINAL, pairs_of
from revloop.store import Store, StoreFollower
from revloop.trajectory import Comparison, Critique, Draft, Verdict, Version
from revloop.trajectory.checks import Veto
from tests.helpers.judges import ENGINE, NOW, store_of
from tests.helpers.stored import append
from tests.store.test_store import run_settings

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.trajectory import Preference


def compared(number: int, said: Preference) -> Comparison:
    """A comparison of a version with the one before."""
    verdicts = (Verdict(preference=said), Verdict(preference="tie"))
    return Comparison(incumbent=number - 1, challenger=number, verdicts=verdicts)


def test_an_outline_knows_the_texts_the_scores_and_which_version_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Why?"}]
    with Store.open(path) as store:
        run = store.begin_run(run_settings())
        for number in range(6):
            asked = {"messages": turns} if number % 2 else {"prompt": "Why?"}
            fields = {"id": number, "response": "a", "extra": {"weight": 1.5}, **asked}
            one = store.begin(run, f"t{number}", Draft.model_validate(fields))
            append(one, Version(round=0, text="a", created_at=NOW))
            for round_ in (1, 2, 3):
                said = Critique(raw="b", score=float(number + round_)) if number != 2 else None
                version = Version(
                    round=round_,
                    text="same" if number == 3 else f"b {round_}",
                    critique=said,
                    engine=ENGINE,
                    base=0 if number == 4 else None,
                    comparison=compared(round_, "first") if number == 1 else None,
                    veto=Veto(incumbent=0, checks=("one",)) if number == 5 else None,
                    created_at=NOW,
                )
                append(one, version)
    with StoreFollower.open(path) as follower:
        outlines = follower.outlines([*range(1, 7), 99])
        assert sorted(outlines) == list(range(1, 7))
        for key, outline in outlines.items():
            whole = follower.trajectory(key)
            assert whole is not None
            assert (outline.id, outline.draft, outline.end) == (whole.id, whole.draft, whole.end)
            assert (outline.rounds, outline.kept) == (whole.rounds, whole.kept)
            scores = [outline.score_of(round_) for round_ in range(4)]
            assert scores == [whole.score_of(round_) for round_ in range(4)]
            pairs = list(pairs_of(outline, 4, ORIGINAL))
            assert pairs == list(pairs_of(whole, 4, ORIGINAL))
        assert {outline.kept for outline in outlines.values()} >= {0, 3}


def test_an_outline_has_the_end_and_the_other_fields_of_its_row(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["a", "b"]], fields=[{"kind": "mail"}])
    with StoreFollower.open(path) as follower:
        outline, whole = follower.outlines([1])[1], follower.trajectory(1)
        assert whole is not None
        assert (outline.end, outline.draft.extra) == (whole.end, {"kind": "mail"})
