"""A Python function as check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.concurrency import Batcher
from revloop.functions import call, load_named, source_of
from revloop.trajectory import Check, CheckInfo
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from revloop.trajectory import Draft

_BATCH_SIZE = "revloop_batch_size"


def batched(size: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a check that takes many texts at once: ``check(drafts, texts) -> list[Check]``.

    ::

        @batched(size=64)
        def polite(drafts, texts):
            return [Check(passed=score > 0.5) for score in classify(texts)]

    Args:
        size: Most texts of a call.
    """

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        setattr(function, _BATCH_SIZE, size)
        return function

    return mark


class FunctionChecker:
    """A check that calls a function of a draft and a text.

    The function returns a :class:`~revloop.trajectory.Check`, whether the text passes, or a pair of
    that and a message for the critic.

    Args:
        function: May be asynchronous; otherwise it runs in a thread and may block.
        name: The name that the user gave it; None: the function's.
        digest: Changes with the function; None: computed from its module's source.
        timeout_s: Seconds that a call may take, once it has begun.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        digest: str | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        self.timeout_s = timeout_s
        name = name or getattr(function, "__name__", type(function).__name__)
        self._function = function
        size = getattr(function, _BATCH_SIZE, None)
        self._batch: Batcher[tuple[Draft, str], object] | None = None
        if size is not None:
            self._batch = Batcher(self._run_batch, size=lambda: size)
        digest = digest or digest_of("check", name, source_of(function))
        self.info = CheckInfo(name=name, digest=digest)

    @classmethod
    def load(
        cls, spec: str, *, name: str | None = None, timeout_s: float = 10.0
    ) -> FunctionChecker:
        """Load the check ``module:function``, also from the working directory.

        Raises:
            InputError: There is no such module, or it has no such function.
        """
        return cls(load_named(spec, "check"), name=name or spec, timeout_s=timeout_s)

    async def check(self, draft: Draft, text: str) -> Check:
        """Check a text. See :class:`~revloop.trajectory.Checker`.

        Raises:
            Exception: The function raised it.
            TypeError: It returned no result of a check.
            TimeoutError: It took too long.
        """
        if self._batch is not None:
            return _result(await self._batch((draft, text)))
        return _result(await call(self._function, draft, text, timeout_s=self.timeout_s))

    async def aclose(self) -> None:
        """Do nothing: there is nothing to release."""

    async def _run_batch(self, items: list[tuple[Draft, str]]) -> Sequence[object]:
        drafts, texts = zip(*items, strict=True)
        results = await call(self._function, list(drafts), list(texts), timeout_s=self.timeout_s)
        return list(results)


def _result(returned: object) -> Check:
    if isinstance(returned, Check):
        return returned
    passed, message = returned, ""
    if isinstance(returned, tuple) and len(returned) == 2:
        passed, message = returned
    if not isinstance(passed, bool) or not isinstance(message, str):
        raise TypeError(
            f"it returned {returned!r:.100}; return a Check, True or False, or one of these and a "
            "message"
        )
    return Check(passed=passed, message=message)
