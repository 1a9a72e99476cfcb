"""What preference pairs from a store do to the model that learns from them.

    python -m benchmarks.experiment.dpo

The demo's critic revises drafts for one round, and the exact judge compares each revision with its
draft. A small Falcon (the demo's base) learns the task from `revloop export --as sft`, then the
preferences from `revloop export --as dpo`, with TRL's trainers on the files as they are. Writes
`benchmarks/results/experiment-dpo.json`: TRL's own metrics on held-out pairs before and after, and
the faults of the model's own answers to the prompts of those pairs.
"""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.arguments import command_parser
from benchmarks.product import revloop
from benchmarks.saving import save
from revloop.demo import BASE_FOLDER, demo_drafts
from revloop.demo.judge import judge
from revloop.finetune.training import load_trl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = "experiment-dpo"
DRAFTS_SEED = 3
TEMPLATE = "{% for message in messages %}{{ message.content }}\n\n{% endfor %}"
"""A small model needs no roles: a prompt and its answer, with an empty line after each."""
METRICS = ("loss", "rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected")
_ANSWER_TOKENS = 160
_QUIET = {
    "report_to": "none",
    "save_strategy": "no",
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "disable_tqdm": True,
    "logging_steps": 50,
    "per_device_eval_batch_size": 8,
}


def exported_files(drafts: int, folder: Path) -> dict[str, Path]:
    """The judged revisions of drafts as training data, by form."""
    source, store = folder / "drafts.jsonl", folder / "revised.jsonl.sqlite"
    rows = (draft.model_dump_json() for draft in demo_drafts(drafts, seed=DRAFTS_SEED))
    source.write_text("\n".join(rows) + "\n", encoding="utf-8")
    revloop("batch", str(source), str(folder / "revised.jsonl"), "-n", "1", "--model", "demo")
    revloop("evaluate", str(store), "--judge", "demo")
    return exports(store, folder)


def exports(store: Path, folder: Path) -> dict[str, Path]:
    """The training data of a judged store, by form."""
    files = {form: folder / f"{form}.jsonl" for form in ("sft", "dpo")}
    for form, file in files.items():
        revloop("export", str(store), str(file), "--as", form, "--judge", "demo")
    return files


class Learner:
    """A model that is trained on exported files.

    Args:
        base: Its folder.
        folder: For what the trainers write.
    """

    def __init__(self, base: Path, folder: Path) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self._trl, self._folder = load_trl(), folder
        self._tokenizer = AutoTokenizer.from_pretrained(base)
        self._tokenizer.chat_template = TEMPLATE
        self._model: Any = AutoModelForCausalLM.from_pretrained(base)

    def learn_task(self, rows: Any, *, epochs: float, rate: float) -> float:
        """Train on answers; the mean loss."""
        config = self._trl.SFTConfig(
            output_dir=str(self._folder),
            num_train_epochs=epochs,
            learning_rate=rate,
            per_device_train_batch_size=8,
            **_QUIET,
        )
        trainer = self._trl.SFTTrainer(
            self._model, config, train_dataset=rows, processing_class=self._tokenizer
        )
        loss = float(trainer.train().training_loss)
        self._model = trainer.model
        return loss

    def learn_preferences(
        self, rows: Any, held_out: Any, *, steps: int, rate: float
    ) -> dict[str, dict[str, float]]:
        """Train on pairs; TRL's metrics on held-out pairs, before and after."""
        config = self._trl.DPOConfig(
            output_dir=str(self._folder),
            max_steps=steps,
            learning_rate=rate,
            per_device_train_batch_size=4,
            **_QUIET,
        )
        trainer = self._trl.DPOTrainer(
            self._model,
            # by default TRL takes the weights that the model was loaded from
            ref_model=copy.deepcopy(self._model),
            args=config,
            train_dataset=rows,
            eval_dataset=held_out,
            processing_class=self._tokenizer,
        )
        before = _chosen(trainer.evaluate())
        trainer.train()
        self._model = trainer.model
        return {"before": before, "after": _chosen(trainer.evaluate())}

    def answers(self, prompts: Sequence[str]) -> list[str]:
        """Its greedy answers."""
        tokenizer = self._tokenizer
        turns = [[{"role": "user", "content": prompt}] for prompt in prompts]
        texts = [tokenizer.apply_chat_template(turn, tokenize=False) for turn in turns]
        tokenizer.padding_side = "left"
        inputs = tokenizer(texts, return_tensors="pt", padding=True)
        self._model.eval()
        made = self._model.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            max_new_tokens=_ANSWER_TOKENS,
            do_sample=False,
            pad_token_id=tokenizer.pad_token_id,
        )
        new = made[:, inputs["input_ids"].shape[1] :]
        return [text.partition("\n\n")[0] for text in tokenizer.batch_decode(new, True)]


def _chosen(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: round(metrics[f"eval_{name}"], 4) for name in METRICS}


def fault_figures(prompts: Sequence[str], answers: Sequence[str]) -> dict[str, float]:
    """What the exact judge finds in answers."""
    counts = [judge(prompt, answer).count for prompt, answer in zip(prompts, answers, strict=True)]
    return {
        "mean_faults": round(sum(counts) / len(counts), 3),
        "fault_free": round(counts.count(0) / len(counts), 4),
    }


def run(files: Mapping[str, Path], folder: Path, options: Any) -> dict[str, Any]:
    """Both trainings, measured."""
    import datasets

    def rows(form: str) -> Any:
        return datasets.load_dataset(
            "json", data_files=str(files[form]), cache_dir=str(folder / "cache"), split="train"
        )

    parts = rows("dpo").train_test_split(test_size=options.held_out, seed=0)
    held_out = parts["test"]
    prompts = [turns[-1]["content"] for turns in held_out["prompt"]]
    ids = set(held_out["id"])
    answers = rows("sft").filter(lambda row: row["id"] not in ids)
    learner = Learner(BASE_FOLDER, folder / "run")
    loss = learner.learn_task(answers, epochs=options.epochs, rate=options.sft_rate)
    first = fault_figures(prompts, learner.answers(prompts))
    metrics = learner.learn_preferences(
        parts["train"], held_out, steps=options.steps, rate=options.dpo_rate
    )
    return {
        "sft": {"rows": len(answers), "epochs": options.epochs, "mean_loss": round(loss, 4)},
        "dpo": {"pairs": len(parts["train"]), "steps": options.steps, "held_out": len(held_out)},
        "held_out_pairs": metrics,
        "answers": {
            "after sft": first,
            "after dpo": fault_figures(prompts, learner.answers(prompts)),
        },
    }


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    parser.add_argument("--drafts", type=int, default=700)
    parser.add_argument("--held-out", type=int, default=100, help="pairs to measure with")
    parser.add_argument("--epochs", type=float, default=6, help="epochs of the answers")
    parser.add_argument("--sft-rate", type=float, default=1e-3)
    parser.add_argument("--steps", type=int, default=250, help="steps of the pairs, four a step")
    parser.add_argument("--dpo-rate", type=float, default=5e-5)
    parser.add_argument("--store", type=Path, help="use this judged store instead of a new one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="revloop-dpo-") as temporary:
        folder = Path(temporary)
        files = (
            exports(options.store, folder)
            if options.store
            else exported_files(options.drafts, folder)
        )
        save(NAME, run(files, folder, options))


if __name__ == "__main__":
    main()
