"""All checks of a run, side by side; functions as checks."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from revloop.checks import CheckSuite, CommandChecker, as_checkers, batched
from revloop.checks.messages import MESSAGE_CHARACTERS, shortened
from revloop.concurrency import task_group
from revloop.errors import InputError
from revloop.trajectory import Check, CheckInfo, Draft

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DRAFT = Draft(prompt="Why?", response="Because.")


def suite(*functions: Callable[..., object], timeout_s: float = 60) -> CheckSuite:
    return CheckSuite(as_checkers(functions, timeout_s=timeout_s), timeout_s=timeout_s)


def short(draft: Draft, text: str) -> Check:
    return Check(passed=len(text) < 10, message="It is too long.", score=float(len(text)))


def polite(draft: Draft, text: str) -> bool:
    return "please" in text


async def mentions_the_prompt(draft: Draft, text: str) -> tuple[bool, str]:
    await anyio.lowlevel.checkpoint()
    return draft.prompt_text in text, "It does not mention the prompt."


def broken(draft: Draft, text: str) -> bool:
    raise KeyError(text)


async def slow(draft: Draft, text: str) -> bool:
    await anyio.sleep_forever()
    return True


def stuck(draft: Draft, text: str) -> bool:
    time.sleep(30)
    return True


async def test_the_results_stand_in_the_order_of_the_checks_with_their_names() -> None:
    found = await suite(short, polite, mentions_the_prompt).run(DRAFT, "A longer text.")
    assert found == (
        Check(name="short", passed=False, message="It is too long.", score=14.0),
        Check(name="polite", passed=False),
        Check(name="mentions_the_prompt", passed=False, message="It does not mention the prompt."),
    )


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (broken, "KeyError: 'a'"),
        (slow, "TimeoutError: it took longer than 0.05 s"),
        (stuck, "TimeoutError: it took longer than 0.05 s"),
        (lambda _draft, _text: 7, "TypeError: it returned 7; return a Check, True or False"),
        (lambda _draft, _text: sys.exit(1), "SystemExit: 1"),
    ],
)
async def test_a_check_that_cannot_be_run_is_told_and_counted_and_neither_passes_nor_fails(
    function: Callable[..., object], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def quick(draft: Draft, text: str) -> bool:
        return False  # without a wait, so within any limit

    checks = suite(function, quick, timeout_s=0.05)
    for _ in range(2):
        failed, other = await checks.run(DRAFT, "a")
        assert failed.passed is None
        assert failed.message.startswith(message)
        assert other.passed is False
    assert checks.failures == {failed.name: 2}
    assert len(caplog.messages) == 1
    assert f"The check {failed.name} could not be run: {message}" in caplog.messages[0]


async def test_a_message_is_kept_only_if_the_text_fails() -> None:
    (found,) = await suite(short).run(DRAFT, "brief")
    assert found == Check(name="short", passed=True, score=5.0)


class Sleeper:
    """A checker without a limit of its own."""

    info = CheckInfo(name="sleeper", digest="1")

    async def check(self, draft: Draft, text: str) -> Check:
        await anyio.sleep_forever()
        raise AssertionError(draft, text)

    async def aclose(self) -> None:
        pass


async def test_a_checker_without_a_limit_of_its_own_has_the_suites() -> None:
    (found,) = await CheckSuite([Sleeper()], timeout_s=0.05).run(DRAFT, "a")
    assert (found.passed, found.message) == (None, "it took longer than 0.05 s")


async def test_an_error_of_time_in_a_check_is_not_taken_for_its_limit() -> None:
    def checks(draft: Draft, text: str) -> bool:
        raise TimeoutError("the database sleeps")

    (found,) = await suite(checks).run(DRAFT, "a")
    assert found.message == "TimeoutError: the database sleeps"


async def test_the_checks_of_a_text_run_side_by_side() -> None:
    first, second = anyio.Event(), anyio.Event()

    async def one(draft: Draft, text: str) -> bool:
        first.set()
        await second.wait()
        return True

    async def two(draft: Draft, text: str) -> bool:
        second.set()
        await first.wait()
        return True

    assert all(check.passed for check in await suite(one, two).run(DRAFT, "a"))


async def test_a_batched_check_takes_the_texts_of_many_drafts_in_one_call() -> None:
    calls: list[list[str]] = []

    @batched(size=16)
    def lowercase(drafts: list[Draft], texts: list[str]) -> list[object]:
        calls.append(texts)
        assert len(drafts) == len(texts)
        return [text.islower() or (False, f"{text} is not lower case.") for text in texts]

    checks, found = suite(lowercase), dict[str, Check]()

    async def one(text: str) -> None:
        (found[text],) = await checks.run(DRAFT, text)

    async with task_group() as tasks:
        for text in ("a", "B", "c"):
            tasks.start_soon(one, text)
    assert calls == [["a", "B", "c"]]
    assert [found[text].passed for text in ("a", "B", "c")] == [True, False, True]
    assert found["B"].message == "B is not lower case."


def test_a_check_is_loaded_by_name_and_its_digest_changes_with_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = "def check(draft, text):\n    return True\n"
    digests = set()
    for number, text in enumerate((source, source, source.replace("True", "False"))):
        (tmp_path / f"my_checks_{number}.py").write_text(text, encoding="utf-8")
        (checker,) = as_checkers([f"my_checks_{number}:check"])
        assert checker.info.name == f"my_checks_{number}:check"
        digests.add(checker.info.digest)
    assert len(digests) == 3
    (again,) = as_checkers(["my_checks_0:check"])
    assert again.info.digest in digests


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (["no_such_module_here:check"], "The check no_such_module_here:check cannot be loaded"),
        (["json:nothing"], "The module json has no function 'nothing'"),
        (["a check"], "'a check' names no check"),
        ([7], "A check must be a function or a checker, not int"),
        ([short, short], "Two checks are named 'short'"),
    ],
)
def test_what_is_no_check_is_refused(sources: list[object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_checkers(sources)  # type: ignore[arg-type]


def test_a_long_message_keeps_its_start_and_its_end() -> None:
    message = "start" + "x" * 10_000 + "end"
    found = shortened(message)
    assert len(found) <= MESSAGE_CHARACTERS
    assert found.startswith("start")
    assert found.endswith("end")
    assert "[…]" in found
    assert shortened(" short\n") == "short"


@pytest.mark.skipif(os.name != "posix", reason="commands need Linux or macOS")
async def test_a_command_has_its_own_clock_since_it_may_wait_for_a_cpu() -> None:
    one = CheckSuite([CommandChecker("sleep 0.2", timeout_s=60)], timeout_s=0.01)
    assert [check.passed for check in await one.run(DRAFT, "text")] == [True]
