"""The arithmetic of a benchmark, on handmade traces."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop import Critique, Draft, End, StopReason, Trajectory, Version
from revloop.bench.figures import (
    Cost,
    percentiles,
    request_figures,
    round_rows,
    work_figures,
    work_of,
)
from revloop.bench.occupancy import Moment, occupancy_figures
from revloop.bench.recording import Recording, Sent
from revloop.engines import Request
from revloop.trajectory import Sampling, Step, Usage

START = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = Request(prompt="?", sampling=Sampling(), max_tokens=50)


def sent(prompt: int, cached: int | None, generated: int, at_s: float = 0.0) -> Sent:
    """A request that took a second."""
    usage = Usage(prompt_tokens=prompt, cached_tokens=cached, generated_tokens=generated)
    return Sent(REQUEST, usage, at_s, at_s + 1, retries=1)


def version(round_: int, at_s: float) -> Version:
    """A version finished at a time; its critique took 1 s, its revision 2."""
    made_at = START + timedelta(seconds=at_s)
    if round_ == 0:
        return Version(round=0, text="v0", created_at=made_at)
    critique = Usage(prompt_tokens=100, cached_tokens=0, generated_tokens=20)
    revision = Usage(prompt_tokens=130, cached_tokens=117, generated_tokens=40)
    steps = tuple(
        Step(
            kind=kind,
            attempt=1,
            finish_reason="stop",
            usage=usage,
            latency_s=latency_s,
            sampling=Sampling(),
        )
        for kind, usage, latency_s in (("critique", critique, 1.0), ("revision", revision, 2.0))
    )
    critic = Critique(raw="c")
    return Version(round=round_, text="v", critique=critic, steps=steps, created_at=made_at)


def trajectory(*at_s: float, reason: StopReason = StopReason.ROUNDS_DONE) -> Trajectory:
    """Versions finished at these times, version 0 first."""
    return Trajectory(
        id="t",
        draft=Draft(response="v0"),
        versions=tuple(version(number, at) for number, at in enumerate(at_s)),
        end=End(reason=reason, detail="It ended.", calls_saved=4 * reason.is_early_stop),
    )


class TestRequestFigures:
    def test_rates_are_over_the_wall_time(self) -> None:
        recording = Recording([sent(100, 0, 20), sent(130, 110, 40)], failed=1)
        figures = request_figures(recording, Cost(wall_s=4.0, cpu_s=0.02, peak_mib=80.0))
        assert figures == {
            "wall_s": 4.0,
            "requests": 2.0,
            "requests_per_s": 0.5,
            "prompt_tokens_per_s": 57.5,
            "computed_prompt_tokens_per_s": 30.0,
            "generated_tokens_per_s": 15.0,
            "cpu_ms_per_request": 10.0,
            "peak_mib": 80.0,
            "failed_requests": 1.0,
            "retries": 2.0,
            "cached_prompt_share": pytest.approx(110 / 230),
        }

    def test_an_engine_that_counts_no_cached_tokens_has_no_share_of_them(self) -> None:
        figures = request_figures(Recording([sent(100, None, 20)]), Cost(1.0, 0.0, 0.0))
        assert "cached_prompt_share" not in figures
        assert figures["computed_prompt_tokens_per_s"] == 100


class TestWork:
    FULL = trajectory(0, 3, 7)
    CONVERGED = trajectory(10, 14, reason=StopReason.CONVERGED)
    FAILED = trajectory(20, reason=StopReason.ENGINE_FAILED)

    def test_trajectories_are_added_up_by_round_and_by_kind(self) -> None:
        work = work_of([self.FULL, self.CONVERGED, self.FAILED])
        assert (work.trajectories, work.failed, work.calls_saved) == (3, 1, 4)
        assert (work.versions, work.rounds[1].versions, work.rounds[2].versions) == (3, 2, 1)
        assert work.rounds[1].latencies_s == [3, 4]
        assert work.by_kind["revision"] == Usage(
            prompt_tokens=390, cached_tokens=351, generated_tokens=120
        )
        assert work.trajectory_latencies_s == [7, 4]
        assert work.first_latencies_s == [3, 4]

    def test_rounds_that_stopping_early_saved_count_as_done_and_failed_ones_do_not(self) -> None:
        work = work_of([self.FULL, self.CONVERGED, self.FAILED])
        figures = work_figures(work, Cost(wall_s=2.0, cpu_s=0.006, peak_mib=0.0), iterations=2)
        assert figures["rounds_per_s"] == 2 * 2 / 2.0
        assert figures["versions_per_s"] == 1.5
        assert figures["trajectories_per_s"] == 1.0
        assert figures["engine_s_per_version"] == pytest.approx(2 / 3)
        assert figures["cpu_ms_per_version"] == pytest.approx(2.0)
        assert figures["cached_revision_prompt_share"] == pytest.approx(0.9)
        assert figures["trajectory_latency_s_p50"] == 5.5

    def test_a_rewrite_after_edits_counts_as_a_revision(self) -> None:
        one = trajectory(0, 3)
        steps = one.versions[1].steps
        rewrite = steps[-1].model_copy(update={"kind": "rewrite"})
        version = one.versions[1].model_copy(update={"steps": (*steps[:-1], rewrite)})
        work = work_of([one.model_copy(update={"versions": (one.versions[0], version)})])
        figures = work_figures(work, Cost(wall_s=2.0, cpu_s=0.006, peak_mib=0.0), iterations=1)
        assert work.by_kind["rewrite"] == rewrite.usage
        assert figures["cached_revision_prompt_share"] == pytest.approx(0.9)

    def test_a_round_has_its_tokens_and_its_latencies(self) -> None:
        first, second = round_rows(work_of([self.FULL, self.CONVERGED]))
        assert (first["round"], first["versions"], second["versions"]) == (1, 2, 1)
        assert first["prompt_tokens"] == 460
        assert first["cached_tokens"] == 234
        assert first["request_s_per_version"] == 3.0
        assert first["latency_s_p50"] == 3.5
        assert second["latency_s_p99"] == 4

    def test_nothing_at_all_is_no_error(self) -> None:
        figures = work_figures(work_of([]), Cost(1.0, 0.0, 0.0), iterations=5)
        assert figures["versions"] == 0
        assert "round_latency_s_p50" not in figures


class TestPercentiles:
    def test_they_lie_between_the_values(self) -> None:
        assert percentiles([float(number) for number in range(101)]) == {50: 50, 90: 90, 99: 99}
        assert percentiles([0.0, 10.0]) == {50: 5.0, 90: 9.0, 99: 9.9}

    def test_of_one_value_all_are_that(self) -> None:
        assert percentiles([7.0]) == {50: 7.0, 90: 7.0, 99: 7.0}
        assert percentiles([]) == {}

    @given(st.lists(st.floats(0, 1e6), min_size=1))
    def test_they_are_in_order_and_within_the_values(self, values: list[float]) -> None:
        found = percentiles(values)
        slack = 1e-6 * (1 + max(values))
        assert min(values) - slack <= found[50] <= found[90] + slack
        assert found[90] <= found[99] + slack <= max(values) + 2 * slack


class TestOccupancy:
    def test_the_first_look_does_not_count(self) -> None:
        moments = [Moment(0, 0, 0), Moment(1, 10, 4), Moment(2, 0, 0), Moment(3, 20, 2)]
        assert occupancy_figures(moments) == {
            "running_mean": 10,
            "running_most": 20,
            "waiting_mean": 2,
            "idle_share": pytest.approx(1 / 3),
        }

    def test_an_engine_that_tells_nothing_has_no_figures(self) -> None:
        assert occupancy_figures([]) == {}
