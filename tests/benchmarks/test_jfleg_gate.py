"""The gate of `benchmarks/jfleg` that asks how sure the critic is of its change."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.jfleg import confidence, fluency
from benchmarks.jfleg.choosing import Step, kept, refusing, responses, row
from benchmarks.jfleg.sentences import Sentence
from tests.helpers.repository import TINY_CRITIC

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOURCE = "he see two cat ."
BETTER = "he sees two cats ."
BEST = "He sees two cats ."
GOOD = "The bakery opens at seven ."


@pytest.fixture
def sure_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """By how many nats the critic prefers BETTER to SOURCE; it would never go back."""

    def be(nats: float) -> None:
        gains = {(SOURCE, BETTER): nats, (BETTER, SOURCE): -9.0}
        monkeypatch.setattr(confidence, "gain", lambda text, revision: gains[text, revision])
        monkeypatch.setattr(fluency, "score", {SOURCE: -4.0, BETTER: -3.8}.__getitem__)
        monkeypatch.setattr(confidence, "_accepted", {})

    return be


def test_a_change_that_the_critic_is_sure_of_wins_in_both_orders(
    sure_of: Callable[[float], None],
) -> None:
    for texts, preference in (((SOURCE, BETTER), "second"), ((BETTER, SOURCE), "first")):
        sure_of(confidence.CAREFUL_MARGIN + 0.1)
        assert confidence.careful_judge("", *texts)[0] == preference


def test_the_way_back_from_an_accepted_change_is_not_computed(
    sure_of: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sure_of(9.0)
    assert confidence.judge("", SOURCE, BETTER)[0] == "second"
    monkeypatch.delattr(confidence, "gain")
    assert confidence.judge("", BETTER, SOURCE)[0] == "first"


def test_a_change_within_the_margin_ties_so_the_gate_keeps_the_text(
    sure_of: Callable[[float], None],
) -> None:
    sure_of(confidence.CAREFUL_MARGIN - 0.5)
    assert confidence.careful_judge("", SOURCE, BETTER)[0] == "tie"
    assert confidence.careful_judge("", BETTER, SOURCE)[0] == "tie"


def test_likelihood_adds_to_what_the_critic_is_sure_of(sure_of: Callable[[float], None]) -> None:
    likelier = 0.2 * confidence.WEIGHT
    sure_of(confidence.MARGIN - likelier + 0.5)
    assert confidence.judge("", SOURCE, BETTER)[0] == "second"
    sure_of(confidence.MARGIN - likelier - 0.5)
    assert confidence.judge("", SOURCE, BETTER)[0] == "tie"


def test_the_probability_is_that_of_the_whole_reply() -> None:
    tokenizer = AutoTokenizer.from_pretrained(TINY_CRITIC)
    model = AutoModelForCausalLM.from_pretrained(TINY_CRITIC, dtype=torch.bfloat16).eval()
    asked = tokenizer(f"Correct this:\n{SOURCE}\n\nFaults:\n").input_ids
    reply = tokenizer(f"{confidence.CRITIQUE}\n\nCorrected:\n{BETTER}").input_ids
    ids = torch.tensor([[*asked, *reply, tokenizer.eos_token_id]])
    labels = ids.clone()
    labels[0, : len(asked)] = -100
    with torch.inference_mode():
        loss = float(model(input_ids=ids, labels=labels).loss)
    expected = -loss * (len(reply) + 1)
    critic = str(TINY_CRITIC)
    assert confidence.log_probability(SOURCE, BETTER, critic) == pytest.approx(expected, rel=0.02)


def test_of_several_critics_the_mean_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(confidence.FOLDER, os.pathsep.join(("first", "second")))
    known = {("first", BETTER): -2.0, ("first", SOURCE): -5.0}
    known |= {("second", BETTER): -3.0, ("second", SOURCE): -2.0}
    monkeypatch.setattr(
        confidence, "log_probability", lambda _text, revision, critic: known[critic, revision]
    )
    assert confidence.gain(SOURCE, BETTER) == 1.0


def test_what_the_gate_refuses_ends_the_rounds() -> None:
    steps = [Step(BETTER, 3.0, 0.1), Step(BEST, 0.5, 0.4)]
    assert kept(SOURCE, steps, 0.0, 2.0) == BETTER
    assert kept(SOURCE, steps, 5.0, 2.0) == BEST
    assert kept(SOURCE, steps, 0.0, 4.0) == SOURCE


def test_a_row_counts_losses_and_changes_of_good_sentences() -> None:
    sentences = [Sentence(SOURCE, (BEST,) * 4), Sentence(GOOD, (GOOD,) * 4)]
    steps = [[Step(BEST, 3.0, 0.1)], [Step("The bakery opens in seven .", 1.0, 0.1)]]
    loose, strict = row(sentences, steps, 0.0, 0.0), row(sentences, steps, 0.0, 2.0)
    assert (loose["lost"], loose["good_sentences_changed"]) == (1, 1)
    assert (strict["lost"], strict["good_sentences_changed"]) == (0, 0)
    assert strict["gleu"] > loose["gleu"]


def test_a_margin_refuses_a_share_of_the_first_changes() -> None:
    steps = [[Step(BEST, gain, 0.0), Step(SOURCE, -9.0, 0.0)] for gain in (1.0, 2.0, 3.0, 4.0)]
    steps.append([])
    margin = refusing(steps, 0.0, 0.25)
    sentences = [Sentence(SOURCE, (BEST,) * 4)] * 5
    assert 1.0 < margin < 2.0
    assert row(sentences, steps, 0.0, margin)["refused"] == 1


def test_the_sentences_of_a_critics_records_are_known(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text(json.dumps({"response": SOURCE}) + "\n")
    assert responses(tmp_path / "run" / "model") == {SOURCE}
