"""TRL's trainers take the files as they are: loaded with `datasets`, one step on a tiny Falcon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop.export import ExportOptions, card_of, export
from revloop.finetune.training import load_trl
from tests.helpers.export_samples import counted, judge_all_pairs, scored, store_trajectories
from tests.helpers.tiny_falcon import make_base

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
HOW = {
    "max_steps": 1,
    "per_device_train_batch_size": 2,
    "report_to": "none",
    "save_strategy": "no",
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "disable_tqdm": True,
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model."""
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four judged trajectories, two of which got worse."""
    made = [
        scored((f"5 draft {n}.", 3.0), (f"{6 if n % 2 else 4} version {n}.", None), id_=f"d{n}")
        for n in range(4)
    ]
    return judge_all_pairs(store_trajectories(tmp_path_factory.mktemp("store") / "s", *made))


def loaded(store: Path, folder: Path, form: str, ending: str, *, chat: bool) -> Any:
    """The export as `datasets` loads it."""
    import datasets

    datasets.disable_progress_bars()
    path = folder / f"rows{ending}"
    counted(store, str(path), form=form, chat=chat)
    kind = "parquet" if ending == ".parquet" else "json"
    return datasets.load_dataset(kind, data_files=str(path), cache_dir=str(folder), split="train")


def tokenizer_of(base: Path) -> Any:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.chat_template = TEMPLATE
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def trained(base: Path, folder: Path, form: str, rows: Any) -> float:
    """The loss of one step of the trainer that a form is for."""
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    trl, name = load_trl(), {"sft": "SFT", "dpo": "DPO", "kto": "KTO", "reward": "Reward"}[form]
    trainer, config = getattr(trl, f"{name}Trainer"), getattr(trl, f"{name}Config")
    if form == "reward":
        model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    else:
        model = AutoModelForCausalLM.from_pretrained(base)
    made = trainer(
        model=model,
        args=config(output_dir=str(folder / "run"), **HOW),
        train_dataset=rows,
        processing_class=tokenizer_of(base),
    )
    return float(made.train().training_loss)


@pytest.mark.parametrize("form", ["sft", "dpo", "kto", "reward"])
@pytest.mark.parametrize(("ending", "chat"), [(".jsonl", True), (".parquet", False)])
def test_the_trainer_takes_one_step(
    base: Path, store: Path, tmp_path: Path, form: str, ending: str, chat: bool
) -> None:
    rows = loaded(store, tmp_path, form, ending, chat=chat)
    assert trained(base, tmp_path, form, rows) > 0


def test_a_folder_with_a_card_is_a_data_set(store: Path, tmp_path: Path) -> None:
    import datasets

    folder = tmp_path / "pairs"
    folder.mkdir()
    options = ExportOptions(form="dpo")
    counts = export(store, folder / "train.jsonl", options)
    (folder / "README.md").write_text(card_of(store, options, counts), encoding="utf-8")
    found = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert found["train"].num_rows == 4
    assert {"prompt", "chosen", "rejected"} <= set(found["train"].column_names)
