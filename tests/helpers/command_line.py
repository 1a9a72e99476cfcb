"""Run the real command line in a separate process."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.helpers.forking import can_fork, run_forked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LIMIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended.

    Attributes:
        code: Its exit code.
        out: What it wrote to standard output.
        err: What it wrote to standard error.
    """

    code: int
    out: str
    err: str


async def start(
    *arguments: str, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Start ``revloop`` with pipes for its three streams."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "revloop", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**os.environ, **(environment or {})},
    )


async def revloop(
    *arguments: str,
    stdin: bytes = b"",
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run ``revloop`` to its end."""
    variables = {**os.environ, **(environment or {})}
    if can_fork(variables):
        return await _forked(arguments, stdin, folder, variables)
    process = await start(*arguments, folder=folder, environment=environment)
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin), LIMIT_S)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


async def _forked(
    arguments: tuple[str, ...], stdin: bytes, folder: Path | None, environment: Mapping[str, str]
) -> Finished:
    (reads, sends), (outs, writes), (errs, complains) = os.pipe(), os.pipe(), os.pipe()
    given = asyncio.create_task(asyncio.to_thread(_write, sends, stdin))
    out, err = (asyncio.create_task(asyncio.to_thread(_read, end)) for end in (outs, errs))
    streams = (reads, writes, complains)
    try:
        code = await asyncio.wait_for(run_forked(arguments, streams, folder, environment), LIMIT_S)
    finally:
        for end in streams:
            os.close(end)
        await given
    return Finished(code, (await out).decode(), (await err).decode())


def _write(descriptor: int, data: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as pipe:
        pipe.write(data)


def _read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as pipe:
        return pipe.read()
