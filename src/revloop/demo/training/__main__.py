"""Train the demo critic from nothing: the instruct base, then the critic from at most 1000 records.

    python -m revloop.demo.training OUTPUT

rebuilds both from a seed; ``--from-base BASE --records N`` trains a critic only.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import torch
from transformers import FalconForCausalLM

from revloop.demo.training.batches import Encoded, Encoder, batches
from revloop.demo.training.model import make_model
from revloop.demo.training.tasks import base_examples, make_records, record_example
from revloop.demo.training.tokenizer import make_tokenizer
from revloop.demo.training.trainer import Stage, Trainer
from revloop.prompts import PromptSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import PreTrainedTokenizerFast

TOKENS_AN_EXAMPLE = 300


def train_base(
    tokenizer: PreTrainedTokenizerFast,
    stage: Stage,
    seed: int,
    *,
    layers: int,
    folder: Path,
    resume: Path | None,
) -> FalconForCausalLM:
    """The first stage: an instruct base from generated tasks."""
    model = make_model(tokenizer, seed=seed, layers=layers)
    trainer = Trainer(model, stage, "base", folder / "base.pt")
    if resume:
        trainer.resume(resume)
    encode = Encoder(tokenizer, stage.verdict_weight)
    rng = Random(f"base {seed} {trainer.done}")
    start = trainer.done // TOKENS_AN_EXAMPLE
    trainer.run(
        batches((encode(example) for example in base_examples(rng, start)), rng, stage.batch_tokens)
    )
    return model


def train_critic(
    model: FalconForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    prompts: PromptSet,
    *,
    records: int,
    stage: Stage,
    seed: int,
) -> None:
    """The second stage, in place: the base becomes a critic from a number of records."""
    encode = Encoder(tokenizer, stage.verdict_weight)
    encoded = [
        encode(record_example(record, prompts))
        for record in make_records(Random(f"records {seed}"), records)
    ]
    rng = Random(f"order {seed}")

    def epochs() -> Iterator[Encoded]:
        while True:
            yield from rng.sample(encoded, len(encoded))

    Trainer(model, stage, f"critic of {records} records").run(
        batches(epochs(), rng, stage.batch_tokens)
    )


def save(
    model: FalconForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    settings: dict[str, object],
) -> None:
    """Writes weights, tokenizer, and the settings that made them."""
    model.train(mode=False)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "training.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


BASE = Stage(tokens=20_000_000, verdict_weight=10.0)
CRITIC = Stage(tokens=2_600_000, matrix_rate=0.006, other_rate=0.001, verdict_weight=4.0, decay=0.6)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="folder for `base/` and `critic/`")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--base-tokens", type=int, default=BASE.tokens)
    parser.add_argument("--critic-tokens", type=int, default=CRITIC.tokens)
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--resume", type=Path, help="go on from this checkpoint of the first stage")
    parser.add_argument(
        "--from-base", type=Path, help="start from this base and run the second stage only"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    base_stage = Stage(**{**asdict(BASE), "tokens": options.base_tokens})
    critic_stage = Stage(**{**asdict(CRITIC), "tokens": options.critic_tokens})
    tokenizer = make_tokenizer()
    if options.from_base:
        model = FalconForCausalLM.from_pretrained(options.from_base, dtype=torch.bfloat16)
    else:
        options.output.mkdir(parents=True, exist_ok=True)
        model = train_base(
            tokenizer,
            base_stage,
            options.seed,
            layers=options.layers,
            folder=options.output,
            resume=options.resume,
        )
        save(
            model,
            tokenizer,
            options.output / "base",
            {"seed": options.seed, "stage": asdict(base_stage)},
        )
    train_critic(
        model,
        tokenizer,
        PromptSet.load("cnr"),
        records=options.records,
        stage=critic_stage,
        seed=options.seed,
    )
    settings = {"seed": options.seed, "records": options.records, "stage": asdict(critic_stage)}
    save(model, tokenizer, options.output / "critic", settings)


if __name__ == "__main__":
    main()
