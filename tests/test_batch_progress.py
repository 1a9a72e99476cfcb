"""What a batch counts, and how a person sees it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from revloop import End, StopReason, Usage, Version
from revloop.batch import Progress, Snapshot
from revloop.cli import output
from revloop.cli.batch_display import duration, line, table, tell
from revloop.engines.absence import Waiting
from revloop.trajectory import Sampling, Step

SNAPSHOT = Snapshot(
    elapsed_s=75.0,
    trajectories=80,
    done=20,
    failed=1,
    converged=10,
    rejected=2,
    versions=90,
    versions_per_s=1.25,
    tokens_per_s=250.0,
    in_round={1: 4, 3: 2},
    limit=32,
    cached_share=0.725,
    left_s=225.0,
)


def version(number: int, *, cached: int | None = 40) -> Version:
    step = Step(
        kind="both",
        attempt=1,
        finish_reason="stop",
        usage=Usage(prompt_tokens=100, cached_tokens=cached, generated_tokens=30),
        latency_s=0.1,
        sampling=Sampling(),
    )
    steps = (step,) if number else ()
    return Version(round=number, text="t", steps=steps, created_at=datetime.now(UTC))


def end(reason: StopReason) -> End:
    return End(reason=reason, detail="So it is.")


class TestCounting:
    def test_a_trajectory_moves_through_its_rounds_to_its_end(self) -> None:
        progress = Progress(entered=2)
        progress.took_up(0, None)
        progress.took_up(2, None)
        assert progress.snapshot().in_round == {1: 1, 3: 1}
        progress.made(version(0))
        progress.made(version(1))
        assert progress.snapshot().in_round == {2: 1, 3: 1}
        progress.put_down(1, end(StopReason.CONVERGED))
        progress.put_down(2, None)
        snapshot = progress.snapshot()
        assert (snapshot.in_round, snapshot.done, snapshot.converged) == ({}, 1, 1)

    def test_after_its_last_round_a_trajectory_is_in_it_until_its_end_is_stored(self) -> None:
        progress = Progress(iterations=2)
        progress.took_up(1, None)
        progress.made(version(2))
        assert progress.snapshot().in_round == {2: 1}
        progress.put_down(2, end(StopReason.ROUNDS_DONE))
        assert progress.snapshot().in_round == {}

    def test_versions_and_tokens_are_counted_but_not_version_0(self) -> None:
        progress = Progress()
        progress.took_up(0, None)
        for number in range(3):
            progress.made(version(number))
        snapshot = progress.snapshot()
        assert snapshot.versions == 2
        assert snapshot.versions_per_s > 0
        assert snapshot.cached_share == pytest.approx(0.4)

    def test_where_nobody_counts_cached_tokens_no_share_is_told(self) -> None:
        progress = Progress()
        progress.took_up(0, None)
        progress.made(version(1, cached=None))
        assert progress.snapshot().cached_share is None

    def test_what_was_done_before_is_taken_over(self) -> None:
        progress = Progress(is_whole=True)
        counts = {
            (StopReason.ROUNDS_DONE, 5): 6,
            (StopReason.CONVERGED, 2): 3,
            (StopReason.ENGINE_FAILED, 1): 2,
            (None, 0): 4,
        }
        progress.resume(counts, pending=4)
        snapshot = progress.snapshot()
        assert (snapshot.trajectories, snapshot.done) == (15, 11)
        assert (snapshot.failed, snapshot.converged) == (2, 3)

    def test_a_failed_trajectory_that_is_tried_again_has_failed_no_more(self) -> None:
        progress = Progress()
        progress.resume({(StopReason.ENGINE_FAILED, 1): 2}, pending=2)
        progress.took_up(1, end(StopReason.ENGINE_FAILED))
        assert progress.failed == 1
        progress.put_down(5, end(StopReason.ROUNDS_DONE))
        assert (progress.failed, progress.done) == (1, 1)

    def test_the_time_left_is_known_once_a_trajectory_is_done(self) -> None:
        progress = Progress(entered=10, is_whole=True)
        assert progress.snapshot().left_s is None
        progress.took_up(0, None)
        progress.put_down(1, end(StopReason.CONVERGED))
        snapshot = progress.snapshot()
        assert snapshot.left_s == pytest.approx(9 * snapshot.elapsed_s)

    def test_while_the_input_is_read_the_total_is_guessed_from_what_was_read(self) -> None:
        progress = Progress(entered=10, read_share=0.25)
        progress.took_up(0, None)
        progress.put_down(1, end(StopReason.CONVERGED))
        snapshot = progress.snapshot()
        assert snapshot.trajectories is None
        assert snapshot.left_s == pytest.approx(39 * snapshot.elapsed_s)
        assert Progress(entered=10).snapshot().left_s is None


class TestShowing:
    def test_a_line_says_it_all(self) -> None:
        assert line(SNAPSHOT) == (
            "1 min 15 s: 20 of 80 done, 1 failed, 2 rejected, 90 versions, 1.2/s, 250 tokens/s, "
            "72% of the prompts from the cache, 3 min 45 s left"
        )

    def test_a_line_leaves_out_what_nobody_knows(self) -> None:
        early = replace(
            SNAPSHOT, trajectories=None, cached_share=None, left_s=None, failed=0, rejected=0
        )
        assert line(early) == "1 min 15 s: 20 done, 90 versions, 1.2/s, 250 tokens/s"

    def test_the_table_has_every_figure(self) -> None:
        shown = drawn(SNAPSHOT)
        for figure in ("20 of 80 done", "90, 1.2/s", "6, at most 32 requests", "1: 4  3: 2"):
            assert figure in shown
        for figure in ("50% of those done", "72% of prompts", "1 failed, 2 rejected", "3 min 45 s"):
            assert figure in shown

    def test_the_table_can_be_drawn_before_anything_is_known(self) -> None:
        shown = drawn(Progress().snapshot())
        assert "not known yet" in shown
        assert "not counted" in shown

    @pytest.mark.parametrize(
        ("seconds", "said"),
        [
            (0.4, "0 s"),
            (59.4, "59 s"),
            (61, "1 min 01 s"),
            (3600, "1 h 00 min"),
            (1e5, "27 h 46 min"),
        ],
    )
    def test_a_duration_is_said_as_a_person_does(self, seconds: float, said: str) -> None:
        assert duration(seconds) == said

    def test_machines_get_json(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stream = io.StringIO()
        monkeypatch.setattr(output, "progress", Console(file=stream, soft_wrap=True))
        tell(Progress(entered=3, is_whole=True), as_json=True)
        told: dict[str, Any] = json.loads(stream.getvalue())
        assert told["trajectories"] == 3
        assert told.keys() >= {"versions_per_s", "tokens_per_s", "in_round", "left_s"}


def drawn(snapshot: Snapshot) -> str:
    stream = io.StringIO()
    Console(file=stream, width=100).print(table(snapshot))
    return stream.getvalue()


class TestWaiting:
    def test_a_server_that_is_away_is_in_the_figures(self) -> None:
        progress = Progress()
        assert progress.snapshot().server_away_s is None
        progress.watch(lambda: Waiting(35.2, 900.0))
        snapshot = progress.snapshot()
        assert (snapshot.server_away_s, snapshot.server_limit_s) == (35.2, 900.0)

    def test_how_long_it_is_waited_for_is_shown(self) -> None:
        away = replace(SNAPSHOT, server_away_s=35.2, server_limit_s=900.0)
        shown = io.StringIO()
        Console(file=shown, width=100).print(table(away))
        for text in (line(away), shown.getvalue()):
            assert "waiting for the server: 35 s of 900 s" in text
        assert "waiting for the server" not in line(SNAPSHOT)
