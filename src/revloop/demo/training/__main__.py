"""Train the demo's instruct base: the first stage of the demo critic.

    python -m revloop.demo.training OUTPUT
    python -m revloop.demo.training OUTPUT --base FOLDER --edits-share 0.7 --tokens 8000000

The result depends only on the seed. The second line trains a base further, on messages that are
corrected by edits. The second stage is an ordinary fine-tuning with `revloop records generate` and
`revloop finetune --recipe demo`; `make critic` and `make critic-edits` run both.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import torch
from transformers import FalconForCausalLM

from revloop.demo.training.batches import TaskEncoder, batches
from revloop.demo.training.model import make_model
from revloop.demo.training.tasks import base_examples
from revloop.demo.training.tokenizer import make_tokenizer
from revloop.demo.training.trainer import Stage, Trainer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TOKENS_AN_EXAMPLE = 300
BASE = Stage(tokens=20_000_000, verdict_weight=10.0)


def train_base(
    model: FalconForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    stage: Stage,
    seed: int,
    *,
    edits_share: float,
    checkpoint: Path,
    resume: bool,
) -> None:
    """Train a base on generated tasks, in place."""
    trainer = Trainer(model, stage, "base", checkpoint)
    if resume:
        trainer.resume(checkpoint)
    encode = TaskEncoder(tokenizer, stage.verdict_weight)
    rng = Random(f"base {seed} {trainer.done}")
    start = trainer.done // TOKENS_AN_EXAMPLE
    examples = base_examples(rng, start, edits_share=edits_share)
    trainer.run(batches((encode(example) for example in examples), rng, stage.batch_tokens))


def save(
    model: FalconForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    settings: dict[str, object],
) -> None:
    """Write weights, tokenizer and training settings."""
    model.train(mode=False)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "training.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="folder for the base")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=BASE.tokens)
    parser.add_argument("--base", type=Path, help="a base to train further")
    parser.add_argument(
        "--edits-share", type=float, default=0.0, help="share of the messages corrected by edits"
    )
    parser.add_argument(
        "--resume", action="store_true", help="resume from the checkpoint beside the output"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    stage = replace(BASE, tokens=options.tokens)
    tokenizer = make_tokenizer()
    if options.base:
        model = FalconForCausalLM.from_pretrained(options.base, dtype=torch.bfloat16)
    else:
        model = make_model(tokenizer, seed=options.seed, layers=options.layers)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    train_base(
        model,
        tokenizer,
        stage,
        options.seed,
        edits_share=options.edits_share,
        checkpoint=options.output.with_suffix(".checkpoint"),
        resume=options.resume,
    )
    settings = {"seed": options.seed, "stage": asdict(stage)}
    if options.base:
        settings |= {"base": options.base.name, "edits_share": options.edits_share}
    save(model, tokenizer, options.output, settings)


if __name__ == "__main__":
    main()
