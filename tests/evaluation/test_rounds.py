"""Evaluating stores: the figures of all rounds, and their absence."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from revloop import InputError, StopReason
from revloop.evaluation import (
    Evaluation,
    Question,
    RoundFigures,
    Verdicts,
    ask_judge,
    count_store,
    evaluate,
    stored_judges,
)
from revloop.evaluation.rounds import rounds_of
from revloop.trajectory import Verdict
from tests.helpers.judges import (
    RuleJudge,
    always_first,
    by_number,
    coin,
    info,
    longer_wins,
    outcome,
    store_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.evaluation import Against

BOTH: frozenset[Against] = frozenset({"original", "previous"})
DONE = StopReason.ROUNDS_DONE


async def judged(path: Path, judge: RuleJudge, *, against: frozenset[Against] = BOTH) -> Evaluation:
    """The figures of a fully judged store."""
    rounds = count_store(path).rounds
    await ask_judge(path, judge, rounds=rounds, against=against)
    return evaluate(path, [judge.info], against=against)


def of_round(found: Evaluation, round_: int, against: Against = "original") -> RoundFigures:
    """The figures of one round, all records."""
    (told,) = [
        figures
        for figures in found.judges[0].rounds
        if (figures.round, figures.against, figures.group) == (round_, against, None)
    ]
    return told


class TestFigures:
    async def test_a_store_has_figures_for_each_round(self, tmp_path: Path) -> None:
        path = store_of(tmp_path / "s.sqlite", [["1", "2", "3"], ["5", "4", "6"], ["7", "7", "1"]])
        found = await judged(path, RuleJudge(by_number))
        first, second = of_round(found, 1), of_round(found, 2)
        assert (first.wins, first.ties, first.losses, first.unchanged) == (2, 2, 2, 1)
        assert (first.win_rate, first.harm_rate, first.order_flip_share) == (0.5, 1 / 3, 0.0)
        assert (second.wins, second.ties, second.losses) == (4, 0, 2)
        assert second.win_rate == pytest.approx(2 / 3)
        before = of_round(found, 2, "previous")
        assert (before.wins, before.losses) == (4, 2)

    async def test_the_papers_figure_comes_out_of_a_store(self, tmp_path: Path) -> None:
        """57 wins, 67 ties and 36 losses of 160 verdicts on 80 records: 56.6%."""
        path = store_of(tmp_path / "s.sqlite", [[f"old {n}", f"new {n}"] for n in range(80)])
        said = iter(["win"] * 57 + ["tie"] * 67 + ["loss"] * 36)
        judge = info("paper", "model")
        with Verdicts.open(path) as verdicts:
            for number in range(80):
                question = Question("Why?", f"old {number}", f"new {number}")
                for asked, win, loss in (
                    (question, "second", "first"),
                    (question.swapped, "first", "second"),
                ):
                    word = {"win": win, "loss": loss, "tie": "tie"}[next(said)]
                    verdict = Verdict.model_validate({"preference": word})
                    verdicts.add(judge, [(asked, verdict)])
        told = of_round(evaluate(path, [judge]), 1)
        assert (told.wins, told.ties, told.losses, told.win_rate) == (57, 67, 36, 0.565625)
        assert told.win_rate_low is not None
        assert told.win_rate_high is not None
        assert told.win_rate_low < 0.565625 < told.win_rate_high

    def test_rounds_are_tested_against_each_other_with_correction(self) -> None:
        """Round 1 wins 8 of 8 records (p = 2 / 2^8); round 2 gives 6 of them back (2 / 2^6)."""
        rows = [(1, [(1.0, 1.0)] * 8), (2, [(0.0, 0.0)] * 6 + [(1.0, 1.0)] * 2)]
        known = [outcome(n, s, round_=r) for r, scores in rows for n, s in enumerate(scores)]
        first, second = rounds_of(known, rounds=2, sizes={"": 8})
        assert first.p_against == pytest.approx(2 * 2 / 2**8)  # Holm: the smaller of two
        assert second.p_against == pytest.approx(2 * (1 + 8 + 28) / 2**8)
        assert first.p_previous is None
        assert second.p_previous == pytest.approx(2 / 2**6)

    async def test_lengths_do_not_depend_on_the_judge(self, tmp_path: Path) -> None:
        path = store_of(tmp_path / "s.sqlite", [["1 ab", "2 abcd"], ["1 ab", "2 abcdef"]])
        told = of_round(await judged(path, RuleJudge(by_number)), 1)
        assert (told.mean_characters, told.length_ratio) == (7.0, 1.75)

    async def test_groups_follow_the_figures_of_all_records(self, tmp_path: Path) -> None:
        fields = [{"kind": "mail"}, {"kind": "note"}, {"kind": "mail"}]
        rows = [["1", "2"], ["3", "2"], ["5", "9"]]
        path = store_of(tmp_path / "s.sqlite", rows, fields=fields)
        judge = RuleJudge(by_number)
        await ask_judge(path, judge, rounds=1)
        found = evaluate(path, [judge.info], by="kind")
        told = [(r.group, r.records, r.win_rate) for r in found.judges[0].rounds]
        assert told == [(None, 3, pytest.approx(2 / 3)), ("mail", 2, 1.0), ("note", 1, 0.0)]

    async def test_several_judges_are_compared(self, tmp_path: Path) -> None:
        rows = [[f"{n} {'x' * (n % 3)}", f"{9 - n} {'x' * (n % 4)}"] for n in range(10)]
        path = store_of(tmp_path / "s.sqlite", rows)
        judges = [RuleJudge(by_number, "one"), RuleJudge(by_number, "two")]
        for judge in judges:
            await ask_judge(path, judge, rounds=1)
        shared = evaluate(path, [judge.info for judge in judges]).agreement
        assert shared is not None
        assert (shared.judges, shared.share, shared.kappa) == (("one", "two"), 1.0, 1.0)

    async def test_figures_survive_json(self, tmp_path: Path) -> None:
        path = store_of(tmp_path / "s.sqlite", [["1", "2"]])
        found = await judged(path, RuleJudge(by_number))
        assert Evaluation.model_validate_json(found.model_dump_json()) == found


class TestWhatIsNotMeasured:
    async def test_a_failed_trajectory_is_missing_from_later_rounds(self, tmp_path: Path) -> None:
        rows = [["1", "2", "3"], ["1 b", "0 b"], ["5"]]
        reasons = [DONE, StopReason.ENGINE_FAILED, StopReason.UNPARSEABLE]
        path = store_of(tmp_path / "s.sqlite", rows, reasons=reasons)
        found = await judged(path, RuleJudge(by_number))
        first, second = of_round(found, 1), of_round(found, 2)
        assert (found.trajectories, found.failed, found.unfinished) == (3, 2, 0)
        assert (first.records, first.missing, first.wins, first.losses) == (2, 1, 2, 2)
        assert (second.records, second.missing, second.wins, second.losses) == (1, 2, 2, 0)

    def test_a_round_without_records_is_not_measured(self, tmp_path: Path) -> None:
        reasons = [StopReason.ENGINE_FAILED] * 12
        path = store_of(tmp_path / "s.sqlite", [[f"{n}"] for n in range(12)], reasons=reasons)
        found = evaluate(path, [info()], rounds=1)
        assert count_store(path).rounds == 0
        assert found.failed == 12
        assert found.judges[0].rounds == ()

    async def test_one_record_has_counts_but_no_interval_and_no_control(
        self, tmp_path: Path
    ) -> None:
        path = store_of(tmp_path / "s.sqlite", [["1", "2 longer"]])
        told = of_round(await judged(path, RuleJudge(by_number)), 1)
        assert (told.wins, told.win_rate, told.p_against) == (2, 1.0, 1.0)
        assert (told.win_rate_low, told.win_rate_high, told.length_controlled_win_rate) == (
            (None,) * 3
        )

    async def test_ties_alone_have_a_rate_but_no_interval(self, tmp_path: Path) -> None:
        path = store_of(tmp_path / "s.sqlite", [[f"{n} a", f"{n} b"] for n in range(30)])
        told = of_round(await judged(path, RuleJudge(lambda *_: "tie")), 1)
        assert (told.ties, told.win_rate, told.harm_rate) == (60, 0.5, 0.0)
        assert (told.win_rate_low, told.p_against) == (None, None)

    async def test_unreadable_verdicts_are_not_ties(self, tmp_path: Path) -> None:
        path = store_of(tmp_path / "s.sqlite", [[f"{n} a", f"{n} b"] for n in range(30)])
        told = of_round(await judged(path, RuleJudge(lambda *_: "unparseable")), 1)
        assert (told.wins, told.ties, told.losses, told.unparseable) == (0, 0, 0, 60)
        measured = (told.win_rate, told.harm_rate, told.order_flip_share, told.p_against)
        assert measured == (None,) * 4

    async def test_an_unreadable_judge_has_no_figures_from_unchanged_texts(
        self, tmp_path: Path
    ) -> None:
        rows = [[f"{n} a", f"{n} b"] for n in range(10)] + [["same", "same"]] * 10
        path = store_of(tmp_path / "s.sqlite", rows)
        found = await judged(path, RuleJudge(lambda *_: "unparseable"))
        told = of_round(found, 1)
        assert (told.ties, told.readable, told.unparseable, told.counted) == (20, 0, 20, 0)
        assert (told.win_rate, told.harm_rate) == (None, None)
        assert found.judges[0].is_unreadable

    async def test_the_figures_state_how_many_records_they_cover(self, tmp_path: Path) -> None:
        reasons = [StopReason.ENGINE_FAILED, StopReason.ROUNDS_DONE, StopReason.ROUNDS_DONE]
        rows = [["1"], ["1 a", "2 a"], ["3", "3"]]
        path = store_of(tmp_path / "s.sqlite", rows, reasons=reasons)
        found = await judged(path, RuleJudge(by_number))
        told = of_round(found, 1)
        assert (told.counted, told.records, told.missing) == (2, 2, 1)
        assert told.win_rate == 0.75
        assert not found.judges[0].is_unreadable

    def test_incomplete_verdicts_give_no_figures(self, tmp_path: Path) -> None:
        rows = [[f"{n} a", f"{n} b"] for n in range(20)] + [["same", "same"]] * 20
        path = store_of(tmp_path / "s.sqlite", rows)
        judge = info("anna", "people")
        with Verdicts.open(path) as verdicts:
            for n in range(15):
                verdicts.add(
                    judge, [(Question("Why?", f"{n} a", f"{n} b"), Verdict(preference="second"))]
                )
        told = of_round(evaluate(path, [judge]), 1)
        assert (told.unjudged, told.wins, told.unchanged) == (5, 15, 20)
        measured = (
            told.win_rate,
            told.win_rate_low,
            told.p_against,
            told.length_controlled_win_rate,
        )
        assert measured == (None,) * 4

    def test_an_empty_store_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="holds no trajectory"):
            evaluate(store_of(tmp_path / "s.sqlite", []), [info()])

    def test_a_field_that_no_draft_has_is_an_error(self, tmp_path: Path) -> None:
        path = store_of(tmp_path / "s.sqlite", [["1", "2"]], fields=[{"kind": "mail"}])
        with pytest.raises(InputError, match=r"No draft of .* has a field 'king'"):
            evaluate(path, [info()], by="king")

    def test_judges_are_listed_in_the_order_of_their_first_verdict(self, tmp_path: Path) -> None:
        path = store_of(tmp_path / "s.sqlite", [["1", "2"]])
        assert stored_judges(path) == []
        with Verdicts.open(path) as verdicts:
            verdicts.add(info("b"), [(Question("", "1", "2"), Verdict(preference="tie"))])
            verdicts.add(info("a"), [(Question("", "1", "2"), Verdict(preference="tie"))])
        assert stored_judges(path) == [info("b"), info("a")]
        with Verdicts.open(path) as verdicts:  # further verdicts do not change the order
            verdicts.add(info("b"), [(Question("", "3", "4"), Verdict(preference="tie"))])
        assert stored_judges(path) == [info("b"), info("a")]


class TestBiasedJudges:
    """The figures reveal each bias, on texts whose quality does not depend on length."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        drawn = random.Random(3)
        rows = []
        for number in range(240):
            longer = drawn.random() < 0.65
            lengths = sorted(drawn.sample(range(20, 400), 2), reverse=not longer)
            quality = drawn.sample(range(100), 2)
            rows.append([f"{q} {number} {'x' * n}" for q, n in zip(quality, lengths, strict=True)])
        return store_of(tmp_path / "s.sqlite", rows)

    async def test_one_that_always_says_first(self, path: Path) -> None:
        told = of_round(await judged(path, RuleJudge(always_first)), 1)
        assert (told.order_flip_share, told.win_rate, told.harm_rate) == (1.0, 0.5, 0.0)
        assert told.length_controlled_win_rate == pytest.approx(0.5, abs=0.01)

    async def test_one_that_prefers_the_longer(self, path: Path) -> None:
        told = of_round(await judged(path, RuleJudge(longer_wins)), 1)
        assert told.win_rate is not None
        assert told.win_rate > 0.6
        assert told.length_controlled_win_rate == pytest.approx(0.5, abs=0.1)
        assert told.order_flip_share == 0.0
        assert told.p_against is not None
        assert told.p_against < 0.001  # significant, and revealed only by the length control

    async def test_one_that_flips_a_coin(self, path: Path) -> None:
        told = of_round(await judged(path, RuleJudge(coin())), 1)
        assert told.order_flip_share == pytest.approx(0.5, abs=0.1)
        assert told.win_rate == pytest.approx(0.5, abs=0.1)
        assert told.length_controlled_win_rate == pytest.approx(0.5, abs=0.1)

    async def test_one_that_reads_the_texts(self, path: Path) -> None:
        told = of_round(await judged(path, RuleJudge(by_number)), 1)
        assert told.order_flip_share == 0.0
        assert told.win_rate == pytest.approx(told.length_controlled_win_rate, abs=0.03)
