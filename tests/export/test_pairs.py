"""Preference pairs: who wins decides, in both orders, and equal texts make none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop.errors import InputError
from revloop.trajectory import StopReason
from tests.helpers.export_samples import counted, exported, judge_all_pairs
from tests.helpers.judges import always_first, by_number, info, longer_wins, store_of
from tests.helpers.panel_samples import lower, revised_before

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [["5 a", "6 b", "7 c"], ["5 a", "4 harmed", "3 harmed"], ["5 same", "6 other", "5 same"]]


def tie(*_: str) -> Any:
    return "tie"


def tie_unless_first_is_longer(_prompt: str, first: str, second: str) -> Any:
    return "first" if len(first) > len(second) else "tie"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """One trajectory that gets better, one that gets worse, one that ends as it began."""
    return judge_all_pairs(store_of(tmp_path / "s.sqlite", TEXTS))


def pairs(rows: list[Any]) -> list[tuple[str, str]]:
    return [(row["chosen"], row["rejected"]) for row in rows]


def test_the_preferred_text_is_chosen_even_if_it_is_the_original(store: Path) -> None:
    rows = exported(store, form="dpo", chat=False)
    assert pairs(rows) == [("7 c", "5 a"), ("5 a", "3 harmed")]
    assert rows[1] == {
        "id": "d2",
        "chosen_round": 0,
        "rejected_round": 2,
        "prompt": "Why?",
        "chosen": "5 a",
        "rejected": "3 harmed",
    }


def test_chat_messages_are_the_default(store: Path) -> None:
    row = exported(store, form="dpo")[0]
    assert row["prompt"] == [{"role": "user", "content": "Why?"}]
    assert row["chosen"] == [{"role": "assistant", "content": "7 c"}]
    assert row["rejected"] == [{"role": "assistant", "content": "5 a"}]


def test_adjacent_versions_are_paired_with_what_they_revise(store: Path) -> None:
    assert pairs(exported(store, form="dpo", chat=False, pairs="adjacent")) == [
        *(("6 b", "5 a"), ("7 c", "6 b")),
        *(("5 a", "4 harmed"), ("4 harmed", "3 harmed")),
        ("6 other", "5 same"),
    ]


def test_all_pairs_have_each_two_texts_once_and_never_equal_ones(store: Path) -> None:
    rows = exported(store, form="dpo", chat=False, pairs="all")
    assert len(rows) == len(set(pairs(rows))) == 3 + 3 + 1
    assert all(row["chosen"] != row["rejected"] for row in rows)


def test_what_makes_no_pair_is_counted(store: Path) -> None:
    assert counted(store, form="dpo").left_out == {"pairs of equal texts": 1}


def test_a_judge_that_prefers_a_place_makes_no_pair(tmp_path: Path) -> None:
    store = judge_all_pairs(store_of(tmp_path / "s.sqlite", [["5 a", "6 b"]]), always_first)
    with pytest.raises(InputError, match="pairs without a clear preference: 1"):
        exported(store, form="dpo")
    assert not store.with_name("out.jsonl").exists()


def test_a_tie_in_one_order_needs_any_order(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["5 a", "5 longer"]])
    judge_all_pairs(path, tie_unless_first_is_longer)
    with pytest.raises(InputError, match="without a clear preference"):
        exported(path, form="dpo")
    (row,) = exported(path, form="reward", chat=False, orders="any")
    assert (row["chosen"], row["rejected"], row["margin"]) == ("5 longer", "5 a", 0.5)
    with pytest.raises(InputError, match="without a clear preference"):
        exported(path, "b.jsonl", form="dpo", orders="any", drop_ties=True)


def test_pairs_that_nobody_compared_are_counted_apart(tmp_path: Path) -> None:
    path = judge_all_pairs(store_of(tmp_path / "s.sqlite", [["5 a", "6 b"]]))
    with pytest.raises(InputError, match="nobody compared: 1"):
        counted(store_and_stranger(path), form="dpo", judge=["stranger"])


def store_and_stranger(path: Path) -> Path:
    """The store with a second judge, who compared other texts."""
    from revloop.evaluation import Question, Verdicts
    from revloop.trajectory import Verdict

    with Verdicts.open(path) as verdicts:
        verdicts.add(info("stranger"), [(Question("", "x", "y"), Verdict(preference="first"))])
    return path


def test_people_judge_one_order_only(tmp_path: Path) -> None:
    from revloop.evaluation import Question, Verdicts
    from revloop.trajectory import Verdict

    path = store_of(tmp_path / "s.sqlite", [["5 a", "6 b"]])
    with Verdicts.open(path) as verdicts:
        question = Question("Why?", "6 b", "5 a")
        verdicts.add(info("Ann", "people"), [(question, Verdict(preference="first"))])
    assert pairs(exported(path, form="dpo", chat=False)) == [("6 b", "5 a")]


def test_several_judges_must_agree(store: Path) -> None:
    judge_all_pairs(store, longer_wins, info("length"))
    # the second judge prefers "3 harmed", which is longer, and is undecided about "7 c"
    assert pairs(exported(store, form="dpo", chat=False)) == [("7 c", "5 a")]
    assert len(exported(store, "b.jsonl", form="dpo", judge=["rule"])) == 2
    with pytest.raises(InputError, match="clear preference: 2"):
        exported(store, "c.jsonl", form="dpo", min_judges=2)


def test_the_votes_of_the_runs_panel_count_without_asking_again(tmp_path: Path) -> None:
    revised_before(by_number, by_number, store=tmp_path / "s.sqlite")
    found = exported(tmp_path / "s.sqlite", form="dpo", min_judges=2, chat=False)
    assert pairs(found) == [("7 up", "5 first")]


def test_a_version_that_all_judges_of_a_panel_refused_is_a_hard_negative(tmp_path: Path) -> None:
    revised_before(lower, lower, store=tmp_path / "s.sqlite")
    found = exported(tmp_path / "s.sqlite", form="dpo", hard_negatives=True, chat=False)
    assert pairs(found) == [("5 first", "7 up")]


def test_an_unknown_judge_is_refused_with_those_that_there_are(store: Path) -> None:
    with pytest.raises(InputError, match="no verdict of a judge 'x'; it has those of 'rule'"):
        exported(store, form="dpo", judge=["x"])


def test_without_verdicts_the_way_out_is_told(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", TEXTS)
    with pytest.raises(InputError, match=r"has no verdicts.*--prefer scores"):
        exported(path, form="dpo")


def test_a_text_that_is_too_many_times_longer_makes_no_pair(store: Path) -> None:
    counts = counted(store, form="dpo", max_length_ratio=2)
    assert (counts.rows, counts.left_out["pairs beyond the length ratio"]) == (1, 1)


def test_unfinished_and_failed_trajectories_are_left_out(tmp_path: Path) -> None:
    reasons = [None, StopReason.ENGINE_FAILED, StopReason.ROUNDS_DONE]
    path = judge_all_pairs(store_of(tmp_path / "s.sqlite", [TEXTS[0]] * 3, reasons=reasons))
    counts = counted(path, form="dpo")
    assert (counts.trajectories, counts.rows) == (3, 1)
    assert counts.left_out == {"unfinished trajectories": 1, "failed trajectories": 1}


def test_without_a_prompt_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    path = judge_all_pairs(store_of(tmp_path / "s.sqlite", [["5 a", "6 b"]], prompt=None))
    with pytest.raises(InputError, match="without a prompt: 1"):
        exported(path, form="dpo")


def test_a_field_chooses_drafts(tmp_path: Path) -> None:
    fields: list[dict[str, Any]] = [
        {"kind": "mail", "n": 1},
        {"kind": "note", "n": 1},
        {"kind": "mail"},
    ]
    path = judge_all_pairs(store_of(tmp_path / "s.sqlite", [TEXTS[0]] * 3, fields=fields))
    assert [row["id"] for row in exported(path, form="dpo", where=["kind=mail"])] == ["d1", "d3"]
    both = exported(path, "b.jsonl", form="dpo", where=["kind=mail", "n=1"])
    assert [row["id"] for row in both] == ["d1"]
    with pytest.raises(InputError, match="--where takes FIELD=VALUE, not 'kind'"):
        exported(path, form="dpo", where=["kind"])


def test_a_sample_is_drawn_by_its_seed_and_keeps_the_order(tmp_path: Path) -> None:
    path = judge_all_pairs(store_of(tmp_path / "s.sqlite", [TEXTS[0]] * 20))
    first, again, other = (
        [row["id"] for row in exported(path, f"{n}.jsonl", form="dpo", sample=5, seed=seed)]
        for n, seed in enumerate((0, 0, 1))
    )
    assert len(first) == 5
    assert first == again == sorted(first, key=lambda name: int(name[1:]))
    assert first != other
    assert len(exported(path, "all.jsonl", form="dpo", sample=50)) == 20
