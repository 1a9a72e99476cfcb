"""Each form's rows: columns, labels, margins, and what makes none."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import pytest

from revloop.errors import InputError
from revloop.export import ExportOptions, check_ending_for, check_form
from revloop.export.forms import FORMS
from revloop.records import Record
from revloop.trajectory import Comparison, OtherCandidate, Selection, Verdict, Veto
from revloop.values import Number
from tests.helpers.export_samples import (
    changed,
    counted,
    exported,
    judge_all_pairs,
    scored,
    store_trajectories,
)
from tests.helpers.judges import store_of

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.trajectory import Preference

BETTER = scored(("5 a", 3.0), ("6 b", 5.0), ("7 c", None), id_="up")
WORSE = scored(("5 a", 7.0), ("4 b", 2.0), ("6 c", None), id_="down-up")
USER = {"role": "user", "content": "Why?"}


def compared(first: Preference, second: Preference) -> Comparison:
    """A comparison of version 0 with version 1."""
    verdicts = (Verdict(preference=first), Verdict(preference=second))
    return Comparison(incumbent=0, challenger=1, verdicts=verdicts)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """One trajectory that gets better twice, one that gets worse and then better."""
    return judge_all_pairs(store_trajectories(tmp_path / "s.sqlite", BETTER, WORSE))


class TestSft:
    def test_a_row_is_the_conversation_with_the_kept_version(self, store: Path) -> None:
        answer = {"role": "assistant", "content": "7 c"}
        assert exported(store, form="sft")[0] == {"id": "up", "messages": [USER, answer]}

    def test_plain_texts_are_a_prompt_and_a_completion(self, store: Path) -> None:
        row = exported(store, form="sft", chat=False)[0]
        assert row == {"id": "up", "prompt": "Why?", "completion": "7 c"}

    def test_a_judge_leaves_only_what_it_prefers_to_the_original(self, tmp_path: Path) -> None:
        rows = [["5 a", "6 b"], ["5 a", "4 b"], ["5 a", "5 a"]]
        path = judge_all_pairs(store_of(tmp_path / "s.sqlite", rows))
        assert len(exported(path, form="sft")) == 3
        counts = counted(path, "b.jsonl", form="sft", judge=["rule"])
        assert counts.rows == 1
        assert counts.left_out == {
            "kept versions that are not preferred to the original": 1,
            "pairs of equal texts": 1,
        }


class TestKto:
    def test_each_text_of_the_pairs_has_a_label(self, store: Path) -> None:
        rows = exported(store, form="kto", chat=False)
        assert [(row["id"], row["round"], row["completion"], row["label"]) for row in rows] == [
            *(("up", 2, "7 c", True), ("up", 0, "5 a", False)),
            *(("down-up", 2, "6 c", True), ("down-up", 0, "5 a", False)),
        ]

    def test_a_text_that_won_and_lost_is_left_out(self, store: Path) -> None:
        rows = exported(store, form="kto", chat=False, pairs="adjacent")
        assert [(row["completion"], row["label"]) for row in rows] == [
            *(("5 a", False), ("7 c", True)),
            *(("5 a", True), ("4 b", False), ("6 c", True)),
        ]
        counts = counted(store, "b.jsonl", form="kto", pairs="adjacent")
        assert counts.left_out == {"texts that won one pair and lost another": 1}


class TestReward:
    def test_judges_that_agree_in_all_orders_make_the_margin_one(self, store: Path) -> None:
        assert [row["margin"] for row in exported(store, form="reward")] == [1.0, 1.0]

    def test_the_difference_of_the_critics_scores_is_a_margin(self, store: Path) -> None:
        rows = exported(store, form="reward", chat=False, prefer="scores", pairs="adjacent")
        assert [(row["chosen"], row["rejected"], row["margin"]) for row in rows] == [
            ("6 b", "5 a", 2.0),
            ("5 a", "4 b", 5.0),
        ]

    def test_hard_negatives_have_no_margin(self) -> None:
        with pytest.raises(InputError, match="--hard-negatives has no effect on the form 'reward'"):
            check_form(ExportOptions(form="reward", hard_negatives=True))


def test_steps_are_judged_round_by_round(store: Path) -> None:
    first, second = exported(store, form="steps")
    assert first == {
        "id": "up",
        "prompt": "Why?",
        "response": "5 a",
        "critiques": ["Critique 1.", "Critique 2."],
        "completions": ["6 b", "7 c"],
        "verdicts": ["better", "better"],
        "labels": [True, True],
    }
    assert (second["verdicts"], second["labels"]) == (["worse", "better"], [False, True])


def test_a_critic_learns_from_the_rounds_that_won(store: Path) -> None:
    rows = exported(store, form="critic")
    records = [Record.model_validate(row) for row in rows]
    assert [(r.id, r.response, r.critique, r.revision, r.score) for r in records] == [
        ("t-up/1", "5 a", "Critique 1.", "6 b", 3.0),
        ("t-up/2", "6 b", "Critique 2.", "7 c", 5.0),
        ("t-down-up/2", "4 b", "Critique 2.", "6 c", 2.0),
    ]
    counts = counted(store, "b.jsonl", form="critic")
    assert counts.left_out == {"rounds whose revision did not win": 1}


def test_numbers_in_records_keep_their_digits(tmp_path: Path) -> None:
    fields = {"cost": Number("2.50"), "limit": Number("1e400")}
    draft = BETTER.draft.model_copy(update={"extra": fields})
    made = BETTER.model_copy(update={"draft": draft})
    path = judge_all_pairs(store_trajectories(tmp_path / "s.sqlite", made))
    assert counted(path, "b.jsonl", form="critic").rows == 2
    assert '"cost":2.50,"limit":1e400' in (tmp_path / "b.jsonl").read_text()


def test_a_score_gain_is_demanded_of_the_better_text(store: Path) -> None:
    options: dict[str, Any] = {"form": "dpo", "pairs": "adjacent", "min_score_gain": 3}
    (row,) = exported(store, chat=False, **options)
    assert (row["chosen"], row["rejected"]) == ("5 a", "4 b")
    assert counted(store, "b.jsonl", **options).left_out == {"pairs below the score gain": 3}


def test_the_verdicts_of_the_runs_own_judge_count(tmp_path: Path) -> None:
    from revloop import Reviser
    from tests.helpers.judges import RuleJudge, by_number
    from tests.helpers.scripted_engine import ScriptedEngine, cnr_rounds

    path = tmp_path / "s.sqlite"
    engine = ScriptedEngine(cnr_rounds("6 better"))
    with Reviser(engine=engine, judge=RuleJudge(by_number), keep="best", store=path) as reviser:
        reviser.revise({"prompt": "Why?", "response": "5 a"}, iterations=1)
    (row,) = exported(path, form="dpo", chat=False)
    assert (row["chosen"], row["rejected"]) == ("6 better", "5 a")


class TestHardNegatives:
    def pairs(self, path: Path, trajectory: object) -> list[tuple[str, str]]:
        from revloop import Trajectory

        assert isinstance(trajectory, Trajectory)
        store_trajectories(path, trajectory)
        judge_all_pairs(path)
        rows = exported(path, form="dpo", chat=False, hard_negatives=True)
        return [(row["chosen"], row["rejected"]) for row in rows]

    def test_a_candidate_with_a_lower_score_is_one(self, tmp_path: Path) -> None:
        others = (OtherCandidate(text="lower"), OtherCandidate(text="equal"))
        selection = Selection(chosen=1, others=others, scores=(2.0, 5.0, 5.0))
        made = changed(scored(("5 a", 3.0), ("6 b", None)), 1, selection=selection)
        assert self.pairs(tmp_path / "s.sqlite", made) == [("6 b", "5 a"), ("6 b", "lower")]

    def test_a_candidate_that_lost_to_the_selected_one_is_one(self, tmp_path: Path) -> None:
        others = (OtherCandidate(text="lost"), OtherCandidate(text="undecided"))
        lost = Comparison(
            incumbent=0,
            challenger=1,
            verdicts=(Verdict(preference="second"), Verdict(preference="first")),
        )
        flipped = Comparison(
            incumbent=1,
            challenger=2,
            verdicts=(Verdict(preference="first"), Verdict(preference="first")),
        )
        selection = Selection(chosen=1, others=others, comparisons=(lost, flipped))
        made = changed(scored(("5 a", 3.0), ("6 b", None)), 1, selection=selection)
        assert self.pairs(tmp_path / "s.sqlite", made) == [("6 b", "5 a"), ("6 b", "lost")]

    def test_a_version_that_breaks_checks_is_one(self, tmp_path: Path) -> None:
        veto = Veto(incumbent=1, checks=("short",))
        made = changed(scored(("5 a", 3.0), ("6 b", None), ("7 bad", None)), 2, veto=veto)
        assert self.pairs(tmp_path / "s.sqlite", made) == [("6 b", "5 a"), ("6 b", "7 bad")]

    def test_a_version_that_lost_in_both_orders_is_one(self, tmp_path: Path) -> None:
        lost = changed(
            scored(("5 a", 3.0), ("4 b", None)), 1, comparison=compared("first", "second")
        )
        assert self.pairs(tmp_path / "s.sqlite", lost) == [("5 a", "4 b")]

    def test_a_version_that_a_judge_contradicted_itself_about_is_none(self, tmp_path: Path) -> None:
        path = tmp_path / "s.sqlite"
        flipped = changed(
            scored(("5 a", 3.0), ("4 b", None)), 1, comparison=compared("first", "first")
        )
        store_trajectories(path, flipped)
        judge_all_pairs(path)
        with pytest.raises(InputError, match="none of 1 trajectories makes a row"):
            exported(path, form="dpo", hard_negatives=True)


class TestVersions:
    def test_a_row_is_a_version_of_any_trajectory(self, tmp_path: Path) -> None:
        path = store_of(tmp_path / "s.sqlite", [["5 a", "6 b"], ["5 c"]], reasons=[None])
        rows = exported(path, form="versions")
        assert [(row["id"], row["round"], row["text"], row["end"]) for row in rows] == [
            ("d1", 0, "5 a", None),
            ("d1", 1, "6 b", None),
            ("d2", 0, "5 c", "rounds_done"),
        ]

    def test_the_score_is_that_of_the_version_itself(self, store: Path) -> None:
        rows = exported(store, form="versions")[:3]
        assert [row["score"] for row in rows] == [3.0, 5.0, None]
        assert [row["critique"] for row in rows] == [None, "Critique 1.", "Critique 2."]
        assert [row["is_kept"] for row in rows] == [False, False, True]

    def test_the_columns_are_those_of_the_rows(self) -> None:
        assert list(BETTER.to_rows()[0]) == list(FORMS["versions"].columns(ExportOptions()))

    def test_csv_does_not_run_formulas(self, tmp_path: Path) -> None:
        path = store_of(tmp_path / "s.sqlite", [["=1+1", "+2"]])
        counted(path, "v.csv", form="versions")
        with (tmp_path / "v.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["text"] for row in rows] == ["'=1+1", "'+2"]
        assert rows[0]["critique"] == ""


@pytest.mark.parametrize("name", ["versions", "sft", "dpo", "kto", "reward", "steps"])
@pytest.mark.parametrize("chat", [True, False])
def test_parquet_has_the_rows_of_jsonl(store: Path, name: str, chat: bool) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    options = {"form": name, "chat": chat} if name not in {"versions", "steps"} else {"form": name}
    rows = exported(store, **options)
    counted(store, "out.parquet", **options)
    assert pq.read_table(store.with_name("out.parquet")).to_pylist() == rows


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("o.csv", {"form": "dpo"}),
        ("o.csv", {"form": "steps"}),
        ("o.csv", {"form": "sft"}),
        ("o.json", {"form": "dpo"}),
        ("o.xlsx", {"form": "versions"}),
        ("o.txt", {"form": "kto"}),
        ("o.parquet", {"form": "critic"}),
    ],
)
def test_an_ending_that_a_form_does_not_have_is_refused(
    tmp_path: Path, name: str, options: dict[str, object]
) -> None:
    with pytest.raises(InputError, match=r"cannot be written\. Rows of the form"):
        check_ending_for(ExportOptions.model_validate(options))(tmp_path / name)


@pytest.mark.parametrize("form", ["versions", "sft", "dpo", "kto", "reward"])
def test_flat_rows_may_be_csv(tmp_path: Path, form: str) -> None:
    chat = {} if form == "versions" else {"chat": False}
    options = ExportOptions.model_validate({"form": form, **chat})
    check_form(options)
    check_ending_for(options)(tmp_path / "o.csv")


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({"form": "versions", "pairs": "all"}, "--pairs"),
        ({"form": "versions", "chat": False}, "--chat"),
        ({"form": "dpo", "round": 1}, "--round"),
        ({"judge": ("x",)}, "--judge"),
        ({"form": "mt-bench", "sample": 3}, "--sample"),
    ],
)
def test_an_option_without_effect_is_refused(options: dict[str, object], flag: str) -> None:
    with pytest.raises(InputError, match=f"{flag} has no effect on the form"):
        check_form(ExportOptions.model_validate(options))
