"""All checks of a run, side by side."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

import anyio

from revloop.checks.messages import shortened
from revloop.concurrency import task_group
from revloop.errors import RevloopError
from revloop.trajectory import Check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.trajectory import Checker, CheckInfo, Draft

logger = logging.getLogger("revloop.checks")


class CheckSuite:
    """Runs the checks of a text side by side.

    Args:
        checkers: In the order of their results; closed with the suite.
        timeout_s: Seconds that a check of one text may take; a command, which may wait for a CPU,
            has its own clock.

    Attributes:
        failures: How often each check could not be run, by name.
        first_failures: Why it could not be run the first time, by name.
    """

    def __init__(self, checkers: Sequence[Checker], *, timeout_s: float) -> None:
        self._checkers = tuple(checkers)
        self._timeout_s = timeout_s
        self.failures: Counter[str] = Counter()
        self.first_failures: dict[str, str] = {}

    @property
    def infos(self) -> tuple[CheckInfo, ...]:
        """Which checks these are, in order."""
        return tuple(checker.info for checker in self._checkers)

    async def run(self, draft: Draft, text: str) -> tuple[Check, ...]:
        """Check a text.

        Args:
            draft: What is revised.
            text: Its response, or a later version.

        Returns:
            A result for each check. One that raised an error or took too long is the check's fault,
            not the text's: its result neither passed nor failed.
        """
        results: dict[int, Check] = {}

        async def one(number: int, checker: Checker) -> None:
            results[number] = await self._run(checker, draft, text)

        async with task_group() as tasks:
            for number, checker in enumerate(self._checkers):
                tasks.start_soon(one, number, checker)
        return tuple(results[number] for number in range(len(self._checkers)))

    async def aclose(self) -> None:
        """Close all checks."""
        for checker in self._checkers:
            await checker.aclose()

    async def _run(self, checker: Checker, draft: Draft, text: str) -> Check:
        name = checker.info.name
        try:
            with anyio.move_on_after(self._limit_s(checker)):
                result = await checker.check(draft, text)
                message = "" if result.passed else shortened(result.message)
                return result.model_copy(update={"name": name, "message": message})
            return self._failed(name, f"it took longer than {self._timeout_s:g} s")
        except RevloopError as exc:
            return self._failed(name, str(exc))
        except (Exception, SystemExit) as exc:  # noqa: BLE001 - a user's code may raise anything
            return self._failed(name, f"{type(exc).__name__}: {exc}")

    def _limit_s(self, checker: Checker) -> float | None:
        """The time limit; None for a check with a limit of its own, which leaves out its waits."""
        return None if hasattr(checker, "timeout_s") else self._timeout_s

    def _failed(self, name: str, why: str) -> Check:
        if not self.failures[name]:
            logger.warning("The check %s could not be run: %s.", name, why.rstrip("."))
        self.failures[name] += 1
        message = shortened(why)
        self.first_failures.setdefault(name, message)
        return Check(name=name, passed=None, message=message)
