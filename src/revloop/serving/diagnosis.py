"""Read vLLM's log: how far a start has come, and why it failed.

An API server, an engine and several workers write to one log. When a worker fails, the engine
fails with it and then the API server, each with a long trace; the last line says only "Engine core
initialization failed. See root cause above." So look at the innermost processes first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PREFIX = re.compile(
    r"^\((?P<process>[\w-]+ pid=\d+)\) "
    r"(?:[A-Z]+ [\d-]+ [\d:]+ \[[^\]]*\] ?)?(?P<text>.*)$"
)
_EXCEPTION = re.compile(r"^(?:\w+\.)*(?P<kind>\w*(?:Error|Exception))(?:: (?P<said>.*))?$")
_TRACEBACK = "Traceback (most recent call last):"
_SAME_CHAIN = re.compile(r"^(During handling of the above|The above exception was the direct)")
_WRAPPER = re.compile(
    r"Engine core initialization failed|WorkerProc initialization failed"
    r"|Worker failed with error|EngineDeadError|EngineCore encountered an issue"
)
_USAGE_ERROR = re.compile(r"^\S+\.py: error: (?P<said>.+)$")
_CRASH = re.compile(r"^(Fatal Python error: .*|.*terminate called after throwing.*)$")
_KILLED = re.compile(r"(?P<who>Worker proc \S+) died unexpectedly \(exit code: -(?P<signal>\d+)\)")
_VANISHED = "engine core exited unexpectedly"
_PYDANTIC_TAIL = re.compile(r"\s*\[type=\w+, input_value=.*$")
_LONGEST_CAUSE = 300
_SAMPLING_WARNING = re.compile(r"Default vLLM sampling parameters have been overridden by .*")

_STAGES = (
    (r"non-default args|Resolved architecture", "reading the model's config"),
    (r"Initializing a V1 LLM engine", "starting the engine"),
    (r"OpenMP thread binding|world_size=\d+ rank=", "starting the workers"),
    (r"Starting to load model", "loading weights"),
    (r"checkpoint shards:\s+(\d+%)", "loading weights, {}"),
    (r"Loading weights took", "weights loaded"),
    (r"torch\.compile takes|Dynamo bytecode|Compiling a graph", "compiling"),
    (r"[Ww]arming up", "warming up"),
    (r"KV cache size: ([\d,]+ tokens)", "KV cache of {} ready"),
    (r"Capturing CUDA graph", "capturing CUDA graphs"),
    (r"Starting vLLM server|Application startup complete", "opening the port"),
)


class _Line(NamedTuple):
    number: int
    process: str
    text: str


class _Cause(NamedTuple):
    """An exception that ended a process, and its line in the log."""

    line_number: int
    text: str


def stage(log: str) -> str | None:
    """The last start-up stage in a piece of vLLM's log, or None."""
    for line in reversed(log.splitlines()):
        for pattern, name in _STAGES:
            found = re.search(pattern, line)
            if found is not None:
                return name.format(*found.groups())
    return None


def sampling_warning(log: str) -> str | None:
    """VLLM's warning that it overrides sampling parameters, or None if the log has none."""
    found = _SAMPLING_WARNING.search(log)
    return None if found is None else found[0].strip()


def root_cause(log: str) -> str | None:
    """Why vLLM did not start, in a line or two, or None if the log does not say.

    Args:
        log: The output of the server and its processes.
    """
    lines = [_split(number, line) for number, line in enumerate(log.splitlines())]
    for line in lines:
        usage_error = _USAGE_ERROR.match(line.text)
        if usage_error is not None:
            return f"vLLM rejects its options: {usage_error['said']}"
    workers = [line for line in lines if "Worker" in line.process]
    engine = [line for line in lines if line.process.startswith("EngineCore")]
    # lines without a prefix are the API server's, which fails last
    rest = list(_causes(line for line in lines if not line.process))
    cause = (
        _first_cause(workers)
        or _killed(lines)
        or _first_cause(engine)
        or (rest[-1].text if rest else None)
        or _vanished(lines)
    )
    if cause is not None and len(cause) > _LONGEST_CAUSE:
        return f"{cause[:_LONGEST_CAUSE].rsplit(' ', 1)[0]} ..."
    return cause


def _split(number: int, line: str) -> _Line:
    prefixed = _PREFIX.match(line)
    if prefixed is None:
        return _Line(number, "", line)
    return _Line(number, prefixed["process"], prefixed["text"])


def _first_cause(lines: list[_Line]) -> str | None:
    """What ended the first of several processes to fail; the others follow from it."""
    processes = dict.fromkeys(line.process for line in lines)
    firsts = [
        cause
        for process in processes
        for cause in list(_causes(line for line in lines if line.process == process))[:1]
    ]
    return min(firsts).text if firsts else None


def _causes(lines: Iterable[_Line]) -> Iterator[_Cause]:
    """The exceptions at the end of one process's traces, without mere wrappers.

    Of a chain of exceptions, the last counts.
    """
    pending: _Cause | None = None
    in_trace = is_chained = wants_more = False
    for line in lines:
        exception = _EXCEPTION.match(line.text) if in_trace else None
        if line.text.startswith(_TRACEBACK):
            if pending is not None and not is_chained:
                yield pending
                pending = None
            in_trace, is_chained, wants_more = True, False, False
        elif _SAME_CHAIN.match(line.text):
            is_chained = True
        elif exception is not None:
            in_trace = False
            text = f"{exception['kind']}: {exception['said'] or 'no message'}"
            wants_more = not _WRAPPER.search(text)
            pending = _Cause(line.number, text) if wants_more else pending
        elif _CRASH.match(line.text):
            pending, in_trace = _Cause(line.number, line.text), False
        elif wants_more and pending is not None:
            wants_more = _is_continued(pending.text, line.text)
            if wants_more:
                pending = pending._replace(text=_continued(pending.text, line.text))
    if pending is not None:
        yield pending


def _is_continued(text: str, following: str) -> bool:
    """Whether the next line continues a message: a validation error, or a list."""
    return bool(following.strip()) and (
        " validation error" in text or text.endswith((":", ",", " "))
    )


def _continued(text: str, following: str) -> str:
    said = _PYDANTIC_TAIL.sub("", following.strip()).removeprefix("Value error, ")
    if " validation error" in text:
        # pydantic counts the errors on one line and lists them below
        return said
    return f"{text.rstrip()} {said}"


def _killed(lines: list[_Line]) -> str | None:
    for line in lines:
        killed = _KILLED.search(line.text)
        if killed is not None:
            return f"{killed['who']} was killed by signal {killed['signal']}"
    return None


def _vanished(lines: list[_Line]) -> str | None:
    """An engine that ended without a trace, after which the API server exits with status 0."""
    if any(_VANISHED in line.text for line in lines):
        return "its engine process ended without a message: a signal probably killed it"
    return None
