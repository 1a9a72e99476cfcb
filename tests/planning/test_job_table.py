"""A job's prediction as a table: readable figures, and every assumption."""

from __future__ import annotations

from typing import Any

from revloop.models.config import known_shape
from revloop.planning import (
    Assumptions,
    Job,
    Limit,
    PlanRow,
    TokenLengths,
    card_named,
    job_rows,
    plan_job,
)
from tests.helpers.model_configs import FALCON_40B


def table(gpus: int = 16, card: str = "h100", **options: Any) -> dict[str, PlanRow]:
    shape = known_shape(FALCON_40B, "a model")
    assert shape is not None
    lengths = options.pop("lengths", TokenLengths())
    job = Job(drafts=options.pop("drafts", 1_000_000), iterations=5, lengths=lengths)
    planned = plan_job(shape, card_named(card), gpus, job, **options)
    return {row.label: row for row in job_rows(planned)}


def test_the_answer_comes_first() -> None:
    rows = table()
    assert list(rows)[:3] == ["Time", "GPU hours", "Limited by"]
    assert rows["Time"].value == "13.0 hours"
    assert rows["GPU hours"].value == "208"
    assert rows["GPU hours"].explanation == "16 x H100 SXM"
    assert rows["Limited by"].value in set(Limit)
    assert "prefill 44%" in rows["Where the time goes"].explanation


def test_every_assumption_is_told() -> None:
    assumed = {label: row for label, row in table().items() if label.startswith("Assumed")}
    assert assumed["Assumed: lengths"].value == "50 + 150 + 300"
    assert assumed["Assumed: FLOP/s"].value == "50%"
    assert "989 TFLOP/s in dense bf16 (H100 data sheet" in assumed["Assumed: FLOP/s"].explanation
    assert assumed["Assumed: bandwidth"].explanation == "of 3350 GB/s"
    assert "80% in a pipeline" in assumed["Assumed: splitting"].explanation
    assert "79.1 GiB" in assumed["Assumed: memory"].explanation


def test_an_assumption_that_was_set_is_told_as_set() -> None:
    rows = table(assumptions=Assumptions(flops_share=0.4, max_num_seqs=64))
    assert rows["Assumed: FLOP/s"].value == "40%"
    assert "at most 64 drafts" in rows["Assumed: memory"].explanation
    assert rows["Drafts at once"].value == "512"


def test_the_layout_is_told_in_words() -> None:
    assert table()["Replicas"].explanation == "tensor-parallel size 2; 2 nodes of 8"
    idle = table(gpus=5, tensor_parallel_size=2)["Replicas"]
    assert idle.explanation == "tensor-parallel size 2; 1 node of 8; 1 GPU idle"
    pipeline = table(gpus=2, card="h100", gpus_per_node=1)["Replicas"]
    assert "tensor-parallel size 1, pipeline over 2 nodes" in pipeline.explanation


def test_early_stops_are_named_where_they_are_not_known() -> None:
    assert "early stops would save" in table()["Drafts"].explanation
    known = table(lengths=TokenLengths(rounds=2.13))["Drafts"]
    assert known.explanation == "2.13 rounds each"


def test_a_short_job_has_figures_too() -> None:
    rows = table(drafts=10)
    assert rows["Time"].value.endswith(("s", "minutes"))
    assert float(rows["GPU hours"].value) < 10
