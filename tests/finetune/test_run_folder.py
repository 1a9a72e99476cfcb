"""The run folder: nothing is overwritten, and the same run can be resumed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from revloop.errors import InputError
from revloop.finetune import FinetuneSettings, LoraSettings
from revloop.finetune.run_folder import Identity, RunFile, TrainingFolder, versions

if TYPE_CHECKING:
    from pathlib import Path

IDENTITY = Identity(
    base="base",
    settings=FinetuneSettings(),
    prompt_set_digest="p",
    training_digest="t",
    validation_digest="v",
)
RUN = RunFile(
    identity=IDENTITY,
    records="records.jsonl",
    validation=None,
    training_records=9,
    validation_records=1,
    processes=1,
    versions={},
)


@pytest.fixture
def folder(tmp_path: Path) -> TrainingFolder:
    return TrainingFolder(tmp_path / "run")


def checkpoint(folder: TrainingFolder, step: int, *, best: int | None = None) -> Path:
    path = folder.checkpoints / f"checkpoint-{step}"
    path.mkdir(parents=True)
    state = {"best_global_step": best, "log_history": [{"step": step, "loss": 1.0}]}
    (path / "trainer_state.json").write_text(json.dumps(state), encoding="utf-8")
    return path


def test_a_missing_or_empty_folder_is_new(folder: TrainingFolder) -> None:
    folder.check_new()
    folder.path.mkdir()
    folder.check_new()


def test_a_non_empty_folder_is_refused(folder: TrainingFolder) -> None:
    folder.path.mkdir()
    (folder.path / "thesis.txt").touch()
    with pytest.raises(
        InputError, match="is not empty, and nothing in it will be overwritten"
    ) as e:
        folder.check_new()
    assert "--resume" not in str(e.value)


def test_a_folder_with_a_run_can_be_resumed(folder: TrainingFolder) -> None:
    folder.start(RUN)
    with pytest.raises(InputError, match="add --resume"):
        folder.check_new()
    folder.check_same(IDENTITY)


def test_a_file_instead_of_a_folder_is_refused(folder: TrainingFolder) -> None:
    folder.path.touch()
    with pytest.raises(InputError, match="is a file"):
        folder.check_new()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"base": "other"}, "base: 'other', not 'base'"),
        ({"training_digest": "u"}, "training_digest: 'u', not 't'"),
        ({"settings": FinetuneSettings(seed=5)}, "settings.seed: 5, not 0"),
        (
            {"settings": FinetuneSettings(lora=LoraSettings(rank=8))},
            "settings.lora.rank: 8, not 64",
        ),
    ],
)
def test_another_run_is_not_resumed(
    folder: TrainingFolder, changes: dict[str, object], match: str
) -> None:
    folder.start(RUN)
    with pytest.raises(InputError, match=match):
        folder.check_same(IDENTITY.model_copy(update=changes))


def test_a_folder_without_a_run_cannot_be_resumed(folder: TrainingFolder) -> None:
    with pytest.raises(InputError, match="holds no run to resume"):
        folder.check_same(IDENTITY)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff"])
def test_a_broken_run_file_is_refused(folder: TrainingFolder, content: bytes) -> None:
    folder.path.mkdir()
    (folder.path / "run.json").write_bytes(content)
    with pytest.raises(InputError, match=r"run\.json is not a run"):
        folder.check_same(IDENTITY)


def test_an_unreadable_run_file_is_refused(folder: TrainingFolder) -> None:
    (folder.path / "run.json").mkdir(parents=True)
    with pytest.raises(InputError, match=r"run\.json cannot be read"):
        folder.check_same(IDENTITY)


def test_the_run_file_is_read_back_unchanged(folder: TrainingFolder) -> None:
    folder.start(RUN)
    assert RunFile.model_validate_json((folder.path / "run.json").read_bytes()) == RUN


# checkpoints


def test_without_checkpoints_there_is_neither_last_nor_best(folder: TrainingFolder) -> None:
    assert (folder.last_checkpoint(), folder.best_checkpoint(), folder.history()) == (
        None,
        None,
        [],
    )


def test_the_last_checkpoint_is_the_one_with_the_highest_step(folder: TrainingFolder) -> None:
    checkpoint(folder, 9)
    last = checkpoint(folder, 10)
    assert folder.last_checkpoint() == folder.best_checkpoint() == last
    assert folder.history() == [{"step": 10, "loss": 1.0}]


def test_an_incomplete_checkpoint_does_not_count(folder: TrainingFolder) -> None:
    whole = checkpoint(folder, 9)
    half = checkpoint(folder, 12)
    (half / "trainer_state.json").unlink()
    assert folder.last_checkpoint() == whole
    folder.drop_broken_checkpoints()
    assert (half.exists(), whole.exists()) == (False, True)


def test_the_best_checkpoint_can_differ_from_the_last(folder: TrainingFolder) -> None:
    best = checkpoint(folder, 3, best=3)
    checkpoint(folder, 6, best=3)
    assert folder.best_checkpoint() == best


def test_a_missing_best_checkpoint_is_replaced_by_the_last(folder: TrainingFolder) -> None:
    last = checkpoint(folder, 6, best=3)
    assert folder.best_checkpoint() == last


def test_metrics_are_a_line_each(folder: TrainingFolder) -> None:
    folder.path.mkdir()
    folder.write_metrics([{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}])
    folder.write_metrics([{"step": 1, "loss": 2.0}])
    assert (folder.path / "metrics.jsonl").read_text() == '{"step": 1, "loss": 2.0}\n'


def test_versions_list_only_installed_libraries() -> None:
    found = versions()
    assert {"revloop", "python", "torch", "transformers", "trl"} <= set(found)
