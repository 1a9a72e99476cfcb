"""Functions of users: loaded by name, told apart by their source, called where they may block."""

from __future__ import annotations

import importlib
import inspect
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyio import move_on_after, to_thread

from revloop.concurrency import run_in_thread
from revloop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def is_function_name(spec: str) -> bool:
    """Whether a text has the form ``module:function``."""
    module, colon, function = spec.partition(":")
    return bool(colon) and module.replace(".", "").isidentifier() and function.isidentifier()


def load_named(spec: str, what: str) -> Callable[..., Any]:
    """Load ``module:function``, also from the working directory.

    Args:
        spec: The name.
        what: What the function is, for messages: "judge".

    Raises:
        InputError: There is no such module, or it has no such function.
    """
    module_name, _, function_name = spec.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` does
    try:
        function = getattr(importlib.import_module(module_name), function_name, None)
    except (Exception, SystemExit) as exc:
        raise InputError(
            f"The {what} {spec} cannot be loaded: {type(exc).__name__}: {exc}. Name a "
            "module:function whose module is in this folder or installed."
        ) from exc
    if not callable(function):
        raise InputError(f"The module {module_name} has no function '{function_name}'.")
    loaded: Callable[..., Any] = function
    return loaded


def source_of(function: Callable[..., Any]) -> str:
    """The source of the function's whole module, which includes its helpers; empty if unknown."""
    try:
        return Path(inspect.getfile(function)).read_text(encoding="utf-8", errors="replace")
    except (OSError, TypeError):
        return ""


async def call(
    function: Callable[..., Any],
    *arguments: object,
    timeout_s: float | None = None,
) -> Any:
    """Call a function: awaited if it is asynchronous, else in a thread, where it may block.

    Args:
        function: The user's.
        arguments: Its arguments.
        timeout_s: Seconds that it may take, without the wait for a free thread; None: no limit.

    Raises:
        TimeoutError: It took longer.
        BaseException: Whatever the function raises.
    """
    if inspect.iscoroutinefunction(function):
        return await _within(timeout_s, function(*arguments))
    async with to_thread.current_default_thread_limiter():
        return await _within(timeout_s, run_in_thread(partial(function, *arguments)))


async def _within(timeout_s: float | None, result: Awaitable[Any]) -> Any:
    with move_on_after(timeout_s):
        return await result
    raise TimeoutError(f"it took longer than {timeout_s:g} s")
