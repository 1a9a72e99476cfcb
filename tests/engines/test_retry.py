"""When a request is sent again, and after which wait: `revloop.engines.retry`."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from revloop.engines import RetryPolicy
from revloop.engines.outage import Outage
from revloop.errors import (
    AuthenticationError,
    BadReplyError,
    ContextFullError,
    EngineError,
    EngineGoneError,
    ModelNotServedError,
    OverloadedError,
    RejectedError,
    RepeatedFaultError,
    ServerFaultError,
    UnreachableError,
)

BUSY = OverloadedError("Come back later.")
seconds = st.floats(0, 1000)


@dataclass
class Trial:
    """Work that fails with these errors in order, then succeeds.

    Attributes:
        faults: Errors still to come.
        tries: How many times it was tried.
        waits_s: How long each wait before another try would have been.
    """

    faults: list[BaseException]
    tries: int = 0
    waits_s: list[float] = field(default_factory=list)

    async def run(self, policy: RetryPolicy) -> str:
        async for attempt in policy.retrying().copy(sleep=self._sleep):
            with attempt:
                self.tries += 1
                if self.faults:
                    raise self.faults.pop(0)
        return "done"

    async def _sleep(self, wait_s: float) -> None:
        self.waits_s.append(wait_s)


def busy(times: int, *, asking_s: float | None = None) -> list[BaseException]:
    return [OverloadedError("Come back later.", retry_after_s=asking_s) for _ in range(times)]


async def test_what_succeeds_is_not_tried_again() -> None:
    trial = Trial([])
    assert await trial.run(RetryPolicy()) == "done"
    assert (trial.tries, trial.waits_s) == (1, [])


@pytest.mark.parametrize(
    "kind", [UnreachableError, OverloadedError, ServerFaultError, BadReplyError]
)
async def test_a_passing_fault_is_tried_again(kind: type[EngineError]) -> None:
    trial = Trial([kind("Oh dear."), kind("Oh dear.")])
    assert await trial.run(RetryPolicy()) == "done"
    assert trial.tries == 3


@pytest.mark.parametrize(
    "fault",
    [
        RejectedError("No."),
        RepeatedFaultError("As before."),
        AuthenticationError("Who are you?"),
        ModelNotServedError("Not here."),
        ContextFullError("Full."),
        EngineError("Something else."),
        ValueError("A mistake in the code."),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_any_other_error_is_raised_at_once(fault: Exception) -> None:
    trial = Trial([fault])
    with pytest.raises(type(fault), match=str(fault)):
        await trial.run(RetryPolicy())
    assert (trial.tries, trial.waits_s) == (1, [])


async def test_a_final_error_ends_the_tries_that_a_passing_fault_began() -> None:
    trial = Trial([BUSY, RejectedError("No.")])
    with pytest.raises(RejectedError, match=r"No\."):
        await trial.run(RetryPolicy())
    assert trial.tries == 2


async def test_cancellation_is_not_swallowed() -> None:
    trial = Trial([BUSY, asyncio.CancelledError()])
    with pytest.raises(asyncio.CancelledError):
        await trial.run(RetryPolicy())
    assert trial.tries == 2


@pytest.mark.parametrize("attempts", [1, 2, 5])
async def test_the_last_fault_is_raised_when_the_tries_are_used_up(attempts: int) -> None:
    trial = Trial([UnreachableError(f"fault {i}") for i in range(1, 10)])
    with pytest.raises(UnreachableError, match=f"fault {attempts}"):
        await trial.run(RetryPolicy(attempts=attempts))
    assert (trial.tries, len(trial.waits_s)) == (attempts, attempts - 1)


@given(first_s=seconds, longest_s=seconds)
def test_waits_are_drawn_from_a_range_that_doubles_up_to_the_longest(
    first_s: float, longest_s: float
) -> None:
    trial = Trial(busy(6))
    policy = RetryPolicy(attempts=7, first_wait_s=first_s, longest_wait_s=longest_s)
    asyncio.run(trial.run(policy))
    limits = [min(first_s * 2**i, longest_s) for i in range(6)]
    assert all(0 <= wait <= limit for wait, limit in zip(trial.waits_s, limits, strict=True))


async def test_waits_differ_so_that_clients_do_not_come_at_once() -> None:
    waits_s = set()
    for _ in range(10):
        trial = Trial(busy(1))
        await trial.run(RetryPolicy())
        waits_s.update(trial.waits_s)
    assert len(waits_s) > 1


async def test_with_no_first_wait_tries_follow_each_other_at_once() -> None:
    trial = Trial(busy(3))
    await trial.run(RetryPolicy(first_wait_s=0))
    assert trial.waits_s == [0, 0, 0]


async def test_the_wait_that_the_server_asks_for_is_kept() -> None:
    trial = Trial(busy(2, asking_s=17))
    await trial.run(RetryPolicy(first_wait_s=0.5))
    assert trial.waits_s == [17, 17]


async def test_a_server_cannot_ask_for_more_than_the_longest_wait() -> None:
    trial = Trial([*busy(1, asking_s=3600), *busy(1, asking_s=float("inf"))])
    await trial.run(RetryPolicy(longest_wait_s=9))
    assert trial.waits_s == [9, 9]


@given(asked_s=seconds, first_s=seconds, longest_s=seconds)
def test_a_wait_is_never_shorter_than_asked_nor_longer_than_allowed(
    asked_s: float, first_s: float, longest_s: float
) -> None:
    trial = Trial(busy(2, asking_s=asked_s))
    asyncio.run(trial.run(RetryPolicy(first_wait_s=first_s, longest_wait_s=longest_s)))
    assert all(min(asked_s, longest_s) <= wait <= longest_s for wait in trial.waits_s)


async def test_a_short_wait_that_the_server_asks_for_is_still_jittered() -> None:
    trial = Trial(busy(7, asking_s=0))
    await trial.run(RetryPolicy(attempts=8))
    assert any(wait > 0 for wait in trial.waits_s)


async def test_each_new_try_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="revloop.engines")
    await Trial(busy(2)).run(RetryPolicy())
    assert caplog.messages == [
        "try 1 failed, trying again: Come back later.",
        "try 2 failed, trying again: Come back later.",
    ]


async def test_a_policy_serves_any_number_of_requests() -> None:
    policy = RetryPolicy(attempts=2)
    first, second = Trial(busy(1)), Trial(busy(1))
    async with asyncio.TaskGroup() as group:
        group.create_task(first.run(policy))
        group.create_task(second.run(policy))
    assert (first.tries, second.tries) == (2, 2)


@pytest.mark.parametrize(
    "setting", [{"attempts": 0}, {"first_wait_s": -1}, {"longest_wait_s": -1}, {"tries": 3}]
)
def test_a_policy_that_makes_no_sense_is_refused(setting: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match=next(iter(setting))):
        RetryPolicy.model_validate(setting)


@dataclass
class Away:
    """A request to an unreachable server, with a clock that only its waits advance.

    Attributes:
        back_after_s: When the server is back.
        others_are_answered: Whether it answers others all the time.
    """

    policy: RetryPolicy
    back_after_s: float
    others_are_answered: bool = False
    tries: int = 0
    now_s: float = 0.0
    waits_s: list[float] = field(default_factory=list)

    async def run(self) -> int:
        outage = Outage(lambda: self.now_s)
        async for attempt in self.policy.retrying(outage).copy(sleep=self._sleep):
            with attempt:
                self.tries += 1
                if self.now_s < self.back_after_s:
                    fault = UnreachableError("Nobody is there.")
                    if self.others_are_answered:
                        outage.note_answer()
                    outage.note_failure(fault)
                    raise fault
                outage.note_answer()
        assert outage.away_s is None
        return self.tries

    async def _sleep(self, wait_s: float) -> None:
        self.waits_s.append(wait_s)
        self.now_s += wait_s + 0.001


WAITING = RetryPolicy(attempts=3, wait_for_server_s=900)


async def test_a_server_that_is_away_is_waited_for_however_many_tries_that_takes() -> None:
    assert await Away(WAITING, back_after_s=600).run() > 50


async def test_a_server_that_stays_away_is_given_up_after_the_time_that_was_set() -> None:
    away = Away(WAITING, back_after_s=10_000)
    told = r"unreachable for 9\d\d s, past the wait limit of 900 s: Nobody is there"
    with pytest.raises(EngineGoneError, match=told) as gone:
        await away.run()
    assert 900 <= away.now_s < 911
    assert f"unreachable for {away.now_s:.0f} s" in str(gone.value)


async def test_nobody_waits_longer_than_ten_seconds_for_a_server_that_may_be_back() -> None:
    away = Away(WAITING, back_after_s=600)
    await away.run()
    assert max(away.waits_s) <= 10


async def test_a_request_that_fails_while_others_are_answered_has_so_many_tries_only() -> None:
    away = Away(WAITING, back_after_s=10_000, others_are_answered=True)
    with pytest.raises(UnreachableError):
        await away.run()
    assert away.tries == 3


async def test_without_a_wait_a_server_that_is_away_costs_so_many_tries() -> None:
    away = Away(RetryPolicy(attempts=3), back_after_s=10_000)
    with pytest.raises(UnreachableError):
        await away.run()
    assert away.tries == 3


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_whose_server_is_away_is_no_server(status: int) -> None:
    outage = Outage(lambda: 5.0)
    outage.note_status(status)
    assert outage.away_s == 0


@pytest.mark.parametrize("status", [400, 422, 429])
def test_whoever_refuses_a_request_is_there(status: int) -> None:
    outage = Outage()
    outage.note_failure(UnreachableError("gone"))
    outage.note_status(status)
    assert outage.away_s is None


@pytest.mark.parametrize("status", [200, 307, 500])
def test_a_server_that_is_away_is_not_back_before_it_does_what_it_is_asked(status: int) -> None:
    outage = Outage()
    outage.note_failure(UnreachableError("gone"))
    outage.note_status(status)
    assert outage.away_s is not None
    outage.note_answer()
    assert outage.away_s is None


def test_a_bad_answer_is_no_outage() -> None:
    outage = Outage()
    outage.note_failure(BadReplyError("half"))
    assert outage.away_s is None
