"""The planner's curve and its page, and a prediction compared with a measurement."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks.scale.__main__ import FALCON_40B as CONFIG
from benchmarks.scale.__main__ import results
from benchmarks.scale.compare import Machine, Measured, compare
from benchmarks.scale.report import GPUS, predicted, table, write_page
from revloop.demo import CRITIC_FOLDER
from revloop.errors import DoesNotFitError
from revloop.models.config import read_shape
from revloop.planning import Limit, TokenLengths
from tests.helpers.model_configs import FALCON_40B
from tests.helpers.repository import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

FALCON = read_shape(str(CONFIG))
CRITIC = read_shape(str(CRITIC_FOLDER))
MACHINE = Machine(name="a machine", gflops=100, bandwidth_gb_s=10, memory_gib=8, workers=2)


def measured(tokens_per_s: float = 1000.0, at_once: int = 16) -> Measured:
    """A job of 64 drafts and 2 rounds at that many generated tokens a second."""
    lengths = TokenLengths(prompt_tokens=60, critique_tokens=100, revision_tokens=50, rounds=2)
    generated = 64 * 2 * 150
    return Measured(
        machine=MACHINE,
        engine="an engine",
        drafts=64,
        at_once=at_once,
        lengths=lengths,
        seconds=generated / tokens_per_s,
        generated_tokens=generated,
        prompt_tokens=64 * 2 * 2 * 160,
        cached_tokens=64 * 2 * 160,
    )


def test_the_config_is_that_of_the_tests() -> None:
    assert json.loads((CONFIG / "config.json").read_text(encoding="utf-8")) == FALCON_40B


def test_a_measurement_is_put_beside_the_roofline() -> None:
    found = compare(CRITIC, measured(1000.0))
    assert found.measured_tokens_per_s == pytest.approx(1000)
    assert found.reached == pytest.approx(1000 / found.predicted_tokens_per_s)
    assert found.limit in set(Limit)


def test_the_roofline_follows_the_machine() -> None:
    slow = compare(CRITIC, measured())
    twice = MACHINE.model_copy(
        update={"gflops": 2 * MACHINE.gflops, "bandwidth_gb_s": 2 * MACHINE.bandwidth_gb_s}
    )
    fast = compare(CRITIC, measured().model_copy(update={"machine": twice}))
    assert fast.predicted_tokens_per_s == pytest.approx(2 * slow.predicted_tokens_per_s)


def test_one_draft_at_once_reads_all_weights_for_each_token() -> None:
    """Each of two workers reads half of the weights, 10 GB a second."""
    found = compare(CRITIC, measured(at_once=1))
    assert found.limit == Limit.DECODE_BANDWIDTH
    assert found.predicted_tokens_per_s < 2 * 10e9 / (2 * CRITIC.parameters)
    assert found.predicted_tokens_per_s > 0.5 * 2 * 10e9 / (2 * CRITIC.parameters)


def test_a_machine_that_does_not_hold_the_model_is_refused() -> None:
    with pytest.raises(DoesNotFitError):
        compare(FALCON, measured())


def test_the_curve_falls_from_one_gpu_to_a_thousand() -> None:
    hours = [planned.hours for n in GPUS if (planned := predicted(FALCON, n)) is not None]
    assert len(hours) == len(GPUS) - 1  # it does not fit on one H100
    assert hours == sorted(hours, reverse=True)


def test_a_table_has_a_row_a_line() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_the_page_has_every_figure_and_both_plots(tmp_path: Path) -> None:
    write_page(FALCON, tmp_path, [measured(1234.0)], CRITIC)
    page = (tmp_path / "scale.md").read_text(encoding="utf-8")
    assert "| 16 | 8 x 2 | 13.0 hours | 208 |" in page
    assert "| 1 | does not fit |" in page
    assert "| 64, 16 at once |" in page
    assert "| 1,234 |" in page
    assert "| 50% |" in page
    assert "$" not in page.replace("\n$ ", "")
    for plot in ("hours", "shares"):
        assert (tmp_path / "scale" / f"{plot}.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_measurement_the_page_says_so(tmp_path: Path) -> None:
    write_page(FALCON, tmp_path)
    assert "Nothing has been measured yet." in (tmp_path / "scale.md").read_text(encoding="utf-8")
    assert results(tmp_path / "none.json") == []


def test_the_page_in_the_docs_is_drawn_from_what_is_here(tmp_path: Path) -> None:
    write_page(FALCON, tmp_path, results(), CRITIC)
    committed = (REPOSITORY / "docs" / "scale.md").read_text(encoding="utf-8")
    assert (tmp_path / "scale.md").read_text(encoding="utf-8") == committed
    assert (REPOSITORY / "docs" / "scale" / "hours.png").is_file()


def test_what_was_measured_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "scale.json"
    path.write_text(json.dumps([measured().model_dump(mode="json")]), encoding="utf-8")
    assert results(path) == [measured()]
