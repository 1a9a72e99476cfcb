"""Commands of checks for tests, and what is left of them."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from revloop.checks.commands import CommandChecker
from revloop.options.commands import CommandOptions
from revloop.trajectory import Check, Draft

PATIENT_S = 60
"""A time limit that no test waits for."""

DRAFT = Draft(id="d", prompt="Write a program.", response="no program")


def python(code: str, *arguments: str) -> str:
    """A command that runs Python code."""
    return shlex.join([sys.executable, "-c", code, *arguments])


def checker_of(command: str, *, timeout_s: float = PATIENT_S, **given: object) -> CommandChecker:
    """A check with some options."""
    options = CommandOptions.model_validate(given)
    return CommandChecker(command, options, timeout_s=timeout_s, name="it")


async def check(
    command: str, text: str = "the text", *, timeout_s: float = PATIENT_S, **given: object
) -> Check:
    """What a command finds in a text."""
    return await checker_of(command, timeout_s=timeout_s, **given).check(DRAFT, text)


def need_bwrap() -> None:
    """Skip a test where bubblewrap is missing or may not make a sandbox."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    tried = subprocess.run(
        ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"],
        capture_output=True,
        check=False,
        text=True,
    )
    if tried.returncode:
        pytest.skip(f"bubblewrap cannot work here: {tried.stderr.strip()}")


def running(marker: str) -> list[int]:
    """The processes whose command line contains a marker (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found
