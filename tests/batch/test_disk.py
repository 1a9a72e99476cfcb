"""A batch whose disk fills up: a clear error, an intact store, and a run that resumes."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.helpers.running_batch import Server, answering_server, assert_right, ended, work_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

DRAFTS = 150


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with answering_server() as server:
        yield server


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 600 KiB; only root may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if mount("-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)):
        pytest.skip("no small file system can be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def mount(*arguments: str) -> int:
    if shutil.which("mount") is None:
        return 1
    return subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode


def assert_intact(store: Path) -> int:
    """SQLite finds nothing wrong; returns the number of versions."""
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        number: int = connection.execute("SELECT count(*) FROM versions").fetchone()[0]
        return number


async def test_a_full_disk_is_reported_and_the_run_resumes_when_there_is_room(
    server: Server, tmp_path: Path, small_disk: Path
) -> None:
    work = work_in(tmp_path / "work", DRAFTS)
    store = small_disk / "versions.sqlite"
    full = await work.run(server, "--store", str(store))
    assert full.code == 5, full.err
    assert "the disk is full. What was stored is intact; free some space and continue" in full.err
    assert "Traceback" not in full.err
    assert not work.output.exists()
    stored = assert_intact(store)
    assert stored > 0
    assert mount("-o", "remount,size=64m", str(small_disk)) == 0
    again = await work.run(server, "--store", str(store))
    assert again.code == 0, again.err
    assert assert_intact(store) > stored
    assert_right(work, DRAFTS)


async def test_a_store_at_its_file_size_limit_is_reported_and_the_run_resumes(
    server: Server, tmp_path: Path
) -> None:
    """The same with a file size limit of 400 KiB (RLIMIT_FSIZE)."""
    work = work_in(tmp_path / "work", DRAFTS)
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (400 * 1024,) * 2);"
        "from revloop.cli import main; sys.exit(main())"
    )
    arguments = ("batch", "drafts.jsonl", "out.jsonl", "--base-url", server.base_url)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", limited, *arguments),
        cwd=work.folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    full = await ended(process)
    assert full.code == 5, full.err
    assert "What was stored is intact" in full.err
    assert "Traceback" not in full.err
    stored = assert_intact(work.store)
    assert stored > 0
    again = await work.run(server)
    assert again.code == 0, again.err
    assert assert_intact(work.store) > stored
    assert_right(work, DRAFTS)
