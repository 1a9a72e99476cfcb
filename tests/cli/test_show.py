"""`revloop show` fits where it is printed."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest

from revloop import StopReason
from revloop.cli.output import printable
from tests.helpers.command_line import revloop
from tests.helpers.edited_samples import edited_store
from tests.helpers.export_samples import judge_all_pairs, scored, store_trajectories
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
    assert head.split() == ["id", "rounds", "score", "ended", "last", "version"]
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


def names(out: str) -> list[str]:
    """The ids of a list."""
    return [line.split()[0] for line in out.splitlines()[1:]]


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """Trajectories that got better, worse, and longer; one is not finished, one failed."""
    rows = [["5 a", "6 b"], ["5 a", "4 b", "3 c"], ["5 a", "5 longer"], ["5 a"], ["5 a"]]
    fields = [{"kind": kind, "n": n} for n, kind in enumerate(("mail", "note", "mail", "x", "x"))]
    done = StopReason.ROUNDS_DONE
    reasons = [done, StopReason.CONVERGED, done, None, StopReason.ENGINE_FAILED]
    return judge_all_pairs(store_of(tmp_path / "s.sqlite", rows, fields=fields, reasons=reasons))


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (("--where", "kind=mail"), ["d1", "d3"]),
        (("--where", "kind=mail", "--where", "n=2"), ["d3"]),
        (("--reason", "converged"), ["d2"]),
        (("--reason", "unfinished", "--reason", "engine_failed"), ["d4", "d5"]),
        (("--harmed",), ["d2"]),
        (("--harmed", "--where", "kind=mail"), []),
        (("--sort", "length", "--where", "kind=mail"), ["d1", "d3"]),
        (("--sort", "rounds"), ["d4", "d5", "d1", "d3", "d2"]),
    ],
)
async def test_the_list_is_filtered_and_sorted(
    judged: Path, options: tuple[str, ...], ids: list[str]
) -> None:
    shown = await revloop("show", judged.name, *options, folder=judged.parent)
    assert (shown.code, names(shown.out)) == (0, ids)
    as_json = await revloop("show", judged.name, "--json", *options, folder=judged.parent)
    assert [json.loads(line)["draft"]["id"] for line in as_json.out.splitlines()] == ids


async def test_a_stop_reason_that_there_is_not_is_told(judged: Path) -> None:
    shown = await revloop("show", judged.name, "--reason", "done", folder=judged.parent)
    assert shown.code == 3
    assert "no stop reason 'done'. Known: rounds_done, " in shown.err


async def test_harm_needs_verdicts(store: Path) -> None:
    shown = await revloop("show", store.name, "--harmed", folder=store.parent)
    assert shown.code == 3
    told = " ".join(shown.err.split())
    assert f"Compare them (revloop evaluate {store.name} --judge JUDGE)." in told


async def test_the_critics_first_and_last_scores_are_listed_and_sorted(tmp_path: Path) -> None:
    made = [
        scored(("a", 3.0), ("b", 4.0), ("c", 9.0), ("d", None), id_="up"),
        scored(("a", 7.5), ("b", None), id_="once"),
        scored(("a", None), id_="never"),
    ]
    store_trajectories(tmp_path / "s.sqlite", *made)
    shown = (await revloop("show", "s.sqlite", "--sort", "score", folder=tmp_path)).out
    assert [line.split("  ")[0].strip() for line in shown.splitlines()[1:]] == [
        *("never", "once", "up")
    ]
    assert "  3 > 9  " in shown
    assert "  7.5  " in shown
