"""The judges of a run: whether they have something to choose, and how they are opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.errors import InputError
from revloop.trajectory import Judge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AsyncExitStack

    from revloop.options import LoopOptions

    JudgeSource = Judge | Callable[[], Awaitable[Judge]]


def refuse_idle_judges(
    options: LoopOptions,
    judge: JudgeSource | None,
    selector: JudgeSource | None,
    checks: Sequence[object],
) -> None:
    """Refuse judges with nothing to choose, and choices without anyone to make them.

    Args:
        options: Which choices are to be made.
        judge: Compares versions, and without a selector candidates.
        selector: Chooses between candidates.
        checks: The user's checks.

    Raises:
        InputError: There is one of either.
    """
    keeps, chooses = options.keep != "last", options.revisions_a_round > 1
    if judge is None and not checks and keeps:
        raise InputError("A judge or a check is needed to keep 'best' or 'gate'.")
    if selector is not None and not chooses:
        raise InputError("A selector chooses between candidates: request several.")
    if judge is not None and not keeps:
        if selector is not None:
            raise InputError(
                "A judge beside a selector has nothing to choose: keep 'best' or 'gate'."
            )
        if not chooses:
            raise InputError(
                "A judge has nothing to choose: keep 'best' or 'gate', or request candidates."
            )


async def opened_judge(source: JudgeSource | None, opened: AsyncExitStack) -> Judge | None:
    """The judge that was given, or one that is opened now and closed with the rest."""
    if source is None or isinstance(source, Judge):
        return source
    judge = await source()
    opened.push_async_callback(judge.aclose)
    return judge
