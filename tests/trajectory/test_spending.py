"""What rounds take: requests and tokens, by round and by model."""

from __future__ import annotations

from revloop.evaluation import JudgePrompts, ModelJudge
from revloop.loop import Rounds
from revloop.loop.judges import Judges
from revloop.loop.roles import Role
from revloop.options import LoopOptions, RunSettings
from revloop.trajectory import (
    EngineInfo,
    ModelUsage,
    OpenTrajectory,
    Spending,
    Trajectory,
    Usage,
    Verdict,
    merged,
    summed,
)
from tests.helpers.scripted_engine import ScriptedEngine, cnr_rounds
from tests.helpers.scripted_loop import CNR, DRAFT, SAID, rounds_of

ONE = ModelUsage(model="one", requests=1, usage=Usage(prompt_tokens=10, generated_tokens=2))
OTHER = ModelUsage(
    model="other", requests=2, usage=Usage(prompt_tokens=5, cached_tokens=4, generated_tokens=1)
)


async def revised(
    engine: ScriptedEngine, iterations: int, editor: Role | None = None
) -> Trajectory:
    trajectory = OpenTrajectory("t", DRAFT)
    await rounds_of(engine, trajectory, editor=editor).run(iterations)
    return trajectory.snapshot()


def named(model: str) -> EngineInfo:
    return EngineInfo(kind="scripted", model=model)


class TestSums:
    def test_models_are_kept_apart(self) -> None:
        whole = summed([ONE, OTHER, ONE])
        assert {name: one.requests for name, one in whole.by_model.items()} == {
            "one": 2,
            "other": 2,
        }
        assert whole.by_model["one"].usage.prompt_tokens == 20

    def test_all_models_together(self) -> None:
        whole = summed([ONE, OTHER])
        assert (whole.requests, whole.tokens, whole.usage.cached_tokens) == (3, 18, 4)

    def test_rounds_of_several_trajectories_are_added_by_round(self) -> None:
        rounds = merged({1: summed([ONE]), 2: summed([ONE])}, {1: summed([OTHER])})
        assert {number: one.requests for number, one in rounds.items()} == {1: 3, 2: 1}

    def test_nothing_took_nothing(self) -> None:
        assert (Spending().requests, Spending().tokens) == (0, 0)


class TestRounds:
    async def test_each_round_has_its_own(self) -> None:
        engine = ScriptedEngine(cnr_rounds("It is 3.", "It is 4."), info=named("critic"))
        trajectory = await revised(engine, 2)
        by_round = trajectory.spending_by_round
        assert {number: one.requests for number, one in by_round.items()} == {1: 2, 2: 2}
        assert summed(by_round.values()).usage == trajectory.usage

    async def test_an_editor_has_its_share(self) -> None:
        critic = ScriptedEngine([SAID], info=named("critic"))
        editor = ScriptedEngine(["It is 4."], info=named("editor"))
        trajectory = await revised(critic, 1, Role(editor, CNR))
        found = trajectory.spending_by_round[1].by_model
        assert {name: one.requests for name, one in found.items()} == {"critic": 1, "editor": 1}

    async def test_a_round_that_made_no_version_counts(self) -> None:
        engine = ScriptedEngine([SAID, "", "", ""], info=named("critic"))
        trajectory = await revised(engine, 1)
        assert trajectory.failed
        assert trajectory.spending_by_round[1].by_model["critic"].requests == 4

    async def test_a_judge_has_its_share(self) -> None:
        engine = ScriptedEngine(cnr_rounds("It is 4."), info=named("critic"))
        asked = ScriptedEngine(["Hm.", "Verdict: B", "Verdict: A"], info=named("judge"))
        judge = ModelJudge(asked, JudgePrompts.load())
        settings = RunSettings.resolve(LoopOptions(keep="best"), CNR, engine.info, [judge.info])
        trajectory = OpenTrajectory("t", DRAFT)
        await Rounds(trajectory, engine, CNR, settings, judges=Judges((judge,))).run(1)
        found = trajectory.snapshot().spending_by_round[1].by_model
        assert {name: one.requests for name, one in found.items()} == {"critic": 2, "judge": 3}
        assert found["judge"].usage.prompt_tokens > 0


def test_a_verdict_of_an_older_store_is_read() -> None:
    assert Verdict.model_validate_json('{"preference": "tie"}').spent is None
