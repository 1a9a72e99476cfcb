"""A command as check: exit code 0 passes, and what it writes is the message."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import signal
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, to_thread

from revloop.checks.messages import MESSAGE_CHARACTERS, plain, tail
from revloop.checks.running import run_command
from revloop.checks.sandbox import INPUTS, SCRATCH, STATUS_FD, Sandbox
from revloop.errors import InputError
from revloop.options.commands import CommandOptions
from revloop.trajectory import Check, CheckInfo
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from revloop.checks.running import Ended
    from revloop.trajectory import Draft

_PLACEHOLDER = re.compile(r"\{(?:draft|file(?P<suffix>(?:\.[A-Za-z0-9]+)*))\}")
_SHELL_WORD = re.compile(r"\|{1,2}|&{1,2}|<|\d?>{1,2}|\d?>&\d")
_TEXT, _DRAFT = "text", "draft.json"
_PASSED_ON = ("PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ")
_BY_SHELL = 128
"""A shell, and bubblewrap, report signal N as exit code 128 + N."""


class CommandChecker:
    """A check that runs a command in a process of its own, under limits.

    The command reads the text from its standard input, or from a file whose path replaces
    ``{file}``, or ``{file.py}`` for a name that ends so. ``{draft}`` is replaced by the path of the
    draft as JSON. It runs in the working folder, with a few environment variables only.

    A command that takes too long, or too much of anything else, fails the text.

    Args:
        command: Its words as a shell would split them; a shell runs it only if the options say so.
        options: Its limits, and whether it runs in a sandbox.
        timeout_s: Seconds that it may take for one text.
        name: The name that the user gave it; None: the command.

    Raises:
        InputError: There is no such program, or no sandbox can be made.
    """

    def __init__(
        self,
        command: str,
        options: CommandOptions | None = None,
        *,
        timeout_s: float = 10.0,
        name: str | None = None,
    ) -> None:
        self._options = options or CommandOptions()
        self.timeout_s = timeout_s
        self._folder = Path.cwd()
        self._command = command
        self._words = _words(command)
        if not self._options.check_shell:
            _refuse_shell(command)
        self._sandbox: Sandbox | None = None
        self._find_program(command)
        self.info = CheckInfo(name=name or command, digest=self._digest())

    async def check(self, draft: Draft, text: str) -> Check:
        """Check a text. See :class:`~revloop.trajectory.Checker`.

        Raises:
            InputError: The command could not be started.
        """
        scratch = await to_thread.run_sync(partial(tempfile.mkdtemp, prefix="revloop-check-"))
        try:
            inputs = Path(scratch) / INPUTS.name
            await to_thread.run_sync(self._write_inputs, inputs, draft, text)
            ended = await run_command(self._task(inputs))
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(_remove, Path(scratch))
        return self._result(ended, inputs)

    async def aclose(self) -> None:
        """Do nothing: no process outlives its check."""

    def _find_program(self, command: str) -> None:
        """Make sure that the command can be run."""
        if os.name != "posix":
            raise InputError("--check-cmd needs Linux or macOS. Use --check module:function here.")
        program = "/bin/sh" if self._options.check_shell else self._words[0]
        if not _PLACEHOLDER.search(program) and shutil.which(program) is None:
            raise InputError(
                f"--check-cmd {shlex.quote(command)}: there is no program '{program}'. Name a "
                "program in PATH or a path to one; --check-shell runs the command with a shell."
            )
        if self._options.sandbox == "bwrap":
            self._sandbox = Sandbox(self._folder, self._options.sandbox_read)
            self._sandbox.probe(program, _environment(SCRATCH))

    def _digest(self) -> str:
        """Of the command, its options, and its files in the working folder."""
        files = {word: _digest_of_file(self._folder, word) for word in self._words}
        found = {word: digest for word, digest in files.items() if digest}
        limits = self._options.model_dump(mode="json", include=set(CommandOptions.model_fields))
        return digest_of("command", self._command, limits, self.timeout_s, found)

    def _write_inputs(self, inputs: Path, draft: Draft, text: str) -> None:
        inputs.mkdir()
        names = {_TEXT + (match["suffix"] or "") for match in self._placeholders()}
        for name in {_TEXT, *names} - {_DRAFT}:
            _write(inputs / name, text)
        if any(match[0] == "{draft}" for match in self._placeholders()):
            _write(inputs / _DRAFT, draft.to_json())

    def _placeholders(self) -> Iterable[re.Match[str]]:
        return _PLACEHOLDER.finditer(self._command)

    def _task(self, inputs: Path) -> dict[str, Any]:
        """What :mod:`~revloop.checks.launch` is to do."""
        options, sandbox = self._options, self._sandbox
        seen = inputs if sandbox is None else INPUTS
        argv = [_filled(word, seen) for word in self._words]
        if options.check_shell:
            argv = ["/bin/sh", "-c", _filled(self._command, seen)]
        takes_file = any(match[0].startswith("{file") for match in self._placeholders())
        return {
            "argv": argv if sandbox is None else sandbox.wrap(argv, inputs),
            "stdin": os.devnull if takes_file else str(inputs / _TEXT),
            "folder": str(self._folder),
            "scratch": str(inputs.parent),
            "environment": _environment(inputs.parent if sandbox is None else SCRATCH),
            "timeout_s": self.timeout_s,
            "memory_bytes": options.check_memory_mib * 2**20,
            "output_bytes": options.check_output_kib * 2**10,
            "file_bytes": options.check_file_mib * 2**20,
            "processes": options.check_processes,
            "user": os.getuid() if sandbox is None else sandbox.user,
            "status_fd": None if sandbox is None else STATUS_FD,
        }

    def _result(self, ended: Ended, inputs: Path) -> Check:
        if ended.limit is None and ended.exit_code == 0:
            return Check(passed=True)
        output = plain(ended.output)
        # its name is random, and may follow the way from another folder
        output = re.sub(rf"[\w./-]*{inputs.parent.name}/({inputs.name}/)?", "", output)
        for folder in (INPUTS, self._folder):  # they say nothing about the text
            output = output.replace(f"{folder}/", "")
        why = self._why(ended, has_output=bool(output))
        room = MESSAGE_CHARACTERS - len(why) - 1
        return Check(passed=False, message=f"{why}\n{tail(output, room)}".strip())

    def _why(self, ended: Ended, *, has_output: bool) -> str:
        options, check = self._options, f"The check '{self.info.name:.80}'"
        if ended.limit is not None:
            return {
                "time": f"{check} took longer than {self.timeout_s:g} s.",
                "memory": f"{check} used more than {options.check_memory_mib} MiB of memory.",
                "output": f"{check} wrote more than {options.check_output_kib} KiB.",
                "processes": f"{check} started more than {options.check_processes} processes.",
            }[ended.limit]
        code = ended.exit_code or 0
        number = -code if code < 0 else code - _BY_SHELL
        if number in set(signal.Signals):
            return f"{check} was ended by {signal.Signals(number).name}."
        return "" if has_output else f"{check} failed with exit code {code} and no message."


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as exc:
        raise InputError(f"--check-cmd {command!r} cannot be split into words: {exc}.") from exc
    if not words:
        raise InputError("--check-cmd is empty: name a command.")
    return words


def _refuse_shell(command: str) -> None:
    """Refuse a command that would be given the words of a shell as arguments, such as a pipe."""
    with suppress(ValueError):
        bare = [word for word in shlex.split(command, posix=False) if _SHELL_WORD.fullmatch(word)]
        if bare:
            raise InputError(
                f"--check-cmd {command!r}: no shell runs the command, so '{bare[0]}' would be an "
                "argument of it. --check-shell runs it with a shell; in quotes it is an argument."
            )


def _filled(word: str, folder: Path) -> str:
    """A word with the paths of its files, in a single pass."""
    return _PLACEHOLDER.sub(
        lambda match: str(
            folder / (_DRAFT if match[0] == "{draft}" else f"{_TEXT}{match['suffix']}")
        ),
        word,
    )


def _environment(home: Path) -> dict[str, str]:
    """Without the user's keys, and with a home folder that is empty."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    # as many commands run at the same time as there are CPUs
    return {**kept, "HOME": str(home), "TMPDIR": str(home), "OMP_NUM_THREADS": "1"}


def _digest_of_file(folder: Path, word: str) -> str:
    """The digest of a command's file; empty if there is none in the working folder."""
    path = folder / word
    if _PLACEHOLDER.search(word) or not path.is_file() or not path.is_relative_to(folder):
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, content: str) -> None:
    """Write a new file; never through a link."""
    with path.open("x", encoding="utf-8", newline="") as file:
        file.write(content)


def _remove(scratch: Path) -> None:
    """Remove a command's temporary folder, or the link that it put in its place."""
    if scratch.is_symlink():
        scratch.unlink()
    shutil.rmtree(scratch, ignore_errors=True)
