"""What a run's rounds took: SQLite's sum is that of the trajectories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop import Store
from revloop.evaluation import JudgePrompts, ModelJudge
from revloop.loop import Rounds
from revloop.loop.judges import Judges
from revloop.loop.roles import Role
from revloop.options import LoopOptions, RunSettings
from revloop.trajectory import Draft, EngineInfo, Spending, summed
from tests.helpers.scripted_engine import ScriptedEngine
from tests.helpers.scripted_loop import CNR, SAID

if TYPE_CHECKING:
    from pathlib import Path


def named(model: str) -> EngineInfo:
    return EngineInfo(kind="scripted", model=model)


async def test_it_is_the_sum_of_its_trajectories_without_reading_them(tmp_path: Path) -> None:
    critic = ScriptedEngine(lambda _: SAID, info=named("critic"))
    texts = iter(["One.", "Two.", "Three.", "Four."])
    editor = ScriptedEngine(lambda _: next(texts, ""), info=named("editor"))
    judge = ModelJudge(
        ScriptedEngine(lambda _: "Verdict: B", info=named("judge")), JudgePrompts.load()
    )
    role = Role(editor, CNR)
    options = LoopOptions(candidates=2, keep="best")
    settings = RunSettings.resolve(options, CNR, critic.info, [judge.info], editor=role.identity)
    with Store.open(tmp_path / "s.sqlite") as store:
        run = store.begin_run(settings)
        stored = store.begin(run, "t", Draft(id="d", prompt="Why?", response="So."), ())
        judges = Judges((judge,))
        await Rounds(stored, critic, CNR, settings, judges=judges, editor=role).run(3)
        (trajectory,) = store.trajectories()
        assert trajectory.failed
        assert trajectory.rounds == 2
        expected = summed(trajectory.spending_by_round.values())
        assert set(expected.by_model) == {"critic", "editor", "judge"}
        assert store.rows(run).spending().by_model == expected.by_model
        other = store.begin_run(settings, new=True)
        assert store.rows(other).spending() == Spending()
