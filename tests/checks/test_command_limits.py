"""Commands that try to use too much, to outlive their check, or to leave the sandbox."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from revloop.concurrency import task_group
from revloop.errors import InputError
from tests.helpers.check_commands import (
    DRAFT,
    check,
    checker_of,
    need_bwrap,
    python,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows processes")

SLEEP = "import time; time.sleep(600)"


@pytest.fixture(params=["none", "bwrap"])
def sandbox(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where a command runs; its working folder is one that anyone may read."""
    if request.param == "bwrap":
        need_bwrap()
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return str(request.param)


@pytest.fixture
def marker() -> Iterator[str]:
    """An argument by which processes are found; none that has it may be left."""
    name = f"marker-{uuid.uuid4().hex}"
    yield name
    left = running(name)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert left == []


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are made."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


class TestLimits:
    async def test_a_text_that_hangs_fails(self, sandbox: str, marker: str) -> None:
        result = await check(
            python("print('began', flush=True);" + SLEEP, marker),
            sandbox=sandbox,
            timeout_s=1,
        )
        assert result.passed is False
        assert result.message == "The check 'it' took longer than 1 s.\nbegan"

    async def test_a_text_that_ignores_signals_is_ended(self, sandbox: str, marker: str) -> None:
        code = (
            "import signal;"
            "[signal.signal(n, signal.SIG_IGN) for n in range(1, 32) if n not in (9, 19)];"
        )
        result = await check(python(code + SLEEP, marker), sandbox=sandbox, timeout_s=1)
        assert result.message == "The check 'it' took longer than 1 s."

    async def test_endless_output_is_ended(self, sandbox: str, marker: str) -> None:
        result = await check(
            python("while True: print('x' * 99)", marker), sandbox=sandbox, check_output_kib=64
        )
        assert result.passed is False
        assert result.message.startswith("The check 'it' wrote more than 64 KiB.\n[…]\nxxx")

    async def test_too_much_memory_of_one_process_is_refused(self, sandbox: str) -> None:
        result = await check(
            python("x = bytearray(400 << 20)"), sandbox=sandbox, check_memory_mib=200
        )
        assert result.message.endswith("MemoryError")

    async def test_too_much_memory_of_many_processes_ends_them(
        self, sandbox: str, marker: str
    ) -> None:
        code = "import os; [os.fork() for _ in range(3)]; x = os.urandom(60 << 20);" + SLEEP
        result = await check(python(code, marker), sandbox=sandbox, check_memory_mib=200)
        assert result.message == "The check 'it' used more than 200 MiB of memory."

    async def test_shared_memory_is_limited_too(self, sandbox: str, marker: str) -> None:
        code = "import mmap; x = mmap.mmap(-1, 300 << 20);"
        code += "[x.write(bytes(1 << 20)) for _ in range(300)];" + SLEEP
        result = await check(python(code, marker), sandbox=sandbox, check_memory_mib=200)
        assert result.message == "The check 'it' used more than 200 MiB of memory."

    async def test_reserved_addresses_are_no_memory(self, sandbox: str) -> None:
        """Node.js, Java and Go reserve gigabytes."""
        code = "import mmap; mmap.mmap(-1, 8 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 0)"
        assert (await check(python(code), sandbox=sandbox)).passed

    async def test_processes_that_share_their_memory_are_counted_once(self, sandbox: str) -> None:
        code = """
            import os, time
            x = os.urandom(100 << 20)
            pids = [os.fork() for _ in range(3)]
            time.sleep(1)
        """
        result = await check(python(textwrap.dedent(code)), sandbox=sandbox, check_memory_mib=300)
        assert result.passed

    async def test_a_fork_bomb_is_ended(self, sandbox: str, marker: str) -> None:
        # it doubles, up to 1,024 processes
        code = "import os\nfor _ in range(10): os.fork()\n" + SLEEP
        result = await check(python(code, marker), sandbox=sandbox, check_processes=20)
        assert result.passed is False
        assert "The check 'it' started more than 20 processes." in result.message

    async def test_a_large_file_is_refused(self, sandbox: str) -> None:
        code = "import os; f = open(os.environ['HOME'] + '/f', 'wb'); f.write(bytes(2 << 20))"
        result = await check(python(code), sandbox=sandbox, check_file_mib=1)
        assert result.message.endswith("File too large")

    async def test_small_files_fill_only_the_sandbox(self, sandbox: str) -> None:
        if sandbox == "none":
            pytest.skip("without a sandbox, files are limited one by one")
        code = """
            import os
            for folder in os.environ['HOME'], '/dev/shm':
                try:
                    for number in range(100):
                        open(f'{folder}/{number}', 'wb').write(bytes(1 << 20))
                except OSError as exc:
                    print(exc.strerror)
            raise SystemExit(1)
        """
        result = await check(python(textwrap.dedent(code)), sandbox=sandbox)
        assert result.message == "No space left on device\nNo space left on device"


class TestWhatIsLeft:
    async def test_a_daemon_ends_with_its_command(self, sandbox: str, marker: str) -> None:
        code = """
            import os, time
            if not os.fork():
                os.setsid()
                if not os.fork():
                    time.sleep(600)
                os._exit(0)
            os.wait()
            time.sleep(0.2)
        """
        assert (await check(python(textwrap.dedent(code), marker), sandbox=sandbox)).passed

    async def test_a_command_ends_with_a_cancelled_check(
        self, sandbox: str, marker: str, scratch: Path
    ) -> None:
        checker = checker_of(python(SLEEP, marker), sandbox=sandbox)
        async with task_group() as tasks:
            tasks.start_soon(checker.check, DRAFT, "text")
            with anyio.fail_after(60):
                while not running(marker):  # noqa: ASYNC110 - a process tells nobody of its start
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
        assert running(marker) == []
        assert files_in(scratch) == []

    async def test_a_command_ends_when_revloop_is_killed(
        self, sandbox: str, marker: str, scratch: Path
    ) -> None:
        program = (
            "import asyncio, sys; from tests.helpers.check_commands import check;"
            "asyncio.run(check(sys.argv[1], sandbox=sys.argv[2]))"
        )
        path = os.pathsep.join(path for path in sys.path if path)
        line = [sys.executable, "-c", program, python(SLEEP, marker), sandbox]
        revloop = await anyio.open_process(
            line, env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(scratch)}
        )
        async with revloop:
            with anyio.fail_after(60):
                while len(running(marker)) < 3:  # noqa: ASYNC110
                    await anyio.sleep(0.01)
            assert files_in(scratch)
            revloop.kill()
        with anyio.fail_after(60):
            while running(marker) or files_in(scratch):  # noqa: ASYNC110
                await anyio.sleep(0.01)

    async def test_a_command_ends_with_the_process_that_watches_it(self, marker: str) -> None:
        code = "import os, signal; os.kill(os.getppid(), signal.SIGKILL);" + SLEEP
        with pytest.raises(InputError, match="ended the process that watches it"):
            await check(python(code, marker))
        with anyio.fail_after(60):
            while running(marker):  # noqa: ASYNC110
                await anyio.sleep(0.01)

    async def test_a_watching_process_that_does_not_answer_is_given_up(
        self, marker: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("revloop.checks.running._GRACE_S", 0.5)
        monkeypatch.setattr("revloop.checks.running._STOP_S", 0.1)
        code = "import os, signal; os.kill(os.getppid(), signal.SIGSTOP);" + SLEEP
        with pytest.raises(InputError, match="could not be ended after"):
            await check(python(code, marker), timeout_s=0.5)
        with anyio.fail_after(60):
            while running(marker):  # noqa: ASYNC110
                await anyio.sleep(0.01)

    async def test_no_file_is_left(self, sandbox: str, scratch: Path) -> None:
        assert (await check("touch {file}x" if sandbox == "none" else "true")).passed
        assert files_in(scratch) == []

    @pytest.mark.parametrize(
        "attack",
        [
            "os.remove(own); os.symlink(victim + '/kept', own)",
            "os.symlink(victim, own + '-link')",
            "shutil.rmtree(top); os.symlink(victim, top)",
        ],
    )
    async def test_a_link_in_place_of_its_file_or_folder_harms_nothing(
        self, attack: str, tmp_path: Path, scratch: Path
    ) -> None:
        (tmp_path / "kept").write_text("kept")
        code = (
            "import os, shutil, sys; own, victim = sys.argv[1:];"
            "top = os.path.dirname(os.path.dirname(own));"
        )
        assert (await check(python(code + attack, "{file}", str(tmp_path)))).passed
        assert (tmp_path / "kept").read_text() == "kept"
        assert files_in(scratch) == []


class TestSecrets:
    async def test_no_key_is_in_the_environment(
        self, sandbox: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REVLOOP_API_KEY", "sk-secret")
        result = await check("env; exit 1", check_shell=True, sandbox=sandbox)
        names = {line.partition("=")[0] for line in result.message.splitlines()}
        assert {"PATH", "HOME"} <= names
        assert "REVLOOP_API_KEY" not in names
        assert "sk-secret" not in result.message

    async def test_no_descriptor_is_passed_on(self, sandbox: str, tmp_path: Path) -> None:
        with (tmp_path / "open").open("w") as file:
            os.set_inheritable(file.fileno(), True)
            code = """
                import os
                numbers = []
                for number in range(200):
                    try:
                        os.fstat(number)
                        numbers.append(number)
                    except OSError:
                        pass
                raise SystemExit(str(numbers))
            """
            result = await check(python(textwrap.dedent(code)), sandbox=sandbox)
        assert result.message == "[0, 1, 2]"


class TestSandbox:
    """Attacks on a bubblewrap sandbox."""

    @pytest.fixture(autouse=True)
    def _in_a_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        need_bwrap()
        (tmp_path / "secret").write_text("the secret")
        work = tmp_path / "work"
        work.mkdir()
        (work / "data").write_text("the data")
        monkeypatch.chdir(work)

    async def attack(self, code: str, *arguments: str, sandbox_read: Sequence[Path] = ()) -> str:
        """What an attack says; it says and fails in any case."""
        start = "import os, sys; sys.stdout.reconfigure(line_buffering=True)"
        code = f"{start}\n{textwrap.dedent(code)}\nsys.exit(1)"
        result = await check(python(code, *arguments), sandbox="bwrap", sandbox_read=sandbox_read)
        assert result.passed is False
        return result.message

    async def test_the_network_is_out_of_reach(self) -> None:
        accepted = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(60)
            port = server.getsockname()[1]
            said = await self.attack(
                """
                import socket
                socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5)
                print("connected")
                """,
                str(port),
            )
            server.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                server.accept()
                accepted.set()
        assert "connected" not in said
        assert "Connection refused" in said
        assert not accepted.is_set()

    async def test_a_secret_beside_the_working_folder_is_hidden(self, tmp_path: Path) -> None:
        said = await self.attack(
            "print(open('data').read()); print(os.listdir('..')); open(sys.argv[1])",
            str(tmp_path / "secret"),
        )
        assert said.startswith("the data\n['work']\n")
        assert "No such file or directory" in said

    async def test_the_home_folder_is_hidden(self) -> None:
        home = Path.home()
        said = await self.attack("print(*os.listdir(sys.argv[1]))", str(home))
        shown = {Path(sys.prefix), Path(sys.base_prefix), Path.cwd()}
        expected = {path.relative_to(home).parts[0] for path in shown if path.is_relative_to(home)}
        assert "No such file" in said or set(said.split()) == expected

    async def test_a_named_folder_is_shown(self, tmp_path: Path) -> None:
        said = await self.attack(
            "print(open(sys.argv[1]).read())",
            str(tmp_path / "secret"),
            sandbox_read=[tmp_path / "secret"],
        )
        assert said == "the secret"

    async def test_nothing_can_be_written_but_temporary_files(self, tmp_path: Path) -> None:
        said = await self.attack(
            """
            for path in sys.argv[1:]:
                try:
                    open(path, "a").close()
                    print(path)
                except OSError:
                    pass
            """,
            *("data", "new", "/new", "/etc/new", "/usr/new", "/dev/new", "/var/new", "../new"),
            *(str(tmp_path / "new"), "{file}", "/proc/sys/kernel/hostname", "/tmp/new"),
        )
        assert all(
            line in {"../new", "/tmp/new"} or line.startswith("/tmp/") for line in said.split()
        )
        written = [
            path for path in (tmp_path / "new", Path("new"), Path("/tmp/new")) if path.exists()
        ]
        assert written == []
        assert (Path.cwd() / "data").read_text() == "the data"

    async def test_other_processes_are_out_of_sight(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REVLOOP_API_KEY", "sk-secret")
        said = await self.attack(
            f"""
            import glob, signal
            for path in glob.glob("/proc/[0-9]*/environ"):
                try:
                    print("sk-" + "secret" in open(path).read())
                except OSError:
                    pass
            print(os.path.exists("/proc/{os.getpid()}/exe"))
            """
        )
        assert "True" not in said

    async def test_it_is_not_root(self) -> None:
        said = await self.attack(
            """
            status = open("/proc/self/status").read().splitlines()
            print([line for line in status if line.startswith(("CapEff", "CapBnd", "NoNewPrivs"))])
            for forbidden in (lambda: os.setuid(0), lambda: os.chroot("/tmp")):
                try:
                    if os.getuid():
                        forbidden()
                        print("allowed")
                except OSError:
                    print("refused")
            """
        )
        assert "allowed" not in said
        assert "CapEff:\\t0000000000000000" in said
        assert "NoNewPrivs:\\t1" in said

    async def test_it_makes_no_namespaces_of_its_own(self) -> None:
        version = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=True)  # noqa: ASYNC221
        if tuple(map(int, version.stdout.split()[-1].split("."))) < (0, 8):
            pytest.skip("bubblewrap forbids it from version 0.8 on")
        clone_newuser = 0x10000000
        said = await self.attack(
            f"import ctypes; print(ctypes.CDLL(None).unshare({clone_newuser}))"
        )
        assert said == "-1"

    async def test_a_crash_in_the_sandbox_is_told(self) -> None:
        said = await self.attack("os.kill(os.getpid(), 11)")
        assert said == "The check 'it' was ended by SIGSEGV."

    async def test_the_random_folder_of_a_file_is_left_out(self) -> None:
        assert await self.attack("print(sys.argv[1])", "{file.py}") == "text.py"

    @pytest.mark.parametrize("refused", ["--proc", "--disable-userns"])
    async def test_it_does_without_what_an_old_bubblewrap_or_a_container_refuses(
        self, refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = shutil.which("bwrap")
        fake = tmp_path / "bwrap"
        fake.write_text(
            f'#!/bin/sh\nfor word; do test "$word" != {refused} || exit 1; done\nexec {real} "$@"\n'
        )
        fake.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        assert await self.attack("print(open('data').read())") == "the data"

    def test_a_program_outside_is_told_at_once(self, tmp_path: Path) -> None:
        program = tmp_path / "tool" / "program"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        line = shlex.quote(str(program))
        with pytest.raises(InputError, match=r"cannot be run in the sandbox.*--sandbox-read"):
            checker_of(line, sandbox="bwrap")
        checker_of(line, sandbox="bwrap", sandbox_read=[program.parent])

    def test_a_home_as_working_folder_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path / "work"))
        with pytest.raises(InputError, match="shows your whole home"):
            checker_of("true", sandbox="bwrap")
        monkeypatch.setenv("HOME", str(tmp_path))
        checker_of("true", sandbox="bwrap")

    def test_a_missing_folder_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"--sandbox-read names .* does not exist"):
            checker_of("true", sandbox="bwrap", sandbox_read=[tmp_path / "none"])


class TestNoSandbox:
    """Machines on which bubblewrap is missing, or refused by the kernel."""

    def test_missing_bubblewrap_is_told_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shutil.which", lambda name: None if name == "bwrap" else f"/{name}")
        with pytest.raises(InputError, match=r"no bubblewrap.*Install it"):
            checker_of("true", sandbox="bwrap")

    def test_a_refusal_is_told_at_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake = tmp_path / "bwrap"
        fake.write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2; exit 1\n")
        fake.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        work = tmp_path / "work"
        work.mkdir()
        monkeypatch.chdir(work)
        with pytest.raises(InputError, match="setting up uid map: Permission denied"):
            checker_of("true", sandbox="bwrap")
