"""What may be sent when, with a clock of our own."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.engines.rate_headers import Allowance, Allowances
from revloop.engines.rate_limit import RateLimits, Spent, estimated_tokens
from tests.helpers.clocks import Clock

MINUTE_S = 60.0


def limits(clock: Clock, rpm: int | None = None, tpm: int | None = None) -> RateLimits:
    return RateLimits(rpm, tpm, now=clock)


def send(of: RateLimits, clock: Clock, tokens: int = 1) -> Spent:
    """Wait as long as told, and send."""
    while wait_s := of.wait_s(tokens):
        clock.now_s += wait_s
    return of.spend(tokens)


def allowed(of: RateLimits, tokens: int = 1) -> int:
    """Number of requests that may be sent at this moment."""
    number = 0
    while not of.wait_s(tokens):
        of.spend(tokens)
        number += 1
    return number


def most_in_a_minute(sent: list[tuple[float, int]]) -> int:
    return max(
        sum(amount for at, amount in sent if start <= at < start + MINUTE_S) for start, _ in sent
    )


class TestTheUsersLimits:
    @given(
        st.integers(1, 20),
        st.lists(st.floats(0, 90), min_size=1, max_size=80),
    )
    def test_no_minute_has_more_requests(self, rpm: int, pauses_s: list[float]) -> None:
        clock = Clock()
        of, sent = limits(clock, rpm=rpm), list[tuple[float, int]]()
        for pause_s in pauses_s:
            clock.now_s += pause_s
            send(of, clock)
            sent.append((clock.now_s, 1))
        assert most_in_a_minute(sent) <= rpm

    @given(
        st.integers(100, 1000),
        st.lists(
            st.tuples(st.floats(0, 90), st.integers(1, 100), st.floats(0, 1)),
            min_size=1,
            max_size=60,
        ),
    )
    def test_no_minute_has_more_tokens(
        self, tpm: int, requests: list[tuple[float, int, float]]
    ) -> None:
        clock = Clock()
        of, sent = limits(clock, tpm=tpm), list[tuple[float, int]]()
        for pause_s, tokens, share in requests:
            clock.now_s += pause_s
            spent = send(of, clock, tokens)
            used = int(tokens * share)
            of.correct(spent, used)
            sent.append((clock.now_s, used))
        assert most_in_a_minute(sent) <= tpm

    @given(st.integers(1, 50), st.lists(st.integers(1, 500), min_size=1, max_size=40))
    def test_every_request_is_sent_in_the_end(self, tpm: int, requests: list[int]) -> None:
        clock = Clock()
        of = limits(clock, rpm=3, tpm=tpm)
        for tokens in requests:
            before = clock.now_s
            send(of, clock, tokens)
            assert clock.now_s - before <= 2 * MINUTE_S

    def test_a_request_above_the_whole_budget_is_sent_alone(self) -> None:
        clock = Clock()
        of = limits(clock, tpm=100)
        of.spend(1)
        assert of.wait_s(500) > MINUTE_S
        clock.now_s += of.wait_s(500)
        of.spend(500)
        assert of.wait_s(1) > MINUTE_S

    def test_what_a_reply_did_not_use_may_be_used_by_others(self) -> None:
        of = limits(Clock(), tpm=100)
        spent = of.spend(100)
        assert of.wait_s(60)
        of.correct(spent, 40)
        assert of.wait_s(60) == 0

    def test_a_reply_that_used_more_than_estimated_takes_it_from_others(self) -> None:
        of = limits(Clock(), tpm=100)
        of.correct(of.spend(10), 60)
        assert of.wait_s(50)

    def test_a_late_correction_changes_nothing(self) -> None:
        clock = Clock()
        of = limits(clock, tpm=100)
        spent = of.spend(100)
        clock.now_s += 2 * MINUTE_S
        assert allowed(of, 50) == 2
        of.correct(spent, 0)
        assert of.wait_s(1)

    def test_a_request_that_never_arrived_costs_nothing(self) -> None:
        of = limits(Clock(), rpm=1, tpm=10)
        of.give_back(of.spend(10))
        assert of.wait_s(10) == 0

    def test_without_limits_nothing_waits(self) -> None:
        of = limits(Clock())
        for _ in range(1000):
            assert of.wait_s(10**6) == 0
            of.spend(10**6)


def answered(of: RateLimits, **said: Allowance) -> None:
    """A request is sent and answered with these limits."""
    note(of, of.spend(1), **said)


def note(of: RateLimits, spent: Spent, **said: Allowance) -> None:
    of.note(spent, Allowances(said.get("requests"), said.get("tokens")))
    of.finish(spent)


class TestTheServersLimits:
    def test_what_remains_is_sent_and_no_more(self) -> None:
        of = limits(Clock())
        answered(of, requests=Allowance(60, 5, 55.0))
        assert allowed(of) == 5

    def test_all_is_sent_after_the_reset(self) -> None:
        clock = Clock()
        of = limits(clock)
        answered(of, requests=Allowance(60, 0, 20.0))
        assert of.wait_s(1) == 20
        clock.now_s += 20
        assert allowed(of) == 60
        assert of.wait_s(1) == MINUTE_S

    def test_requests_under_way_are_subtracted(self) -> None:
        of = limits(Clock())
        others = [of.spend(10) for _ in range(4)]
        answered(of, requests=Allowance(60, 6, 30.0), tokens=Allowance(1000, 100, 30.0))
        assert allowed(of) == 2
        assert len(others) == 4

    def test_tokens_under_way_are_subtracted(self) -> None:
        of = limits(Clock())
        of.spend(40)
        answered(of, tokens=Allowance(1000, 100, 30.0))
        assert allowed(of, 30) == 2

    def test_a_reply_to_an_earlier_request_knows_less(self) -> None:
        of = limits(Clock())
        earlier, later = of.spend(1), of.spend(1)
        note(of, later, requests=Allowance(60, 3, 30.0))
        note(of, earlier, requests=Allowance(60, 59, 30.0))
        assert allowed(of) == 2

    def test_a_request_above_the_limit_goes_when_everything_is_available(self) -> None:
        clock = Clock()
        of = limits(clock)
        answered(of, tokens=Allowance(100, 99, 10.0))
        assert of.wait_s(5000) == 10
        clock.now_s += 10
        assert of.wait_s(5000) == 0

    def test_a_limit_by_the_day_is_tried_once_a_minute(self) -> None:
        clock = Clock()
        of = limits(clock)
        answered(of, requests=Allowance(1000, 0, 86400.0))
        for _ in range(3):
            assert of.wait_s(1) == MINUTE_S
            clock.now_s += MINUTE_S
            assert allowed(of) == 1

    @pytest.mark.parametrize("reset_s", [None, 0.0])
    def test_without_a_usable_reset_the_limit_refills_in_a_minute(
        self, reset_s: float | None
    ) -> None:
        of = limits(Clock())
        answered(of, requests=Allowance(60, 0, reset_s))
        assert of.wait_s(1) == MINUTE_S

    @given(
        st.integers(2, 30),
        st.lists(st.tuples(st.floats(0, 20), st.integers(1, 12)), min_size=2, max_size=40),
    )
    def test_a_bucket_that_refills_continuously_is_never_overdrawn(
        self, limit: int, bursts: list[tuple[float, int]]
    ) -> None:
        """A server like OpenAI's, whose replies arrive in the wrong order."""
        clock = Clock()
        of = limits(clock)
        level, at = float(limit), clock.now_s
        for pause_s, size in [(0.0, 1), *bursts]:  # the first reply tells the limit
            clock.now_s += pause_s
            replies = []
            for _ in range(size):
                spent = send(of, clock)
                level = min(limit, level + (clock.now_s - at) * limit / MINUTE_S) - 1
                at = clock.now_s
                assert level >= -1e-6
                reset_s = (limit - level) / limit * MINUTE_S
                replies.append((spent, Allowance(limit, int(level + 1e-9), reset_s)))
            for spent, said in reversed(replies):
                note(of, spent, requests=said)


class TestHolding:
    def test_all_wait_as_long_as_the_server_asks(self) -> None:
        clock = Clock()
        of = limits(clock)
        of.hold(8)
        of.hold(3)
        assert of.wait_s(1) == 8
        clock.now_s += 8
        assert of.wait_s(1) == 0


class TestEstimates:
    @pytest.mark.parametrize(
        ("body", "tokens"),
        [
            ({"prompt": [1, 2, 3]}, 103),
            ({"prompt": "a" * 41}, 111),
            ({"prompt": "好" * 40}, 130),
            ({"messages": [{"content": "a" * 20}, {"content": "b" * 20}]}, 110),
            ({"messages": [{"content": [{"text": "a" * 40}, {"url": "x" * 99}]}]}, 110),
            ({"prompt": ""}, 100),
        ],
        ids=["ids", "text", "chinese", "chat", "parts", "empty"],
    )
    def test_a_request_counts_its_prompt_and_all_it_may_generate(
        self, body: dict[str, object], tokens: int
    ) -> None:
        assert estimated_tokens(body, 100) == tokens

    def test_requests_are_numbered_in_order(self) -> None:
        of = limits(Clock())
        numbers = [of.spend(1).number for _ in range(3)]
        assert all(before < after for before, after in pairwise(numbers))
