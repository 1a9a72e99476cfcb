"""Run the real command line in a separate process."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    process = await start(*arguments, folder=folder, environment=environment)
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin), LIMIT_S)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())
