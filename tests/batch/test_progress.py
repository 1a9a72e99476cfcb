"""What a batch counts, and how it is shown."""

from __future__ import annotations

import io
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from revloop import End, StopReason, Usage, Version
from revloop.batch import Progress, Snapshot
from revloop.cli import output
from revloop.cli.batch_display import line, table, tell
from revloop.engines.batch_api.job import JobState
from revloop.engines.outage import Faults, Waiting
from tests.helpers.judges import by_number
from tests.helpers.panel_samples import revised_before, silent

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


URL = "http://127.0.0.1:8000/v1/completions"
FAULT = f"{URL} does not answer in JSON: <html>{'Welcome! ' * 40}</html>"


class Faulty:
    """An engine that reports its faults."""

    def faults(self) -> Faults:
        return Faults(12, FAULT, time.monotonic() - 75.0)


class Limited:
    """An engine with a rate limit."""

    def held_back(self) -> int:
        return 12


class Away:
    """An engine whose server is unreachable."""

    def waiting(self) -> Waiting:
        return Waiting(35.2, 900.0)


def version(number: int) -> Version:
    return Version(round=number, text="t", created_at=datetime.now(UTC))


def end(reason: StopReason) -> End:
    return End(reason=reason, detail="So it is.")


class TestCounting:
    def test_a_trajectory_moves_through_its_rounds_to_its_end(self) -> None:
        progress = Progress(entered=2)
        progress.started(0, None)
        progress.started(2, None)
        assert progress.snapshot().in_round == {1: 1, 3: 1}
        progress.made(version(0))
        progress.made(version(1))
        assert progress.snapshot().in_round == {2: 1, 3: 1}
        progress.stopped(1, end(StopReason.CONVERGED))
        progress.stopped(2, None)
        snapshot = progress.snapshot()
        assert (snapshot.in_round, snapshot.done, snapshot.converged) == ({}, 1, 1)

    def test_after_its_last_round_a_trajectory_is_in_it_until_its_end_is_stored(self) -> None:
        progress = Progress(iterations=2)
        progress.started(1, None)
        progress.made(version(2))
        assert progress.snapshot().in_round == {2: 1}
        progress.stopped(2, end(StopReason.ROUNDS_DONE))
        assert progress.snapshot().in_round == {}

    def test_versions_are_counted_but_not_version_0(self) -> None:
        progress = Progress()
        progress.started(0, None)
        for number in range(3):
            progress.made(version(number))
        snapshot = progress.snapshot()
        assert snapshot.versions == 2
        assert snapshot.versions_per_s > 0

    def test_tokens_of_replies_count_whether_they_can_be_used_or_not(self) -> None:
        progress = Progress()
        usage = Usage(prompt_tokens=100, cached_tokens=40, generated_tokens=30)
        progress.replied(usage)
        progress.replied(usage)
        snapshot = progress.snapshot()
        assert (progress.replies, snapshot.versions) == (2, 0)
        assert snapshot.tokens_per_s > 0
        assert snapshot.cached_share == pytest.approx(0.4)

    def test_thoughts_have_their_share_of_the_generated_tokens(self) -> None:
        progress = Progress()
        progress.replied(Usage(generated_tokens=30))
        assert progress.snapshot().thinking_share is None
        progress.replied(Usage(generated_tokens=30, thinking_tokens=15))
        assert progress.snapshot().thinking_share == pytest.approx(0.25)

    def test_without_cached_token_counts_there_is_no_share(self) -> None:
        progress = Progress()
        progress.replied(Usage(prompt_tokens=100, generated_tokens=30))
        assert progress.snapshot().cached_share is None

    def test_why_trajectories_fail_is_known(self) -> None:
        progress = Progress()
        for _ in range(3):
            progress.started(0, None)
        progress.stopped(0, End(reason=StopReason.REJECTED, detail="Round 1: no."))
        progress.stopped(0, End(reason=StopReason.UNPARSEABLE, detail="Round 1: no form."))
        progress.stopped(1, end(StopReason.CONVERGED))
        snapshot = progress.snapshot()
        assert snapshot.last_failure == "Round 1: no form."
        assert snapshot.last_failure_age_s is not None
        assert 0 <= snapshot.last_failure_age_s <= snapshot.elapsed_s

    def test_what_is_sent_again_is_known(self) -> None:
        progress = Progress()
        progress.watch(Faulty())
        snapshot = progress.snapshot()
        assert (snapshot.retries, snapshot.last_fault) == (12, FAULT)
        assert snapshot.last_fault_age_s is not None
        assert round(snapshot.last_fault_age_s) >= 75
        assert snapshot.server_away_s is None

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

    def test_those_whose_text_passes_all_checks_are_counted(self) -> None:
        progress = Progress(is_whole=True)
        progress.resume({(StopReason.VERIFIED, 1): 2, (StopReason.CONVERGED, 1): 1}, pending=0)
        progress.started(0, None)
        progress.stopped(1, end(StopReason.VERIFIED))
        assert progress.snapshot().verified == 3
        progress.started(1, end(StopReason.VERIFIED))
        assert progress.snapshot().verified == 2

    def test_versions_on_which_a_judge_of_a_panel_abstained_are_counted_and_shown(self) -> None:
        progress = Progress()
        progress.started(0, None)
        for version in revised_before(by_number, silent, texts=("7 up", "9 up")).versions:
            progress.made(version)
        snapshot = progress.snapshot()
        assert snapshot.abstained == {"judge 2": 2}
        assert ", abstentions: judge 2 on 2 versions" in line(snapshot)
        stream = io.StringIO()
        Console(file=stream, width=100).print(table(snapshot))
        assert "judge 2 on 2 versions" in stream.getvalue()

    def test_a_retried_trajectory_no_longer_counts_as_failed(self) -> None:
        progress = Progress()
        progress.resume({(StopReason.ENGINE_FAILED, 1): 2}, pending=2)
        progress.started(1, end(StopReason.ENGINE_FAILED))
        assert progress.failed == 1
        progress.stopped(5, end(StopReason.ROUNDS_DONE))
        assert (progress.failed, progress.done) == (1, 1)

    def test_the_time_left_is_known_once_a_trajectory_is_done(self) -> None:
        progress = Progress(entered=10, is_whole=True)
        assert progress.snapshot().left_s is None
        progress.started(0, None)
        progress.stopped(1, end(StopReason.CONVERGED))
        snapshot = progress.snapshot()
        assert snapshot.left_s == pytest.approx(9 * snapshot.elapsed_s)

    def test_while_the_input_is_read_the_total_is_guessed_from_what_was_read(self) -> None:
        progress = Progress(entered=10, read_share=0.25)
        progress.started(0, None)
        progress.stopped(1, end(StopReason.CONVERGED))
        snapshot = progress.snapshot()
        assert snapshot.trajectories is None
        assert snapshot.left_s == pytest.approx(39 * snapshot.elapsed_s)
        assert Progress(entered=10).snapshot().left_s is None


class TestShowing:
    def test_a_line_says_it_all(self) -> None:
        assert line(SNAPSHOT) == (
            "75.0 s: 20 of 80 done, 1 failed, 2 rejected, 90 versions, 1.2/s, 250 tokens/s, "
            "72% of the prompts from the cache, 3.8 minutes left"
        )

    def test_a_line_leaves_out_what_nobody_knows(self) -> None:
        early = replace(
            SNAPSHOT, trajectories=None, cached_share=None, left_s=None, failed=0, rejected=0
        )
        assert line(early) == "75.0 s: 20 done, 90 versions, 1.2/s, 250 tokens/s"

    def test_the_share_of_thoughts_stands_beside_the_tokens(self) -> None:
        thinking = replace(SNAPSHOT, thinking_share=0.25)
        assert "250 tokens/s (25% thoughts), 72% of the prompts" in line(thinking)
        assert "250 tokens/s (25% thoughts)" in drawn(thinking)

    def test_the_table_has_every_figure(self) -> None:
        shown = drawn(SNAPSHOT)
        for figure in ("20 of 80 done", "90, 1.2/s", "6, at most 32 requests", "1: 4  3: 2"):
            assert figure in shown
        for figure in (
            "50% of those done",
            "72% of prompts",
            "1 failed, 2 rejected",
            "3.8 minutes",
        ):
            assert figure in shown

    def test_the_table_can_be_drawn_before_anything_is_known(self) -> None:
        shown = drawn(Progress().snapshot())
        assert "not known yet" in shown
        assert "not counted" in shown

    def test_machines_get_json(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stream = io.StringIO()
        monkeypatch.setattr(output, "progress", Console(file=stream, soft_wrap=True))
        monkeypatch.setattr(output.mode, "as_json", True)
        tell(Progress(entered=3, is_whole=True))
        told: dict[str, Any] = json.loads(stream.getvalue())
        assert told["trajectories"] == 3
        assert told.keys() >= {"versions_per_s", "tokens_per_s", "in_round", "left_s"}


def drawn(snapshot: Snapshot) -> str:
    stream = io.StringIO()
    Console(file=stream, width=100).print(table(snapshot))
    return stream.getvalue()


class TestCauses:
    TROUBLED = replace(
        SNAPSHOT,
        retries=12,
        last_fault=FAULT,
        last_fault_age_s=75.0,
        last_failure=f"Round 1: {URL} answers 500: \x1b[31mCUDA error\nat line 3",
    )

    @staticmethod
    def told(snapshots: list[Snapshot]) -> list[str]:
        stream = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(output, "progress", Console(file=stream, soft_wrap=True))
            since = None
            for snapshot in snapshots:
                progress = Progress()
                patch.setattr(Progress, "snapshot", lambda _, found=snapshot: found)
                since = tell(progress, since=since)
        return stream.getvalue().splitlines()

    def test_the_last_causes_are_shown_below_the_line_in_80_columns(self) -> None:
        first, failure, fault = self.told([self.TROUBLED])
        assert first == line(self.TROUBLED)
        assert (
            failure == "  last failure: Round 1: the server answers 500: ␛[31mCUDA error at line 3"
        )
        assert fault.startswith(
            "  12 requests sent again, last: 75.0 s ago: the server does not an"
        )
        assert fault.endswith("…")
        assert len(fault) == 80

    def test_a_cause_is_shown_once_for_each_time_it_occurs(self) -> None:
        once_more = replace(self.TROUBLED, retries=13)
        lines = self.told([self.TROUBLED, self.TROUBLED, once_more])
        assert [number for number, told in enumerate(lines) if not told.startswith("  ")] == [
            *(0, 3, 4)
        ]
        assert lines[5].startswith("  13 requests sent again")

    def test_where_nothing_went_wrong_there_is_no_cause(self) -> None:
        assert self.told([SNAPSHOT]) == [line(SNAPSHOT)]
        assert "last" not in drawn(SNAPSHOT)

    @pytest.mark.parametrize("width", [80, 120])
    def test_the_table_shows_each_cause_on_one_line(self, width: int) -> None:
        stream = io.StringIO()
        Console(file=stream, width=width).print(table(self.TROUBLED))
        lines = stream.getvalue().splitlines()
        assert len(lines) == len(drawn(SNAPSHOT).splitlines()) + 3
        assert max(map(len, lines)) <= width
        shown = "\n".join(lines)
        assert "Round 1: the server answers 500: ␛[31mCUDA error at line 3" in shown
        assert "12 requests" in shown
        assert "75.0 s ago: the server does not answer in JSON" in shown
        assert "\x1b" not in shown


class TestWaiting:
    @pytest.mark.parametrize("watched", [(Away(), None), (Limited(), Away())])
    def test_a_server_that_is_away_is_in_the_figures(self, watched: tuple[object, object]) -> None:
        progress = Progress()
        assert progress.snapshot().server_away_s is None
        progress.watch(watched[0], judges=watched[1:])
        snapshot = progress.snapshot()
        assert (snapshot.server_away_s, snapshot.server_limit_s) == (35.2, 900.0)

    def test_how_long_it_is_waited_for_is_shown(self) -> None:
        away = replace(SNAPSHOT, server_away_s=35.2, server_limit_s=900.0)
        shown = io.StringIO()
        Console(file=shown, width=100).print(table(away))
        for text in (line(away), shown.getvalue()):
            assert "waiting for the server: 35 s of 900 s" in text
        assert "waiting for the server" not in line(SNAPSHOT)


class TestStopping:
    def test_how_many_rounds_are_waited_for_is_shown(self) -> None:
        stopping = replace(SNAPSHOT, is_stopping=True)
        for text in (line(stopping), drawn(stopping)):
            assert "waiting for 6 rounds to finish" in text
        one = replace(stopping, in_round={2: 1})
        assert "waiting for 1 round to finish" in line(one)
        ended = replace(stopping, in_round={})
        for snapshot in (SNAPSHOT, ended):
            assert "to finish" not in line(snapshot) + drawn(snapshot)


class TestRateLimits:
    def test_requests_that_a_rate_limit_holds_back_are_in_the_figures(self) -> None:
        progress = Progress()
        assert progress.snapshot().held_back == 0
        progress.watch(Limited())
        assert progress.snapshot().held_back == 12

    def test_those_of_two_engines_are_added_up(self) -> None:
        progress = Progress()
        progress.watch(Limited(), None, Limited())
        assert progress.snapshot().held_back == 24

    def test_requests_that_a_rate_limit_holds_back_are_shown(self) -> None:
        limited = replace(SNAPSHOT, held_back=12)
        for text in (line(limited), drawn(limited)):
            assert "12 requests held back by the rate limit" in text
        assert "1 request held back" in line(replace(SNAPSHOT, held_back=1))
        assert "rate limit" not in line(SNAPSHOT)


class TestJobsAtAProvider:
    """Jobs that take hours are shown with what they have done."""

    ROUND = replace(SNAPSHOT, in_round={1: 800})

    def of(self, number: int) -> Snapshot:
        job = JobState("batch_abc", "in_progress", requests=800, done=312, elapsed_s=2460.0)
        return replace(self.ROUND, jobs=(job,) * number)

    def test_a_line_names_the_round_and_the_job(self) -> None:
        said = "round 1: batch_abc (in progress) has 312 of 800 requests done after 41.0 minutes"
        assert line(self.of(1)).endswith(said)

    def test_a_job_that_is_not_created_yet_has_no_name(self) -> None:
        job = JobState(None, "preparing", requests=800, done=0, elapsed_s=1.0)
        assert "round 1: a job (preparing) has 0 of 800" in line(replace(self.ROUND, jobs=(job,)))

    def test_of_many_jobs_the_first_ones_are_named(self) -> None:
        said = line(self.of(5))
        assert said.count("batch_abc") == 3
        assert said.endswith("; 2 more jobs")

    def test_rounds_under_way_are_a_range(self) -> None:
        assert "rounds 1 to 3: batch_abc" in line(replace(self.of(1), in_round={1: 4, 3: 2}))

    def test_the_table_has_them_in_a_row(self) -> None:
        shown = Console(width=200, record=True, file=io.StringIO())
        shown.print(table(self.of(1)))
        assert "batch_abc (in progress) has 312 of 800 requests" in shown.export_text()

    def test_without_jobs_nothing_is_said(self) -> None:
        assert "round 1:" not in line(self.ROUND)
