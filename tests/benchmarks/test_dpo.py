"""The pairs of a store train a model, and what they did to it is measured."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from benchmarks.experiment.dpo import METRICS, fault_figures, run
from revloop import Draft, Trajectory, Version
from revloop.demo import demo_drafts
from revloop.demo.critique import correct
from revloop.demo.judge import compare
from revloop.trajectory import End, StopReason
from tests.helpers.export_samples import counted, judge_all_pairs, store_trajectories
from tests.helpers.judges import NOW, info

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = Namespace(held_out=2, epochs=1, sft_rate=1e-3, steps=1, dpo_rate=1e-5)


def corrected(draft: Draft) -> Trajectory:
    texts = (draft.response, correct(draft.prompt or "", draft.response))
    versions = tuple(
        Version(round=number, text=text, created_at=NOW) for number, text in enumerate(texts)
    )
    end = End(reason=StopReason.ROUNDS_DONE, detail="All rounds are done.")
    return Trajectory(id=draft.name, draft=draft, versions=versions, end=end)


def test_both_trainings_run_on_the_files_of_a_store(tmp_path: Path) -> None:
    made = map(corrected, demo_drafts(6, faults=(2, 3)))
    store = store_trajectories(tmp_path / "s.sqlite", *made)
    judge_all_pairs(store, compare, info("demo"))
    files = {form: tmp_path / f"{form}.jsonl" for form in ("sft", "dpo")}
    for form, file in files.items():
        counted(store, file.name, form=form)
    found = run(files, tmp_path, OPTIONS)
    assert found["sft"]["rows"] == found["dpo"]["pairs"] == 4
    before, after = found["held_out_pairs"]["before"], found["held_out_pairs"]["after"]
    assert set(before) == set(after) == set(METRICS)
    assert round(before["loss"], 2) == 0.69, "a model is no better than itself: the log of two"
    assert before["logps/chosen"] != after["logps/chosen"]
    assert set(found["answers"]) == {"after sft", "after dpo"}


def test_faults_are_the_judges() -> None:
    draft = demo_drafts(1, faults=(2, 2))[0]
    prompt = draft.prompt or ""
    found = fault_figures([prompt, prompt], [draft.response, correct(prompt, draft.response)])
    assert found == {"mean_faults": 1.0, "fault_free": 0.5}
