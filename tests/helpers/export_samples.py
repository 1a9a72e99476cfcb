"""Judged stores and exports of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from revloop.evaluation import Verdicts
from revloop.evaluation.verdicts import Question
from revloop.export import ExportOptions, export
from revloop.options import LoopOptions, RunSettings
from revloop.prompts import PromptSet
from revloop.store import Store
from revloop.trajectory import Critique, Draft, End, StopReason, Trajectory, Verdict, Version
from tests.helpers.judges import ENGINE, NOW, by_number, info

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from revloop.export import ExportCounts
    from revloop.trajectory import JudgeInfo, Preference


def judge_all_pairs(
    path: Path,
    rule: Callable[[str, str, str], Preference] = by_number,
    judge: JudgeInfo | None = None,
) -> Path:
    """Store a judge's verdicts on all pairs of versions, in both orders."""
    with Store.open_to_read(path) as store, Verdicts.open(path) as verdicts:
        for one in store.trajectories():
            texts = [version.text for version in one.versions]
            prompt = one.draft.prompt_text
            questions = [Question(prompt, a, b, one.draft.extra) for a in texts for b in texts]
            given = [(q, Verdict(preference=rule(*q[:3]))) for q in questions if q[1] != q[2]]
            verdicts.add(judge or info(), given)
    return path


def exported(path: Path, name: str = "out.jsonl", **options: Any) -> list[Any]:
    """The rows of an export as JSONL or as a JSON array."""
    counted(path, name, **options)
    text = (path.parent / name).read_text(encoding="utf-8")
    if name.endswith(".json"):
        rows: list[Any] = json.loads(text)
        return rows
    return [json.loads(line) for line in text.splitlines()]


def counted(path: Path, name: str = "out.jsonl", **options: Any) -> ExportCounts:
    """What an export counts."""
    return export(path, path.parent / name, ExportOptions.model_validate(options))


def store_trajectories(path: Path, *trajectories: Trajectory) -> Path:
    """A store of trajectories that were made elsewhere."""
    settings = RunSettings.resolve(LoopOptions(), PromptSet.load("cnr"), ENGINE)
    with Store.open(path) as store:
        run = store.begin_run(settings)
        made = [(store.begin(run, one.id, one.draft), one) for one in trajectories]
        store.add_finished(made)
    return path


def scored(*versions: tuple[str, float | None], id_: str = "d") -> Trajectory:
    """A finished trajectory of texts, each with the critic's score, the last one's unknown."""
    made = [
        Version(
            round=round_,
            text=text,
            critique=None
            if not round_
            else Critique(raw=f"Critique {round_}.", score=versions[round_ - 1][1]),
            created_at=NOW,
        )
        for round_, (text, _) in enumerate(versions)
    ]
    draft = Draft(id=id_, prompt="Why?", response=versions[0][0])
    end = End(reason=StopReason.ROUNDS_DONE, detail="All rounds are done.")
    return Trajectory(id=f"t-{id_}", draft=draft, versions=tuple(made), end=end)


def changed(trajectory: Trajectory, round_: int, **fields: Any) -> Trajectory:
    """A trajectory with other fields in one version."""
    versions = list(trajectory.versions)
    versions[round_] = versions[round_].model_copy(update=fields)
    return trajectory.model_copy(update={"versions": tuple(versions)})
