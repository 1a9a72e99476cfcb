"""Several judges as a panel: who wins, who abstains, what is stored, and who may not judge."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from revloop import InputError, StopReason, Store, StoreError, Trajectory, revise
from revloop.errors import EngineGoneError, JudgeError, RejectedError, UnreachableError
from revloop.evaluation import JudgePrompts, ModelJudge
from revloop.loop.panel import Panel
from revloop.trajectory import JudgeInfo, PanelComparison, Verdict, Vote
from tests.helpers.command_line import revloop
from tests.helpers.judges import RuleJudge, always_first, by_number
from tests.helpers.panel_samples import DRAFT, lower, panel_of, revised_before, silent
from tests.helpers.scripted_engine import ScriptedEngine, cnr_rounds
from tests.helpers.stub_server import CHAT, COMPLETIONS, StubServer, chat_completion, completion

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.helpers.panel_samples import Rule


def failing(error: Exception) -> Rule:
    """Fails on every text."""
    return lambda *_: error


def votes_on(found: Trajectory, round_: int = 1) -> tuple[Vote, ...]:
    compared = found.versions[round_].comparison
    assert isinstance(compared, PanelComparison)
    return compared.votes


class TestMajority:
    @pytest.mark.parametrize(
        ("rules", "kept"),
        [
            pytest.param((by_number, by_number, lower), 1, id="two of three"),
            pytest.param((by_number, lower, lower), 0, id="one of three"),
            pytest.param((by_number, lower), 0, id="one of two is no majority"),
            pytest.param((by_number, by_number), 1, id="two of two"),
            pytest.param((by_number, by_number, lower, lower), 0, id="a tie of votes"),
            pytest.param((by_number, silent, lower), 0, id="one of three, one abstains"),
            pytest.param((by_number, silent, silent), 0, id="one of three, the others abstain"),
            pytest.param((by_number, by_number, silent), 1, id="two of three, one abstains"),
            pytest.param((by_number, always_first, always_first), 0, id="judges of the order"),
            pytest.param((silent, silent), 0, id="all abstain"),
        ],
    )
    @pytest.mark.parametrize("keep", ["gate", "best"])
    def test_a_version_is_kept_if_more_than_half_of_all_judges_prefer_it(
        self, keep: str, rules: tuple[Rule, ...], kept: int
    ) -> None:
        assert revised_before(*rules, keep=keep).kept == kept

    def test_each_judge_is_asked_in_both_orders_and_named_with_its_verdicts(self) -> None:
        judges = panel_of(by_number, lower, silent)
        found = revised_before(judge=judges)
        for judge in judges:
            assert [pair for _, *pair in judge.asked] == [["5 first", "7 up"], ["7 up", "5 first"]]
        told = [(vote.judge, vote.digest, vote.is_for_challenger) for vote in votes_on(found)]
        assert told == [
            ("judge 1", "digest of judge 1", True),
            ("judge 2", "digest of judge 2", False),
            ("judge 3", "digest of judge 3", None),
        ]
        assert [verdict.reason for verdict in votes_on(found)[2].verdicts] == ["By rule."] * 2

    async def test_the_judges_are_asked_side_by_side(self) -> None:
        all_asked, asked = anyio.Event(), 0

        class Waiting(RuleJudge):
            async def judge(self, prompt: str, first: str, second: str) -> Verdict:
                nonlocal asked
                asked += 1
                if asked == 3:
                    all_asked.set()
                await all_asked.wait()
                return await super().judge(prompt, first, second)

        judges = [Waiting(by_number, str(number)) for number in range(3)]
        with anyio.fail_after(30):
            found = await Panel(judges).compare("", ("1", "2"), (0, 1))
        assert found.winner == 1

    async def test_a_judge_is_told_the_fields_that_it_names_and_the_others_are_not(self) -> None:
        class Told(RuleJudge):
            def __init__(self) -> None:
                super().__init__(by_number, "told")
                self.info = JudgeInfo(kind="function", name="told", digest="t", fields=("rubric",))
                self.fields: list[Mapping[str, Any] | None] = []

            async def judge(
                self, prompt: str, first: str, second: str, *, fields: Any = None
            ) -> Verdict:
                self.fields.append(fields)
                return await super().judge(prompt, first, second)

        judge = Told()
        panel = Panel([judge, RuleJudge(by_number)]).told({"rubric": "High.", "other": 1})
        await panel.compare("", ("1", "2"), (0, 1))
        assert judge.fields == [{"rubric": "High."}] * 2


class TestFailures:
    def test_a_judge_whose_server_refuses_the_texts_abstains_with_the_reason(self) -> None:
        refused = failing(RejectedError("The server refuses these texts."))
        found = revised_before(by_number, by_number, refused)
        assert found.kept == 1
        assert [v.preference for v in votes_on(found)[2].verdicts] == ["unparseable"] * 2
        assert votes_on(found)[2].verdicts[0].reason == "The server refuses these texts."

    def test_a_judge_that_cannot_be_asked_ends_the_trajectory_and_is_named(self) -> None:
        found = revised_before(by_number, by_number, failing(UnreachableError("gone")))
        assert found.end is not None
        assert found.end.reason is StopReason.JUDGE_FAILED
        assert found.end.detail == "Round 1: the judge judge 3 failed: gone"

    def test_a_judge_whose_server_stays_away_past_the_wait_ends_the_call(self) -> None:
        with pytest.raises(EngineGoneError, match="The judge judge 2 cannot be asked: No answer"):
            revised_before(by_number, failing(EngineGoneError("No answer.")))

    async def test_a_single_judge_that_refuses_the_texts_has_failed(self) -> None:
        panel = Panel([RuleJudge(failing(RejectedError("No.")))])
        with pytest.raises(JudgeError, match=r"the judge failed: No\."):
            await panel.compare("", ("1", "2"), (0, 1))


class TestCandidates:
    def test_the_majority_chooses_and_where_it_is_undecided_the_earlier_one_stays(self) -> None:
        options: dict[str, Any] = {"candidates": 2, "texts": ("3 a", "9 b")}
        assert candidates(by_number, by_number, lower, **options).final == "9 b"
        assert candidates(by_number, lower, **options).final == "3 a"

    def test_the_votes_on_candidates_are_stored(self) -> None:
        found = candidates(by_number, by_number, lower, candidates=2, texts=("3 a", "9 b"))
        selection = found.versions[1].selection
        assert selection is not None
        (compared,) = selection.comparisons
        assert isinstance(compared, PanelComparison)
        assert [vote.is_for_challenger for vote in compared.votes] == [True, True, False]
        assert compared.winner == selection.chosen == 1

    def test_with_a_selector_the_panel_only_decides_what_is_kept(self) -> None:
        judges, selector = panel_of(by_number, by_number), RuleJudge(lower, "selector")
        found = candidates(
            candidates=2, texts=("3 a", "9 b"), keep="gate", judge=judges, selector=selector
        )
        assert (found.final, found.kept_text) == ("3 a", "5 first")
        assert all({"9 b"}.isdisjoint(texts) for judge in judges for _, *texts in judge.asked)


def candidates(*rules: Rule, texts: tuple[str, ...], **options: Any) -> Trajectory:
    """One round with candidates."""
    critique, *_ = cnr_rounds("")
    engine = ScriptedEngine([critique, *texts])
    options = {"judge": panel_of(*rules), "temperature": 1.0, **options}
    return revise(DRAFT, iterations=1, engine=engine, **options)


class TestStoring:
    def test_what_is_stored_is_read_and_no_judge_is_asked_again(self, tmp_path: Path) -> None:
        path = tmp_path / "s.sqlite"
        first = revised_before(by_number, by_number, silent, texts=("7 up", "6 down"), store=path)
        with Store.open_to_read(path) as store:
            (read,) = store.trajectories()
        assert read == first
        judges = panel_of(by_number, by_number, silent)
        options: dict[str, Any] = {"keep": "gate", "temperature": 1.0, "store": path}
        engine = ScriptedEngine(cnr_rounds("9 best"))
        found = revise(DRAFT, iterations=3, engine=engine, judge=judges, **options)
        assert found.kept_text == "9 best"
        for judge in judges:
            assert {text for _, *pair in judge.asked for text in pair} == {"7 up", "9 best"}

    def test_another_panel_is_another_run(self, tmp_path: Path) -> None:
        revised_before(by_number, by_number, store=tmp_path / "s.sqlite")
        with pytest.raises(StoreError, match=r"judges: .*judge 3"):
            revised_before(by_number, by_number, by_number, store=tmp_path / "s.sqlite")

    def test_a_sequence_of_one_is_that_judge(self, tmp_path: Path) -> None:
        path = tmp_path / "s.sqlite"
        alone = revised_before(store=path, judge=RuleJudge(by_number))
        assert revised_before(store=path, judge=[RuleJudge(by_number)]) == alone
        written = alone.versions[1].model_dump()["comparison"]
        assert list(written) == ["incumbent", "challenger", "verdicts"]

    def test_a_comparison_by_a_panel_goes_to_json_and_back(self) -> None:
        found = revised_before(by_number, lower)
        assert Trajectory.model_validate_json(found.model_dump_json()) == found


class TestWhoMayJudge:
    def judge_on(self, engine: ScriptedEngine) -> ModelJudge:
        return ModelJudge(engine, JudgePrompts.load())

    @pytest.mark.parametrize("others", [0, 1])
    def test_the_critic_is_refused_as_a_judge_unless_that_is_meant(self, others: int) -> None:
        both = itertools.chain(cnr_rounds("7 up"), ["Verdict: B", "Verdict: A"])
        engine = ScriptedEngine(both)
        judges = [self.judge_on(engine), *panel_of(by_number)[:others]]
        options: dict[str, Any] = {"iterations": 1, "engine": engine, "judge": judges}
        with pytest.raises(InputError, match=r"judge script is the model that writes.*self_judge"):
            revise(DRAFT, keep="gate", **options)
        assert not engine.requests
        assert revise(DRAFT, keep="gate", self_judge=True, **options).kept == 1

    def test_so_is_the_editor(self) -> None:
        editor = ScriptedEngine([])
        with pytest.raises(InputError, match="is the model that writes the revisions"):
            revise(
                DRAFT,
                engine=ScriptedEngine([]),
                editor=editor,
                keep="best",
                judge=self.judge_on(editor),
            )

    def test_it_may_choose_between_candidates_as_its_own_scores_would(self) -> None:
        critique, *_ = cnr_rounds("")
        engine = ScriptedEngine([critique, "3 a", "9 b", "Verdict: B", "Verdict: A"])
        found = revise(
            DRAFT, iterations=1, candidates=2, engine=engine, judge=self.judge_on(engine)
        )
        assert found.final == "9 b"

    def test_no_judge_has_two_votes(self) -> None:
        twice = [RuleJudge(by_number), RuleJudge(by_number)]
        with pytest.raises(InputError, match=r"Two judges are the same.*: rule\."):
            revised_before(judge=twice)

    def test_a_name_is_no_judge(self) -> None:
        with pytest.raises(InputError, match=r"judge is the text 'demo'.*open_judge"):
            revise(DRAFT, engine=ScriptedEngine([]), keep="gate", judge="demo")  # type: ignore[arg-type] # what is tested


class TestTheCommandLine:
    async def test_each_judge_has_its_own_server_and_its_own_key(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REVLOOP_JUDGE_API_KEY", "the first one's")
        monkeypatch.setenv("REVLOOP_JUDGE_2_API_KEY", "the second one's")
        async with (
            StubServer() as critic,
            StubServer(models=("qwen",)) as one,
            StubServer(models=("llama",)) as two,
        ):
            critic.on(COMPLETIONS, *[completion(str(text)) for text in cnr_rounds("7 up")])
            for judge in (one, two):
                judge.on(CHAT, chat_completion("Verdict: B"), chat_completion("Verdict: A"))
            finished = await revloop(
                *("revise", "5 first", "-n", "1", "--base-url", critic.base_url, "--json"),
                *("--keep", "gate", "--judge", one.base_url, "--judge", two.base_url),
                folder=tmp_path,
            )
            keys = [
                {asked.headers.get("Authorization") for asked in server.requests}
                for server in (critic, one, two)
            ]
        assert finished.code == 0, finished.err
        assert keys == [{None}, {"Bearer the first one's"}, {"Bearer the second one's"}]
        found = Trajectory.model_validate_json(finished.out)
        assert [vote.judge for vote in votes_on(found)] == ["qwen", "llama"]
        assert found.kept == 1

    async def test_the_critic_as_its_own_judge_is_refused_before_any_work(
        self, tmp_path: Path
    ) -> None:
        async with StubServer() as server:
            gate = ("--keep", "gate", "--judge", f"{server.base_url}/v1")
            words = ("revise", "5 first", "-n", "1", "--base-url", server.base_url, *gate)
            refused = await revloop(*words, folder=tmp_path)
            assert refused.code == 3
            assert "The judge critic is the model that writes the revisions" in refused.err
            assert "add --self-judge" in refused.err
            assert not server.asked(COMPLETIONS)
            server.on(COMPLETIONS, *[completion(str(text)) for text in cnr_rounds("7 up")])
            server.on(CHAT, chat_completion("Verdict: B"), chat_completion("Verdict: A"))
            meant = await revloop(*words, "--self-judge", folder=tmp_path)
        assert (meant.code, meant.out) == (0, "7 up\n"), meant.err

    @pytest.mark.parametrize("judges", ['"mine:higher"', '["mine:higher", "demo"]'])
    async def test_a_file_names_one_judge_or_several(self, tmp_path: Path, judges: str) -> None:
        (tmp_path / "revloop.toml").write_text(f"[loop]\njudge = {judges}\n")
        told = await revloop("config", "loop", "--json", folder=tmp_path)
        assert told.code == 0, told.err
        assert "mine:higher" in told.out
