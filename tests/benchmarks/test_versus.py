"""The arithmetic of a comparison, and baselines with the same final texts as revloop."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks import lengths
from benchmarks.baselines import async_openai, barrier, one_at_a_time
from benchmarks.baselines.work import Work, served_model
from benchmarks.saving import spread
from benchmarks.versus.figures import (
    edits_over_rewrites,
    ratios,
    same_share,
    summary,
    timeline_rows,
)
from benchmarks.versus.plots import plot_edits, plot_ratios, plot_timeline
from benchmarks.versus.sides import (
    ASYNC,
    BARRIER,
    DISTILABEL,
    EDITS,
    FIXED,
    ONE,
    REVLOOP,
    Made,
    Setting,
    SideRun,
    read_output,
)
from revloop import AsyncReviser, PromptSet
from revloop.bench.occupancy import Moment
from revloop.demo import demo_drafts
from revloop.engines import HttpEngine
from revloop.engines.metrics import Counters

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Served


def side_run(side: str, wall_s: float, made: dict[str, Made], iterations: int = 5) -> SideRun:
    """A run with 10 s of CPU time, and a quarter of the prompt tokens from the cache."""
    timeline = [Moment(0.5, 3, 1), Moment(1.0, 2, 0)]
    counted = Counters(
        prompt_tokens=1000,
        generated_tokens=50,
        prefix_cache_queries=800,
        prefix_cache_hits=200,
    )
    return SideRun(side, len(made), iterations, wall_s, 10.0, counted, made, timeline)


def all_rounds(number: int) -> dict[str, Made]:
    return {f"d{index}": Made("final", 5) for index in range(number)}


def test_a_spread_is_median_least_and_most() -> None:
    assert spread([3.0, 1.0, 2.0]) == {"median": 2.0, "least": 1.0, "most": 3.0}


def test_rounds_that_an_early_stop_saved_count_as_done_and_failed_ones_do_not() -> None:
    made = {"a": Made("x", 2), "b": Made("y", 5), "c": Made("z", 1, is_failed=True)}
    run = side_run(REVLOOP, 2.0, made)
    assert run.versions_made == 2 + 5 + 1
    assert run.versions_done == 5 + 5 + 1


def test_the_ratio_is_that_of_the_two_runs_of_one_repeat() -> None:
    ours = [side_run(REVLOOP, 1.0, all_rounds(4)), side_run(REVLOOP, 2.0, all_rounds(4))]
    other = [side_run(ASYNC, 3.0, all_rounds(4)), side_run(ASYNC, 8.0, all_rounds(4))]
    assert ratios(ours, other) == pytest.approx([3.0, 4.0])


def test_a_side_with_fewer_drafts_is_compared_by_its_rate() -> None:
    found = ratios([side_run(REVLOOP, 2.0, all_rounds(8))], [side_run(ONE, 2.0, all_rounds(1))])
    assert found == pytest.approx([8.0])


def test_only_drafts_that_both_were_given_are_compared() -> None:
    ours = side_run(REVLOOP, 1.0, {"a": Made("x", 5), "b": Made("y", 5), "c": Made("z", 5)})
    other = side_run(ONE, 1.0, {"a": Made("x", 5), "b": Made("other", 5)})
    assert same_share(ours, other) == 0.5


def test_the_summary_has_rates_cpu_cache_and_ratio_of_each_side() -> None:
    runs = {
        REVLOOP: [side_run(REVLOOP, wall_s, all_rounds(4)) for wall_s in (1.0, 2.0, 4.0)],
        ASYNC: [side_run(ASYNC, wall_s, all_rounds(4)) for wall_s in (4.0, 4.0, 4.0)],
    }
    found = summary(runs)
    assert found[REVLOOP]["versions_per_s"] == {"median": 10.0, "least": 5.0, "most": 20.0}
    assert found[REVLOOP]["revloop_over_it"]["median"] == 1.0
    assert found[ASYNC]["revloop_over_it"] == {"median": 2.0, "least": 1.0, "most": 4.0}
    assert found[ASYNC]["client_cpu_ms_per_version"]["median"] == 500.0
    assert found[ASYNC]["cached_share_of_prompt_tokens"]["median"] == 0.25
    assert found[ASYNC]["generated_tokens_per_s"]["median"] == 12.5
    assert found[ASYNC]["same_final_text_as_revloop"]["least"] == 1.0


def test_outputs_of_a_baseline_and_of_revloop_are_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    versions = [{"round": 0, "text": "one"}, {"round": 1, "text": "two"}]
    rows = [
        {"id": "a", "texts": ["one", "two"]},
        {"draft": {"id": "b"}, "versions": versions, "end": {"reason": "converged"}},
        {"draft": {"id": "c"}, "versions": versions, "end": {"reason": "token_limit"}},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    assert read_output(path) == {
        "a": Made("two", 1),
        "b": Made("two", 1),
        "c": Made("two", 1, is_failed=True),
    }


def test_distilabel_takes_part_where_it_is_installed_and_lengths_are_the_critics_own() -> None:
    assert DISTILABEL not in Setting(5).sides()
    assert DISTILABEL in Setting(5, distilabel_python="python").sides()
    assert DISTILABEL not in Setting(5, lengths_seed=0, distilabel_python="python").sides()


def test_each_side_is_a_program_over_the_same_files(tmp_path: Path) -> None:
    files = (tmp_path / "drafts.jsonl", tmp_path / "out.jsonl", "http://127.0.0.1:1")
    own, real = Setting(5, distilabel_python="another"), Setting(5, lengths_seed=3)
    assert own.command(REVLOOP, *files)[1:4] == ["-m", "revloop", "batch"]
    assert "--no-early-stop" in own.command(FIXED, *files)
    assert own.command(DISTILABEL, *files)[0] == "another"
    assert own.command(ASYNC, *files)[2] == "benchmarks.baselines.async_openai"
    assert real.command(REVLOOP, *files)[2] == "benchmarks.versus.scripted"
    for side in real.sides():
        assert real.command(side, *files)[-2:] == ["--lengths-seed", "3"]


def test_sides_with_edits_edit_their_share_and_the_others_rewrite(tmp_path: Path) -> None:
    files = (tmp_path / "drafts.jsonl", tmp_path / "out.jsonl", "http://127.0.0.1:1")
    setting = Setting(2, lengths_seed=0, edits=True)
    assert setting.sides() == [REVLOOP, ASYNC, *EDITS.values()]
    for share, side in EDITS.items():
        command = setting.command(side, *files)
        assert command[2] == "benchmarks.versus.scripted"
        assert command[-4:] == ["--edited-share", str(share), "--prompts", "cnr-edits"]
    for side in (REVLOOP, ASYNC):
        assert setting.command(side, *files)[-2:] == ["--edited-share", "0.05"]


def test_edits_are_compared_with_each_side_that_rewrites_by_repeat() -> None:
    seconds = {REVLOOP: (4.0, 4.0), ASYNC: (6.0, 8.0), EDITS[0.05]: (2.0, 4.0)}
    runs = {
        side: [side_run(side, wall_s, all_rounds(4)) for wall_s in of_side]
        for side, of_side in seconds.items()
    }
    found = edits_over_rewrites(runs)
    assert found == {
        "5%": {
            REVLOOP: {"median": 1.5, "least": 1.0, "most": 2.0},
            ASYNC: {"median": 2.5, "least": 2.0, "most": 3.0},
        }
    }


def test_plots_are_drawn_from_results_alone(tmp_path: Path) -> None:
    runs = {side: [side_run(side, 1.0, all_rounds(4))] for side in (REVLOOP, ASYNC, BARRIER)}
    rows = [{name: str(value) for name, value in row.items()} for row in timeline_rows(runs)]
    plot_timeline(rows, tmp_path / "timeline.png")
    plot_ratios({"sides": summary(runs)}, tmp_path / "ratios.png")
    spreads = {"median": 2.0, "least": 1.5, "most": 2.5}
    plot_edits({"5%": {ASYNC: spreads}, "10%": {ASYNC: spreads}}, tmp_path / "edits.png")
    for name in ("timeline", "ratios", "edits"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


async def test_a_baseline_is_a_command_that_says_what_it_needs() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.baselines.barrier", "--help"),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert b"barrier after each step" in out
    assert b"--lengths-seed" in out


@pytest.mark.vllm
async def test_baselines_end_with_the_texts_of_revloop(
    vllm_server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With scripted texts: the tiny critic's choices depend on the batch."""
    for name in ("ANSWERS", "CRITIQUES"):  # a word is six tokens of the tiny critic
        monkeypatch.setattr(lengths, name, lengths.Lengths(median=40, least=30, most=60))
    monkeypatch.setattr(barrier, "BATCH", 3)
    script = lengths.LengthScript(seed=7)
    drafts = lengths.drafts(5)
    work = Work(vllm_server.base_url, vllm_server.model, 2, script.prompts, script)
    engine = lengths.ScriptedEngine(await HttpEngine.connect(vllm_server.base_url), script)
    try:
        async with AsyncReviser(engine=engine) as reviser:
            ours = [await reviser.revise(draft, iterations=2) for draft in drafts]
    finally:
        await engine.aclose()
    expected = [[version.text for version in trajectory.versions] for trajectory in ours]
    assert [len(set(texts)) for texts in expected] == [3] * 5
    generated = [step.usage.generated_tokens for one in ours for step in one.versions[1].steps]
    assert all(30 <= number <= 60 for number in generated)
    assert await async_openai.revise_all(work, drafts) == expected
    assert await barrier.revise_all(work, drafts) == expected
    assert await asyncio.to_thread(one_at_a_time.revise_all, work, drafts) == expected


@pytest.mark.vllm
async def test_edits_end_with_the_texts_of_a_baseline_that_rewrites(
    vllm_server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANSWERS", "CRITIQUES"):
        monkeypatch.setattr(lengths, name, lengths.Lengths(median=40, least=30, most=60))
    words = lengths.EditedWords(0.1, (0.5,))
    rewrites = lengths.LengthScript(seed=7, edited=words)
    edits = replace(rewrites, prompts=PromptSet.load("cnr-edits"))
    drafts = lengths.drafts(3)
    engine = lengths.ScriptedEngine(await HttpEngine.connect(vllm_server.base_url), edits)
    try:
        async with AsyncReviser(engine=engine, prompts="cnr-edits") as reviser:
            ours = [await reviser.revise(draft, iterations=2) for draft in drafts]
    finally:
        await engine.aclose()
    work = Work(vllm_server.base_url, vllm_server.model, 2, rewrites.prompts, rewrites)
    expected = [[version.text for version in trajectory.versions] for trajectory in ours]
    assert [len(set(texts)) for texts in expected] == [3] * 3
    assert await async_openai.revise_all(work, drafts) == expected


@pytest.mark.vllm
async def test_a_baseline_revises_with_the_critics_own_texts(vllm_server: Served) -> None:
    assert await asyncio.to_thread(served_model, vllm_server.base_url) == vllm_server.model
    work = Work(vllm_server.base_url, vllm_server.model, 2, PromptSet.load("cnr"))
    drafts = demo_drafts(3)
    revised = await async_openai.revise_all(work, drafts)
    assert [texts[0] for texts in revised] == [draft.response for draft in drafts]
    assert [len(texts) for texts in revised] == [3, 3, 3]
    assert all(texts[1] != texts[0] for texts in revised)
