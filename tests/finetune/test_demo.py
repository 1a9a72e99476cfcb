"""The second stage of the demo critic on a small scale, with the shipped base and recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop.demo import BASE_FOLDER
from revloop.demo.records import demo_records
from revloop.finetune import Recipe, finetune, with_changes

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.finetune import TrainingStep


def written(path: Path, count: int, seed: int) -> Path:
    """A file of generated records."""
    lines = [
        record.model_dump_json(exclude_defaults=True) for record in demo_records(count, seed=seed)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> list[TrainingStep]:
    """The steps of a training on 48 records, evaluated on 12 others after every step."""
    folder = tmp_path_factory.mktemp("demo")
    told: list[TrainingStep] = []
    finetune(
        written(folder / "records.jsonl", 48, seed=1),
        str(BASE_FOLDER),
        folder / "run",
        with_changes(Recipe.load("demo").settings, epochs=2.0, checkpoint_steps=3),
        validation=written(folder / "held-out.jsonl", 12, seed=2),
        on_step=told.append,
    )
    return told


def test_the_base_learns_the_layout_of_the_critic_from_a_few_records(
    steps: list[TrainingStep],
) -> None:
    first, *_, last = [step.validation_loss for step in steps if step.validation_loss is not None]
    assert last < 0.5 * first
