"""Training: it learns, resumes from a checkpoint, and reports divergence."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import torch

from revloop.demo.training.__main__ import save
from revloop.demo.training.batches import TaskEncoder, TrainingBatch, batches
from revloop.demo.training.model import make_model
from revloop.demo.training.tasks import TaskExample, base_examples
from revloop.demo.training.tokenizer import END, make_tokenizer
from revloop.demo.training.trainer import Stage, Trainer, loss_of

TOKENIZER = make_tokenizer()


def some_batches(tokens: int = 2048, seed: int = 0) -> Iterator[TrainingBatch]:
    encode, rng = TaskEncoder(TOKENIZER), Random(seed)
    return batches((encode(example) for example in base_examples(rng)), rng, tokens)


def test_the_rate_rises_stays_and_falls_to_nothing() -> None:
    stage = Stage(tokens=100, warmup=0.1, decay=0.3)
    assert stage.share(0.0) < 0.1
    assert stage.share(0.5) == 1.0
    assert stage.share(0.85) == pytest.approx(0.5)
    assert stage.share(1.0) == 0.0


def test_only_what_is_learnt_weighs_and_verdicts_weigh_more() -> None:
    encoded = TaskEncoder(TOKENIZER, 6.0)(
        TaskExample((("Dear x (want x, right)\n", False), ("Dear x (want x, right)", True)))
    )
    half = encoded.weights.index(1.0)
    assert set(encoded.weights[:half]) == {0.0}
    assert encoded.weights[half:].count(6.0) == 1


def test_a_batch_holds_about_the_tokens_asked_for() -> None:
    batch = next(some_batches(4096))
    assert 2048 < batch.ids.numel() <= 4608
    assert batch.tokens <= batch.ids.numel()


def test_a_little_training_lowers_the_loss() -> None:
    model = make_model(TOKENIZER, layers=1, hidden=64)
    batch = next(some_batches())
    before = loss_of(model, batch).item()
    Trainer(model, Stage(tokens=40_000, batch_tokens=2048), "test").run(some_batches())
    assert loss_of(model, batch).item() < before - 1.5


def test_training_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    first = Trainer(
        make_model(TOKENIZER, layers=1, hidden=64), Stage(tokens=4000), "test", tmp_path / "a.pt"
    )
    first.run(some_batches())
    second = Trainer(make_model(TOKENIZER, layers=1, hidden=64, seed=1), Stage(tokens=8000), "test")
    second.resume(tmp_path / "a.pt")
    assert second.done == first.done
    for left, right in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(left, right)


def test_a_training_that_diverges_says_so() -> None:
    model = make_model(TOKENIZER, layers=1, hidden=64)
    with torch.no_grad():
        model.transformer.ln_f.weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        Trainer(model, Stage(tokens=4000), "test").run(some_batches())


def test_what_is_saved_loads_as_a_falcon(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    save(make_model(TOKENIZER, layers=1, hidden=64), TOKENIZER, tmp_path, {"seed": 0})
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert model.config.model_type == "falcon"
    assert model.dtype == torch.bfloat16
    assert tokenizer.eos_token == END
    text = "Dear Karin,\nI am grateful."
    assert tokenizer(text)["input_ids"] == TOKENIZER(text)["input_ids"]
