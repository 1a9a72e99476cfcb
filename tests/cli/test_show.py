"""`revloop show` fits where it is printed."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest

from revloop.cli.output import printable
from tests.helpers.command_line import revloop
from tests.helpers.edited_samples import edited_store
from tests.helpers.judges import store_of

if TYPE_CHECKING:
    from pathlib import Path

LONG = "Thank you for the scarf, which is warm. " * 10


def in_a_terminal(folder: Path, columns: int, *arguments: str, **variables: str) -> list[str]:
    """The lines that a command writes to a terminal of so many columns."""
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {n: v for n, v in os.environ.items() if n not in {"COLUMNS", "NO_COLOR"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "revloop", *arguments],
        cwd=folder,
        env={**environment, "TERM": "xterm", **variables},
        stdin=its,
        stdout=its,
        stderr=subprocess.PIPE,
    )
    os.close(its)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:
        pass  # so Linux tells that the other end is closed
    os.close(ours)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return written.decode().splitlines()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of long texts, one of letters that take two columns."""
    return store_of(
        tmp_path / "s.sqlite", [["a", LONG], ["b", "暖かいスカーフをありがとう。" * 10]]
    )


async def test_in_a_pipe_the_list_has_80_columns(store: Path) -> None:
    finished = await revloop("show", store.name, folder=store.parent)
    head, first, _ = finished.out.splitlines()
    assert head.split() == ["id", "rounds", "ended", "last", "version"]
    assert len(first) == 80
    assert first.endswith("…")


@pytest.mark.parametrize("columns", [60, 132])
def test_the_list_has_the_terminals_width(store: Path, columns: int) -> None:
    _, first, wide = in_a_terminal(store.parent, columns, "show", store.name)
    assert len(first) == columns
    assert first.endswith("…")
    letters = sum(ord(letter) > 0x2E80 for letter in wide)  # of two columns each
    assert columns - 1 <= len(wide) + letters <= columns


async def test_a_version_is_shown_whole_whatever_the_width(store: Path) -> None:
    finished = await revloop("show", store.name, "d1", folder=store.parent)
    assert printable(LONG).strip() in finished.out


def test_a_terminal_without_colours_shows_marks_instead(tmp_path: Path) -> None:
    edited_store(tmp_path / "s.sqlite")
    coloured = in_a_terminal(tmp_path, 80, "show", "s.sqlite", "applied")
    plain = in_a_terminal(tmp_path, 80, "show", "s.sqlite", "applied", NO_COLOR="1")
    assert "\x1b[9;31mYour team\x1b[0m\x1b[32mYour pool team\x1b[0m" in coloured
    assert "[-Your team-]{+Your pool team+}" in "".join(plain).replace("\x1b[0m", "").replace(
        "\x1b[9m", ""
    )
