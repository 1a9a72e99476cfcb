"""Which version is kept, and from which one the next round starts."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from revloop import (
    AsyncReviser,
    Draft,
    InputError,
    PromptSet,
    StopReason,
    Store,
    StoreError,
    Trajectory,
    arevise,
    revise,
)
from revloop.errors import UnreachableError
from revloop.evaluation import pairs_of
from revloop.records import records_of_trajectories
from revloop.rows.parquet import columns
from revloop.rows.writing import final_row
from revloop.trajectory import Comparison
from tests.helpers.command_line import revloop
from tests.helpers.judges import RuleJudge, always_first, by_number
from tests.helpers.scripted_engine import ScriptedEngine, cnr_critique, cnr_rounds
from tests.helpers.stub_server import COMPLETIONS, StubServer, completion

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.trajectory import Judge

DRAFT = Draft(id="d", prompt="Count.", response="5 first")


def revised(*texts: str, **options: Any) -> tuple[Trajectory, ScriptedEngine, RuleJudge]:
    """A trajectory with these revisions, and a judge that prefers higher numbers."""
    engine = ScriptedEngine(cnr_rounds(*texts))
    judge = RuleJudge(by_number)
    options = {"keep": "gate", "temperature": 1.0, **options}
    found = revise(DRAFT, iterations=len(texts), engine=engine, judge=judge, **options)
    return found, engine, judge


def started_from(engine: ScriptedEngine) -> list[str]:
    """The response in each critique prompt."""
    asked = [prompt for prompt in engine.prompts if prompt.endswith("### Critique:\n")]
    return [p.partition("### Response:\n")[2].partition("\n\n### Critique")[0] for p in asked]


class TestBest:
    def test_the_version_that_no_later_one_beats_is_kept(self) -> None:
        found, engine, _ = revised("7 up", "6 down", "3 lower", keep="best")
        assert (found.kept, found.kept_text, found.final) == (1, "7 up", "3 lower")
        assert started_from(engine) == ["5 first", "7 up", "6 down"]

    def test_the_original_is_in_the_knockout(self) -> None:
        found, _, _ = revised("4 a", "3 b", keep="best")
        assert (found.kept, found.kept_text) == (0, "5 first")

    def test_each_version_is_compared_with_the_one_that_stood_in_both_orders(self) -> None:
        found, _, judge = revised("7 up", "6 down", keep="best")
        pairs = [(first, second) for _, first, second in judge.asked]
        assert pairs == [
            ("5 first", "7 up"),
            ("7 up", "5 first"),
            ("7 up", "6 down"),
            ("6 down", "7 up"),
        ]
        assert judge.asked[0][0] == "Count."
        second = found.versions[2].comparison
        assert second is not None
        assert (second.incumbent, second.challenger, second.winner) == (1, 2, 1)

    def test_what_is_kept_after_each_round_is_known(self) -> None:
        found, _, _ = revised("4 a", "8 b", "6 c", keep="best")
        assert [found.kept_after(rounds) for rounds in range(4)] == [0, 0, 2, 2]

    def test_a_judge_that_looks_at_the_order_alone_keeps_the_original(self) -> None:
        engine = ScriptedEngine(cnr_rounds("7 up"))
        judge = RuleJudge(always_first)
        found = revise(DRAFT, iterations=1, engine=engine, judge=judge, keep="best")
        assert found.kept == 0


class TestGate:
    def test_a_round_starts_from_the_better_version(self) -> None:
        found, engine, _ = revised("4 worse", "8 better", "6 worse", "9 best")
        assert started_from(engine) == ["5 first", "5 first", "8 better", "8 better"]
        assert (found.kept_text, found.final) == ("9 best", "9 best")
        assert [version.base for version in found.versions] == [None, None, 0, None, 2]

    def test_versions_that_lost_are_kept_in_the_record(self) -> None:
        found, _, _ = revised("4 worse", "3 worse")
        assert [version.text for version in found.versions] == ["5 first", "4 worse", "3 worse"]
        assert found.kept == 0

    def test_the_version_that_each_was_made_from_is_known(self) -> None:
        found, _, _ = revised("4 worse", "8 better", "9 best")
        bases = [found.base_of(version).text for version in found.versions[1:]]
        assert bases == ["5 first", "5 first", "8 better"]

    def test_a_text_that_did_not_change_is_not_judged_and_ends_it(self) -> None:
        found, _, judge = revised("5 first", "9 never")
        assert judge.asked == []
        assert found.end is not None
        assert found.end.reason is StopReason.CONVERGED

    def test_without_chance_a_version_that_lost_ends_it(self) -> None:
        found, _, _ = revised("4 worse", "9 never", "9 never", temperature=0.0)
        assert found.end is not None
        assert (found.end.reason, found.end.calls_saved) == (StopReason.CONVERGED, 4)
        assert found.end.detail == "Round 1 improved nothing, and at temperature 0 no other would."
        assert (found.rounds, found.kept) == (1, 0)

    def test_unless_all_rounds_are_wanted(self) -> None:
        found, _, _ = revised("4 a", "4 a", temperature=0.0, early_stop=False)
        assert found.end is not None
        assert found.end.reason is StopReason.ROUNDS_DONE

    def test_with_chance_the_same_text_may_lose_twice(self) -> None:
        found, _, _ = revised("4 worse", "4 worse", "9 best")
        assert found.kept_text == "9 best"

    def test_a_version_that_won_and_was_there_before_is_a_cycle(self) -> None:
        beats = {("5 first", "4 a"), ("4 a", "3 b"), ("3 b", "5 first")}

        def in_a_ring(_prompt: str, first: str, second: str) -> Any:
            return "second" if (first, second) in beats else "first"

        engine = ScriptedEngine(cnr_rounds("4 a", "3 b", "5 first", "never"))
        options: dict[str, Any] = {"keep": "gate", "temperature": 1.0}
        judge = RuleJudge(in_a_ring)
        found = revise(DRAFT, iterations=4, engine=engine, judge=judge, **options)
        assert found.end is not None
        assert found.end.detail == "Round 3 went back to version 0."

    def test_single_pass_rounds_pass_the_gate_too(self) -> None:
        engine = ScriptedEngine([cnr_critique() + PromptSet.load("cnr").bridge + "4 worse"])
        judge = RuleJudge(by_number)
        found = revise(
            DRAFT, iterations=1, engine=engine, judge=judge, keep="gate", single_pass=True
        )
        assert found.kept == 0
        assert found.versions[1].comparison is not None


class TestLast:
    def test_the_last_version_is_kept_and_nobody_is_asked(self) -> None:
        engine = ScriptedEngine(cnr_rounds("4 worse", "3 worse"))
        found = revise(DRAFT, iterations=2, engine=engine)
        assert (found.kept, found.kept_text) == (2, found.final)
        assert [version.comparison for version in found.versions] == [None] * 3


class TestStoring:
    def test_the_choice_is_stored_with_its_verdicts(self, tmp_path: Path) -> None:
        found, _, _ = revised("4 worse", "8 better", store=tmp_path / "s.sqlite")
        with Store.open_to_read(tmp_path / "s.sqlite") as store:
            (read,) = store.trajectories()
        assert read == found
        compared = read.versions[1].comparison
        assert isinstance(compared, Comparison)
        assert [verdict.preference for verdict in compared.verdicts] == ["first", "second"]
        assert [verdict.reason for verdict in compared.verdicts] == ["By rule."] * 2

    def test_a_run_resumes_from_the_kept_version(self, tmp_path: Path) -> None:
        path = tmp_path / "s.sqlite"
        revised("8 better", "4 worse", store=path)
        engine = ScriptedEngine(cnr_rounds("9 best"))
        options: dict[str, Any] = {"keep": "gate", "temperature": 1.0, "store": path}
        found = revise(DRAFT, iterations=3, engine=engine, judge=RuleJudge(by_number), **options)
        assert started_from(engine) == ["8 better"]
        assert found.kept_text == "9 best"

    def test_another_way_to_keep_is_another_run(self, tmp_path: Path) -> None:
        path = tmp_path / "s.sqlite"
        revised("4 worse", store=path)
        with pytest.raises(StoreError, match="keep: 'best', not 'gate'"):
            revised("4 worse", keep="best", store=path)

    def test_another_judge_is_another_run(self, tmp_path: Path) -> None:
        revised("4 worse", store=tmp_path / "s.sqlite")
        engine, other = ScriptedEngine([]), RuleJudge(by_number, "another")
        options: dict[str, Any] = {"keep": "gate", "temperature": 1.0, "judge": other}
        with pytest.raises(StoreError, match=r"judge: .*another"):
            revise(DRAFT, engine=engine, store=tmp_path / "s.sqlite", **options)

    def test_evaluation_looks_at_what_is_kept(self) -> None:
        found, _, _ = revised("4 worse", "8 better", "6 worse")
        texts = [pair.question.second for pair in pairs_of(found, 3, frozenset({"original"}))]
        assert texts == ["5 first", "8 better", "8 better"]

    def test_rows_that_are_written_hold_what_is_kept(self) -> None:
        found, _, _ = revised("8 better", "4 worse")
        assert final_row(found)["response"] == "8 better"
        assert columns(found, final_only=True)["response"] == "8 better"

    def test_records_hold_the_version_that_was_criticised(self) -> None:
        found, _, _ = revised("4 worse", "8 better")
        records = [entry.record for entry in records_of_trajectories([found])]  # type: ignore[union-attr] # no finding here
        assert [(r.response, r.revision) for r in records] == [
            ("5 first", "4 worse"),
            ("5 first", "8 better"),
        ]


class TestTheJudge:
    def test_a_failing_judge_ends_the_trajectory_which_can_be_resumed(self, tmp_path: Path) -> None:
        count = itertools.count()

        def dying(*texts: str) -> Any:
            return UnreachableError("gone") if next(count) >= 2 else by_number(*texts)

        options: dict[str, Any] = {"keep": "gate", "temperature": 1.0}
        options["store"] = tmp_path / "s.sqlite"
        engine = ScriptedEngine(cnr_rounds("8 better", "9 best"))
        found = revise(DRAFT, iterations=2, engine=engine, judge=RuleJudge(dying), **options)
        assert found.end is not None
        assert found.end.reason is StopReason.JUDGE_FAILED
        assert found.end.detail == "Round 2: the judge failed: gone"
        assert len(found.end.steps) == 2
        assert found.kept_text == "8 better"
        engine = ScriptedEngine(cnr_rounds("9 best"))
        again = revise(DRAFT, iterations=2, engine=engine, judge=RuleJudge(by_number), **options)
        assert again.kept_text == "9 best"

    def test_it_goes_with_a_way_to_keep(self) -> None:
        with pytest.raises(InputError, match="A judge or a check is needed to keep"):
            revise(DRAFT, engine=ScriptedEngine([]), keep="gate")
        with pytest.raises(InputError, match="A judge has nothing to choose"):
            revise(DRAFT, engine=ScriptedEngine([]), judge=RuleJudge(by_number))

    async def test_one_that_was_handed_in_stays_open_and_one_opened_here_is_closed(self) -> None:
        judge = RuleJudge(by_number)

        async def opened() -> Judge:
            return judge

        for source, closed in ((judge, False), (opened, True)):
            engine = ScriptedEngine(cnr_rounds("7 up"))
            await arevise(DRAFT, iterations=1, engine=engine, keep="best", judge=source)
            assert judge.is_closed is closed

    async def test_its_name_is_in_the_settings(self) -> None:
        judge = RuleJudge(by_number)
        async with AsyncReviser(engine=ScriptedEngine([]), keep="best", judge=judge) as reviser:
            assert (reviser.settings.keep, reviser.settings.judge) == ("best", judge.info)


HIGHER = """
def higher(prompt, first, second):
    return "first" if int(first.split()[0]) > int(second.split()[0]) else "second"
"""


class TestTheCommandLine:
    async def test_it_prints_the_version_that_is_kept(self, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text(HIGHER)
        async with StubServer() as server:
            server.on(COMPLETIONS, *[completion(str(t)) for t in cnr_rounds("4 worse")])
            options = ("--keep", "gate", "--judge", "mine:higher", "--base-url", server.base_url)
            finished = await revloop("revise", "5 first", "-n", "1", *options, folder=tmp_path)
        assert (finished.code, finished.out) == (0, "5 first\n")
        assert "Kept: version 0 of 1." in finished.err

    async def test_keeping_best_or_gate_without_a_judge_is_refused(self) -> None:
        finished = await revloop(
            "revise", "a", "--keep", "best", "--base-url", "http://127.0.0.1:9"
        )
        assert finished.code == 3
        assert "A judge or a check is needed" in finished.err
        assert (await revloop("revise", "a", "--keep", "worst")).code == 2
