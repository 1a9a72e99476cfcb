"""Answer files go through the checks of the benchmarks' own programs, restated from their source.

AlpacaEval: ``load_or_convert_to_dataframe``, ``get_generator_name`` and the join of
``annotate_head2head`` (tatsu-lab/alpaca_eval, commit cd543a1). Arena-Hard: ``load_model_answers``
and what ``pairwise_judgment`` reads (lmarena/arena-hard-auto, 196f6b8). MT-Bench:
``load_model_answers``, ``check_data`` and what the judge reads (lm-sys/FastChat, 0e6d3e4).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from revloop.errors import InputError
from revloop.export import ExportOptions, check_ending_for
from revloop.trajectory import Draft, StopReason
from tests.helpers.export_samples import counted, exported, scored, store_trajectories
from tests.helpers.judges import store_of

if TYPE_CHECKING:
    from pathlib import Path

    from revloop import Trajectory


def by_model(folder: Path, key: str) -> dict[str, dict[Any, Any]]:
    """The answers of each model by question, as Arena-Hard and FastChat load a folder."""
    answers: dict[str, dict[Any, Any]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        answers[path.name[:-6]] = {row[key]: row for row in rows}
    return answers


def asked(trajectory: Trajectory, **fields: Any) -> Trajectory:
    """The same trajectory of a draft with other fields."""
    draft = Draft.model_validate({"response": trajectory.original, **fields})
    return trajectory.model_copy(update={"draft": draft, "id": f"t-{draft.name}"})


class TestAlpacaEval:
    def test_805_answers_join_with_their_references(self, tmp_path: Path) -> None:
        pd = pytest.importorskip("pandas")
        made = [
            asked(
                scored(("Draft.", None), (f"Answer {n}.", None)),
                id=n,
                prompt=f"Instruction {n}?",
                extra={"dataset": "helpful_base", "generator": "their-model"},
            )
            for n in range(805)
        ]
        path = store_trajectories(tmp_path / "s.sqlite", *made)
        counted(path, "outputs.json", form="alpaca-eval", model_name="revised")

        outputs = pd.read_json(tmp_path / "outputs.json")
        assert len(outputs) == 805
        assert list(outputs["generator"].unique()) == ["revised"]
        references = pd.DataFrame(
            {"instruction": [f"Instruction {n}?" for n in range(805)], "output": "Theirs."}
        )
        joined = pd.merge(references, outputs, on=["instruction"], suffixes=("_1", "_2"))
        assert len(joined.drop_duplicates()) == 805
        assert list(joined["output_2"]) == [f"Answer {n}." for n in range(805)]

    def test_a_round_is_chosen_and_every_row_answers(self, tmp_path: Path) -> None:
        rows = [["a", "b", "c"], ["d"], ["e", "f"]]
        reasons = [StopReason.ROUNDS_DONE, StopReason.ENGINE_FAILED, None]
        path = store_of(tmp_path / "s.sqlite", rows, reasons=reasons)
        for round_, answers in (
            (None, ["c", "d", "f"]),
            (1, ["b", "d", "f"]),
            (0, ["a", "d", "e"]),
        ):
            found = exported(path, "o.json", form="alpaca-eval", round=round_)
            assert [row["output"] for row in found] == answers

    def test_other_endings_are_refused_because_the_program_would(self, tmp_path: Path) -> None:
        check = check_ending_for(ExportOptions(form="alpaca-eval"))
        check(tmp_path / "o.json")
        with pytest.raises(InputError, match=r"must be in a file whose name ends in \.json"):
            check(tmp_path / "o.jsonl")


def test_arena_hard_finds_answers_by_uid(tmp_path: Path) -> None:
    made = asked(
        scored(("Draft.", None), ("Answer 0.", None)),
        id="x",
        messages=[{"role": "system", "content": "Be short."}, {"role": "user", "content": "?"}],
        extra={"uid": "u0"},
    )
    path = store_trajectories(tmp_path / "s.sqlite", made)
    folder = tmp_path / "model_answer"
    folder.mkdir()
    counted(path, "model_answer/revised.jsonl", form="arena-hard")

    answer = by_model(folder, "uid")["revised"]["u0"]
    assert answer["model"] == "revised"
    assert answer["messages"][-1]["content"]["answer"] == "Answer 0."
    assert [turn["role"] for turn in answer["messages"]] == ["system", "user", "assistant"]


def test_mt_bench_reads_both_turns_of_a_question(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "Question 1?"},
        {"role": "assistant", "content": "First answer."},
        {"role": "user", "content": "Question 2?"},
    ]
    made = asked(
        scored(("Draft.", None), ("Second answer.", None)),
        id="theirs-81",
        messages=turns,
        extra={"question_id": 81, "model_id": "theirs"},
    )
    path = store_trajectories(tmp_path / "s.sqlite", made)
    folder = tmp_path / "model_answer"
    folder.mkdir()
    counted(path, "model_answer/revised.jsonl", form="mt-bench")

    answers = by_model(folder, "question_id")
    questions = [{"question_id": 81, "turns": ["Question 1?", "Question 2?"]}]
    assert all(question["question_id"] in answers["revised"] for question in questions)
    answer = answers["revised"][81]
    assert answer["model_id"] == "revised"
    assert answer["choices"][0]["turns"] == ["First answer.", "Second answer."]
