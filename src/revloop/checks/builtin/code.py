"""The check that code blocks parse."""

from __future__ import annotations

import ast
import re
import textwrap
import threading
import warnings
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from pydantic_core import from_json

from revloop.checks.builtin.base import BuiltInCheck, Flaw
from revloop.errors import failure_line
from revloop.markdown.fences import fences

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = {"python": "python", "py": "python", "python3": "python", "json": "json"}
_TITLES = {"python": "Python", "json": "JSON"}
_PROMPT = re.compile(r"^(?:>>>|\.\.\.)(?: |$)")
_ONE_WARNING_FILTER = threading.Lock()


class Code(BuiltInCheck):
    """The fenced code blocks parse, as Python or JSON. Nothing is run.

    A block's language is that after its fence; blocks in other languages pass. In a Python session
    (``>>>``) only what was typed counts.
    """

    kind: Literal["code"] = "code"
    language: Literal["python", "json"] | None = Field(
        default=None, description="Language of blocks that name none. Default: these pass."
    )

    def flaws(self, original: str, text: str) -> Iterator[Flaw]:  # noqa: ARG002 - not compared
        """One for each block that does not parse."""
        for number, fence in enumerate(fences(text), start=1):
            language = _NAMES.get(fence.language) or (self.language if not fence.language else None)
            error = None
            if language == "python":
                error = _python_error(fence.code)
            elif language == "json":
                error = _json_error(fence.code)
            if language and error:
                yield Flaw(
                    f"The code block {number} is not valid {_TITLES[language]}: {error}.",
                    ((fence.start, fence.end),),
                )


def _python_error(code: str) -> str | None:
    source = textwrap.dedent(_typed(code))
    try:
        # the filters belong to the process: without the lock, two threads restore each other's
        with _ONE_WARNING_FILTER, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except SyntaxError as exc:
        return f"{exc.msg}" + (f" (line {exc.lineno} of the block)" if exc.lineno else "")
    except (MemoryError, RecursionError):  # the parser's stack, in both cases
        return "it is nested too deeply"
    except ValueError as exc:  # a null character
        return failure_line(exc)
    return None


def _json_error(code: str) -> str | None:
    try:
        from_json(code, allow_inf_nan=False)
    except ValueError as exc:
        return failure_line(exc)
    return None


def _typed(code: str) -> str:
    """What was typed in a session; other code as it is."""
    lines = code.split("\n")
    if not lines[0].lstrip().startswith(">>>"):
        return code
    typed = (line.lstrip() for line in lines)
    return "\n".join(_PROMPT.sub("", line) for line in typed if _PROMPT.match(line))
