"""What prompt sets do to good answers: what counts as changed, broken and left alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from revloop.trajectory import StopReason

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("statsmodels")
pytest.importorskip("lm_eval", reason="pip install 'lm-eval[ifeval]'")

from benchmarks.ifeval.good_answers import Answer, compared, figures, good_answers

KEPT = Answer(is_changed=False, is_broken=False, reason=StopReason.NOTHING_TO_IMPROVE, tokens=10)
CHANGED = Answer(is_changed=True, is_broken=False, reason=StopReason.ROUNDS_DONE, tokens=30)
BROKEN = Answer(is_changed=True, is_broken=True, reason=StopReason.ROUNDS_DONE, tokens=30)
FAILED = Answer(is_changed=False, is_broken=False, reason=StopReason.UNPARSEABLE, tokens=90)


def test_shares_are_of_all_answers() -> None:
    found = figures([KEPT, CHANGED, BROKEN, FAILED])
    names = ("changed", "broken", "no_change_wanted", "failed")
    assert [found[name]["count"] for name in names] == [2, 1, 1, 1]
    assert found["broken"]["share"] == 0.25
    assert found["tokens_an_answer"] == 40


def test_two_sets_are_compared_answer_by_answer() -> None:
    assert compared([KEPT] * 6, [BROKEN] * 6) == pytest.approx(2 / 2**6)
    assert compared([BROKEN], [BROKEN]) is None


def test_the_shortest_answers_that_follow_are_taken_at_most_two_of_a_prompt(tmp_path: Path) -> None:
    (tmp_path / "ifeval").mkdir()
    rows: list[dict[str, object]] = [
        {
            "key": key,
            "prompt": "Use no commas.",
            "instruction_id_list": ["punctuation:no_comma"],
            "kwargs": [{}],
        }
        for key in (1, 2)
    ]
    (tmp_path / "ifeval" / "prompts.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    texts = [(1, "a, b"), (1, "three words here"), (1, "two words"), (1, "one"), (2, "only")]
    lines = [json.dumps({"key": key, "response": text}) for key, text in texts]
    (tmp_path / "answers.jsonl").write_text("\n".join(lines), "utf-8")
    found = good_answers(tmp_path / "answers.jsonl", tmp_path, 10)
    assert [one.response for one in found] == ["one", "only", "two words"]
    assert good_answers(tmp_path / "answers.jsonl", tmp_path, 1)[0].response == "one"
