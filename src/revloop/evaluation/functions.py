"""A Python function as judge, and the exact judge of the demo's domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from revloop.demo.judge import compare, judge
from revloop.errors import JudgeError
from revloop.functions import call, load_named, source_of
from revloop.trajectory import JudgeInfo, Verdict
from revloop.values import digest_of, explain

if TYPE_CHECKING:
    from collections.abc import Callable


class FunctionJudge:
    """A judge that calls a function of a prompt and two texts.

    The function returns ``"first"``, ``"second"`` or ``"tie"``, one of these and a reason, or a
    :class:`~revloop.trajectory.Verdict`.

    Args:
        function: May be asynchronous; otherwise it runs in a thread and may block.
        name: The name that the user gave it.
        digest: Changes with the function; None: computed from its module's source.
    """

    def __init__(
        self, function: Callable[[str, str, str], Any], *, name: str, digest: str | None = None
    ) -> None:
        self._function = function
        digest = digest or digest_of("function", name, source_of(function))
        self.info = JudgeInfo(kind="function", name=name, digest=digest)

    async def judge(self, prompt: str, first: str, second: str) -> Verdict:
        """Which text is better, in this order. See :class:`~revloop.trajectory.Judge`.

        Raises:
            JudgeError: The function fails, or returns no verdict.
        """
        try:
            returned = await call(self._function, prompt, first, second)
        except (Exception, SystemExit) as exc:
            raise JudgeError(
                f"The judge {self.info.name} fails: {type(exc).__name__}: {exc}"
            ) from exc
        return self._verdict(returned)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to release."""

    def _verdict(self, returned: object) -> Verdict:
        if isinstance(returned, Verdict):
            return returned
        preference, reason = returned, None
        if isinstance(returned, tuple) and len(returned) == 2:
            preference, reason = returned
        try:
            return Verdict.model_validate({"preference": preference, "reason": reason})
        except ValidationError as exc:
            raise JudgeError(
                f"The judge {self.info.name} returns {returned!r:.100}, which is no verdict: "
                f"{explain(exc)}."
            ) from exc


def demo_judge() -> FunctionJudge:
    """The exact judge of the demo's domain, which counts faults."""
    source = source_of(judge)
    return FunctionJudge(_fewer_faults, name="demo", digest=digest_of("demo", source))


def load_function(spec: str) -> FunctionJudge:
    """Load the judge ``module:function``, also from the working directory.

    Raises:
        InputError: There is no such module, or it has no such function.
    """
    return FunctionJudge(load_named(spec, "judge"), name=spec)


def _fewer_faults(prompt: str, first: str, second: str) -> tuple[str, str]:
    counts = [judge(prompt, text).count for text in (first, second)]
    return compare(prompt, first, second), f"Faults: {counts[0]} and {counts[1]}."
