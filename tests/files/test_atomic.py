"""Files that are complete or absent: until its end a file has a temporary name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from revloop.errors import InputError, ReaderGoneError
from revloop.files.atomic import atomic_file, translate_write_errors

if TYPE_CHECKING:
    from pathlib import Path

WRITE_AND_WAIT = """
import sys
from pathlib import Path
from revloop.files.atomic import atomic_file, translate_write_errors
with atomic_file(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("written", flush=True)
    sys.stdin.read()
"""
WRITE_WITHOUT_ROOM = """
import resource, sys
from pathlib import Path
from revloop import InputError
from revloop.files.atomic import atomic_file, translate_write_errors
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
path = Path(sys.argv[1])
try:
    with atomic_file(path) as file:
        for _ in range(100):
            with translate_write_errors(path):
                file.write(b"x" * 10_000)
except InputError as exc:
    print(exc)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def start(path: Path) -> subprocess.Popen[bytes]:
    """A process that has written half a file, and waits."""
    command = [sys.executable, "-c", WRITE_AND_WAIT, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.communicate(timeout=60)


def test_a_file_gets_its_name_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with atomic_file(path) as file:
        file.write(b"one\n")
        assert names(tmp_path) == [".out.jsonl.tmp"]
    assert names(tmp_path) == ["out.jsonl"]
    assert path.read_bytes() == b"one\n"


def test_an_older_file_stays_until_then(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"older\n")
    with atomic_file(path) as file:
        file.write(b"newer\n")
        assert path.read_bytes() == b"older\n"
    assert path.read_bytes() == b"newer\n"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"older\n")

    def write() -> None:
        with atomic_file(path) as file:
            file.write(b"newer\n")
            raise error

    with pytest.raises(error):
        write()
    assert names(tmp_path) == ["out.jsonl"]
    assert path.read_bytes() == b"older\n"


def test_what_a_killed_process_has_left_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    process = start(path)
    process.send_signal(signal.SIGKILL)
    end(process)
    assert names(tmp_path) == [".out.jsonl.tmp"]
    with atomic_file(path) as file:
        file.write(b"1\n")
    assert names(tmp_path) == ["out.jsonl"]
    assert path.read_bytes() == b"1\n"


def test_two_processes_never_write_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    process = start(path)
    with pytest.raises(InputError, match="is being written by another process"), atomic_file(path):
        pytest.fail("both write")
    end(process)
    assert path.read_bytes() == b"half"
    with atomic_file(path) as file:
        file.write(b"later")
    assert path.read_bytes() == b"later"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "out.jsonl"
    link.symlink_to(tmp_path / "there" / "real.jsonl")
    with atomic_file(link) as file:
        file.write(b"one\n")
    assert link.is_symlink()
    assert (tmp_path / "there" / "real.jsonl").read_bytes() == b"one\n"


def test_a_device_is_written_as_it_is(tmp_path: Path) -> None:
    device = tmp_path / "nothing"
    device.symlink_to(os.devnull)
    with atomic_file(device) as file:
        file.write(b"one\n")
    assert not device.is_file()
    assert names(tmp_path) == ["nothing"]


def test_a_pipe_is_written_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with atomic_file(pipe) as file:
        file.write(b"one\n")
    reader.join()
    assert read == [b"one\n"]


def test_without_space_the_error_is_clear_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"older\n")
    command = [sys.executable, "-c", WRITE_WITHOUT_ROOM, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (
        "out.jsonl cannot be written: File too large. An earlier file of that name is unchanged"
        in done.stdout
    )
    assert "Free some space and try again" in done.stdout
    assert done.stderr == ""
    assert names(tmp_path) == ["out.jsonl"]
    assert path.read_bytes() == b"older\n"


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder, not a file"), atomic_file(tmp_path):
        pytest.fail("a folder was opened")


def test_a_folder_that_is_not_there_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "out.jsonl"
    with pytest.raises(InputError, match="cannot be written: No such file"), atomic_file(path):
        pytest.fail("it was opened")


def test_a_closed_pipe_is_not_an_error_of_the_file(tmp_path: Path) -> None:
    with (
        pytest.raises(ReaderGoneError, match="the pipe's reader has closed it"),
        translate_write_errors(tmp_path / "pipe"),
    ):
        raise BrokenPipeError
